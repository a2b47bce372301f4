"""A response belongs to the request that it was given to, whatever an endpoint says on a kept connection."""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from inflow.egress import dialling
from tests import make
from tests.webhooks import wire
from tests.webhooks.certificates import certificate_for
from webhooks.delivery import transport
from webhooks.delivery.sending import deliver_due
from webhooks.models import Delivery

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FAILED = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno"
LARGE = b"x" * 8_000_000  # more than lies in the buffers of a socket
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.TRY_OUT = True


class Endpoint:
    """Serves each connection with `script`, and counts the connections and the requests that came in full."""

    def __init__(self, script: Callable[["Endpoint", socket.socket], None]) -> None:
        self._script = script
        self.connections = 0
        self.requests: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        self.connections += 1
        self._script(self, connection)

    def take(self, connection: socket.socket) -> None:
        self.requests.append(wire.request(connection).partition(b"\r\n\r\n")[2])


def answering(*responses: bytes) -> Endpoint:
    """Gives the n-th request that comes, on whichever connection, the n-th response; the last one to all others."""

    def script(endpoint: Endpoint, connection: socket.socket) -> None:
        while True:
            endpoint.take(connection)
            connection.sendall(responses[min(len(endpoint.requests), len(responses)) - 1])

    return Endpoint(script)


def post(url: str, body: bytes = b"{}", **limits: float) -> transport.Response:
    return transport.post(url, body, {"webhook-id": "evt_1"}, **limits)


# --- Interim responses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "interim",
    [
        HINTS,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\x81\x05\xff\x00\n\x00\x00",
        b"HTTP/1.1 199 Own\r\n\r\n",
        b"HTTP/1.0 103\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\n\n",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n",
        HINTS + b"some garbage\r\nand more\r\n\r\n",
        HINTS * 50,
        b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS + b"HTTP/1.1 102 Processing\r\n\r\n",
    ],
)
@pytest.mark.parametrize("final", [OK, FAILED])
def test_interim_responses_are_skipped_and_their_connection_is_not_used_again(interim: bytes, final: bytes) -> None:
    other = FAILED if final == OK else OK
    endpoint = answering(interim + final, other)
    with wire.server(endpoint) as url:
        first, second = post(url), post(url)
    statuses = {OK: 200, FAILED: 500}
    assert (first.status, first.body) == (statuses[final], final[-2:])
    assert second.status == statuses[other]
    assert (endpoint.connections, len(endpoint.requests)) == (2, 2)


def test_interim_responses_that_drip_in_are_skipped_too() -> None:
    def script(endpoint: Endpoint, connection: socket.socket) -> None:
        endpoint.take(connection)
        for byte in HINTS + FAILED:
            connection.sendall(bytes([byte]))

    with wire.server(Endpoint(script)) as url:
        assert post(url).status == 500


@pytest.mark.parametrize("then", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 0103 Hidden\r\n\r\n", b"HTTP/1.1 099\r\n\r\n"])
def test_without_a_final_response_there_is_none(then: bytes) -> None:
    def script(endpoint: Endpoint, connection: socket.socket) -> None:
        endpoint.take(connection)
        connection.sendall(HINTS + then)

    with wire.server(Endpoint(script)) as url:
        assert post(url).status is None


def test_interim_responses_without_end_are_no_response() -> None:
    def script(endpoint: Endpoint, connection: socket.socket) -> None:
        endpoint.take(connection)
        for _ in range(5_000):
            connection.sendall(HINTS)

    with wire.server(Endpoint(script)) as url:
        assert (post(url).status, post(url).error) == (None, "protocol")


def test_the_final_response_must_come_within_the_deadline() -> None:
    is_over = threading.Event()

    def script(endpoint: Endpoint, connection: socket.socket) -> None:
        endpoint.take(connection)
        connection.sendall(HINTS)
        is_over.wait(5)
        connection.sendall(OK)

    endpoint = Endpoint(script)
    with wire.server(endpoint) as url:
        answer = post(url, headers_s=0.3, total_s=0.3)
        is_over.set()
    assert (answer.status, answer.error) == (None, "timeout")


@pytest.mark.django_db
def test_an_event_that_was_refused_is_not_taken_for_delivered() -> None:
    """An endpoint sends 103 at once and 200 later to event 1, and 500 to event 2."""
    account = make.account()
    endpoint = answering(HINTS + OK, FAILED)
    with wire.server(endpoint) as url:
        make.subscription(account, url)
        first = make.invoice(account)
        deliver_due()
        second = make.invoice(account)
        deliver_due()
        Delivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())
        deliver_due()
    statuses = dict(Delivery.objects.order_by("event__seq").values_list("event__body", "status"))
    by_number = {json.loads(body)["data"]["invoice_number"]: status for body, status in statuses.items()}
    assert by_number == {first.invoice_number: "delivered", second.invoice_number: "pending"}
    assert list(Delivery.objects.order_by("event__seq").values_list("attempts_made", flat=True)) == [1, 2]


# --- What is left over, or comes early ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response",
    [
        OK + OK,
        OK + FAILED,
        OK + HINTS,
        OK + b"x",
        OK + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + OK,
        b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: gzip, chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nNo header\r\nTransfer-Encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA-Trailer: 1\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
    ],
)
def test_a_connection_is_not_used_again_unless_its_response_is_all_there_was(response: bytes) -> None:
    endpoint = answering(response, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    with wire.server(endpoint) as url:
        first, second = post(url, headers_s=0.5, total_s=0.5), post(url)
    assert first.status in (200, 204, 304, None)
    assert second.status == 503
    assert (endpoint.connections, len(endpoint.requests)) == (2, 2)


@pytest.mark.parametrize(
    "response",
    [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA-Trailer: 1\r\n\r\n",
    ],
)
def test_a_connection_whose_response_was_read_to_its_end_is_used_again(response: bytes) -> None:
    endpoint = answering(response)
    with wire.server(endpoint) as url:
        assert {post(url).status for _ in range(3)} <= {200, 204}
    assert (endpoint.connections, len(endpoint.requests)) == (1, 3)


def test_what_comes_between_two_requests_answers_neither() -> None:
    """The second response to the first request comes when the connection is kept already."""
    may_say, has_said = threading.Event(), threading.Event()

    def script(endpoint: Endpoint, connection: socket.socket) -> None:
        endpoint.take(connection)
        if len(endpoint.requests) > 1:
            connection.sendall(FAILED)
            return
        connection.sendall(OK)
        may_say.wait(5)
        connection.sendall(OK)
        has_said.set()
        endpoint.take(connection)
        connection.sendall(OK)

    endpoint = Endpoint(script)
    with wire.server(endpoint) as url:
        assert post(url).status == 200
        may_say.set()
        has_said.wait(5)
        assert post(url).status == 500
    assert (endpoint.connections, len(endpoint.requests)) == (2, 2)


def test_what_comes_on_a_kept_connection_before_the_request_is_complete_does_not_answer_it() -> None:
    head_only = threading.Event()

    def script(endpoint: Endpoint, connection: socket.socket) -> None:
        endpoint.take(connection)
        if len(endpoint.requests) > 1:
            connection.sendall(FAILED)
            return
        connection.sendall(OK)
        connection.recv(10)  # the second request begins
        connection.sendall(OK)
        head_only.set()
        while connection.recv(65536):
            pass

    endpoint = Endpoint(script)
    body = LARGE
    with wire.server(endpoint) as url:
        assert post(url).status == 200
        assert post(url, body, headers_s=30, total_s=30).status == 500
    assert head_only.is_set()
    assert (endpoint.connections, len(endpoint.requests)) == (2, 2)
    assert endpoint.requests[1] == body


@pytest.mark.parametrize("interim", [b"", HINTS])
def test_a_response_before_the_request_was_sent_in_full_is_its_response(interim: bytes) -> None:
    """On a new connection there is no other request. The connection is not used again."""
    refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"

    def script(endpoint: Endpoint, connection: socket.socket) -> None:
        connection.recv(10)
        connection.sendall(interim + refused)
        if interim:
            while connection.recv(65536):
                pass
        is_over.wait(5)

    is_over = threading.Event()
    endpoint = Endpoint(script)
    with wire.server(endpoint) as url:
        assert post(url, LARGE, headers_s=30, total_s=30).status == 413
        assert post(url, LARGE, headers_s=30, total_s=30).status == 413
        is_over.set()
    assert endpoint.connections == 2


def test_two_endpoints_of_one_host_share_no_connection() -> None:
    """The other one may belong to another account."""
    endpoint = answering(OK)
    with wire.server(endpoint) as url:
        for path in ("/a", "/b", "/b?c", "/a"):
            assert post(url + path).status == 200
    assert endpoint.connections == 3


# --- TLS ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = certificate_for("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    dialling.tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    yield context
    dialling.tls.cache_clear()


@pytest.mark.parametrize(
    ("response", "connections"), [(OK, 1), (HINTS + OK, 2), (OK + FAILED, 2), (OK + b"x" * 10_000, 2)]
)
def test_the_same_holds_over_tls(tls: ssl.SSLContext, response: bytes, connections: int) -> None:
    endpoint = answering(response, FAILED)

    def over_tls(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as wrapped:
            endpoint(wrapped)

    with wire.server(over_tls) as url:
        url = url.replace("http://127.0.0.1", "https://localhost")
        assert [post(url).status, post(url).status] == [200, 500]
    assert endpoint.connections == connections
