"""HTTP to strangers: hard ends in time and bytes, nothing followed, nothing taken from the environment."""

import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inflow.egress import dialling
from tests.receiver import Answer, Receiver, Request
from tests.webhooks import wire
from tests.webhooks.certificates import certificate_for
from webhooks.delivery import transport
from webhooks.delivery.sending import stored

BODY = b'{"id": "evt_1"}'
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.TRY_OUT = True


def post(url: str, **limits: float) -> transport.Response:
    return transport.post(url, BODY, {"webhook-id": "evt_1"}, **limits)


def drip(head: bytes, byte: bytes) -> wire.Script:
    def script(connection: socket.socket) -> None:
        wire.request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(byte)
            time.sleep(0.05)

    return script


def test_the_body_arrives_as_it_is_and_the_answer_is_told() -> None:
    with Receiver(Answer(202, b"taken")) as receiver:
        answer = post(receiver.url + "?a=b%20c#part")
        [request] = receiver.requests
    assert (answer.status, answer.error, answer.body) == (202, "", b"taken")
    assert (request.method, request.path, request.body) == ("POST", "/hook?a=b%20c", BODY)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (lambda connection: time.sleep(5), "timeout"),
        (drip(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"a"), "timeout"),
        (drip(b"", b"H"), "timeout"),
        (drip(b"HTTP/1.1 ", b"100 Continue\r\n\r\nHTTP/1.1 "), "timeout"),
        (drip(OK + b"Content-Length: 100000\r\n\r\n", b"a"), "deadline"),
        (drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), "deadline"),
        (drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1"), "deadline"),
        (drip(OK + b"\r\n", b"a"), "deadline"),
    ],
    ids=["silence", "a header", "a status line", "100 Continue", "a body", "chunks", "a chunk's length", "until close"],
)
def test_no_answer_lasts_longer_than_the_deadline_however_it_drips(script: wire.Script, error: str) -> None:
    with wire.server(script) as url:
        began = time.monotonic()
        answer = post(url, headers_s=0.5, total_s=0.8)
        took = time.monotonic() - began
    assert (answer.status, answer.error) == (None, error)
    assert (0.4 if error == "timeout" else 0.7) <= took < 2


def test_a_receiver_that_takes_nothing_in_ends_at_the_deadline() -> None:
    def deaf(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        time.sleep(5)

    with wire.server(deaf) as url:
        began = time.monotonic()
        answer = transport.post(url, b"x" * 20_000_000, {}, headers_s=0.5, total_s=0.8)
    assert (answer.status, answer.error) == (None, "timeout")
    assert time.monotonic() - began < 2


def test_a_tls_handshake_that_hangs_ends_at_the_deadline() -> None:
    def dripping_handshake(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while True:
            connection.sendall(b"\x02")
            time.sleep(0.05)

    with wire.server(dripping_handshake) as url:
        began = time.monotonic()
        answer = post(url.replace("http://", "https://"), headers_s=0.5, total_s=0.8)
    assert (answer.status, answer.error) == (None, "timeout")
    assert time.monotonic() - began < 2


def test_a_look_up_that_hangs_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    began = time.monotonic()
    answer = post("http://localhost:9/hook", headers_s=0.5, total_s=0.8)
    assert (answer.status, answer.error) == (None, "timeout")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    with Receiver() as inner, Receiver(Answer(status, headers={"Location": inner.url})) as outer:
        assert post(outer.url).status == status
        assert not inner.requests


def test_no_proxy_or_netrc_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        assert post(receiver.url).status == 200
        assert not proxy.requests
        assert "authorization" not in receiver.requests[0].headers


# --- Bodies ------------------------------------------------------------------------------------------------------


def endless(head: bytes, piece: bytes, times: int) -> wire.Script:
    def script(connection: socket.socket) -> None:
        wire.request(connection)
        connection.sendall(head)
        for _ in range(times):
            connection.sendall(piece)

    return script


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (endless(OK + b"Content-Length: 67108864\r\n\r\n", b"a" * 65536, 1024), 200),
        (
            endless(
                OK + b"Content-Encoding: gzip\r\nContent-Length: 67108864\r\n\r\n", b"\x1f\x8b\x08\0" * 16384, 1024
            ),
            200,
        ),
        (endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 65536 + b"\r\n", 1024), 200),
        (endless(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 65536, 1024), 200),
        (endless(OK + b"\r\n", b"a" * 65536, 1024), 200),
        (endless(OK, b"X: " + b"a" * 60000 + b"\r\n", 1024), None),
        (endless(b"HTTP/1.1 ", b"100 Continue\r\n\r\nHTTP/1.1 " * 2000, 1024), None),
    ],
    ids=["64 MiB", "a gzip bomb", "chunks", "a chunk's extension", "no length", "headers", "continues"],
)
def test_an_endless_answer_costs_no_memory(script: wire.Script, status: int | None) -> None:
    with wire.server(script) as url:
        post(url)  # what is loaded once
        tracemalloc.start()
        try:
            answer = post(url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer.status == status
    assert len(answer.body) <= transport.READ_BYTES
    assert peak < 1_500_000  # the test's own server is in it


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"ok\0ok", "ok\ufffdok"),
        (b"\xff\xfe<b>", "\ufffd\ufffd<b>"),
        ("سلام".encode()[:-1], "سلا\ufffd"),
        (b"\xff" * 5000, "\ufffd" * (2048 // 3)),
        (b"a" * 5000, "a" * 2048),
        (b"", ""),
    ],
    ids=["NUL", "invalid UTF-8", "cut UTF-8", "all invalid", "long", "empty"],
)
def test_what_is_stored_of_an_answer_is_text_of_two_kilobytes(body: bytes, text: str) -> None:
    with Receiver(Answer(500, body)) as receiver:
        kept = stored(post(receiver.url).body)
    assert kept == text
    assert len(kept.encode()) <= 2048


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (b"garbage\r\n\r\n", None, "protocol"),
        (b"HTTP/1.1 abc OK\r\n\r\n", None, "protocol"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (OK + b"Content-Length: 10\r\n\r\ncut", 200, ""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 200, ""),
        (OK + b"Content-Length: none\r\n\r\n", 200, ""),
        (b"", None, "connection"),
    ],
    ids=["garbage", "a status that is no number", "no body", "cut", "broken chunks", "a broken length", "nothing"],
)
def test_a_broken_answer_counts_by_its_status_if_it_has_one(answer: bytes, status: int | None, error: str) -> None:
    def script(connection: socket.socket) -> None:
        wire.request(connection)
        connection.sendall(answer)

    with wire.server(script) as url:
        told = post(url)
    assert (told.status, told.error) == (status, error)


def test_a_refused_connection_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/").error == "connection"


# --- Connections -------------------------------------------------------------------------------------------------


def counted(script: wire.Script) -> tuple[list[int], wire.Script]:
    """The number of connections that came, and the script that counts them."""
    connections: list[int] = []

    def counting(connection: socket.socket) -> None:
        connections.append(1)
        script(connection)

    return connections, counting


def test_a_connection_is_used_again() -> None:
    connections, script = counted(wire.ok)
    with wire.server(script) as url:
        assert [post(url).status for _ in range(5)] == [200] * 5
    assert len(connections) == 1


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok",
        OK + b"Content-Length: 20000\r\n\r\n" + b"a" * 20000,
    ],
    ids=["that says close", "whose body is left unread"],
)
def test_a_connection_is_not_used_again(answer: bytes) -> None:
    connections, script = counted(wire.saying(answer))
    with wire.server(script) as url:
        for _ in range(2):
            assert post(url).status == 200
            time.sleep(0.05)
    assert len(connections) == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_dialled_anew() -> None:
    def once(connection: socket.socket) -> None:
        wire.request(connection)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")

    connections, script = counted(once)
    with wire.server(script) as url:
        for _ in range(3):
            assert post(url).status == 200
    assert len(connections) == 3


def test_a_connection_that_dies_as_the_request_comes_is_dialled_anew_once() -> None:
    def dies_on_the_second(connection: socket.socket) -> None:
        wire.request(connection)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")
        wire.request(connection)

    connections, script = counted(dies_on_the_second)
    with wire.server(script) as url:
        assert [post(url).status for _ in range(3)] == [200, 200, 200]
    assert len(connections) == 3


# --- TLS ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a certificate for a name that is trusted here."""

    def make(name: str) -> ssl.SSLContext:
        file = certificate_for(name, tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        dialling.tls.cache_clear()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    yield make
    dialling.tls.cache_clear()


def over_tls(context: ssl.SSLContext) -> wire.Script:
    def script(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            wire.ok(tls)

    return script


def test_tls_speaks_to_the_name_and_not_to_the_address(trusted: Callable[[str], ssl.SSLContext]) -> None:
    with wire.server(over_tls(trusted("localhost"))) as url:
        url = url.replace("http://", "https://")
        assert post(url.replace("127.0.0.1", "localhost")).status == 200
        refused = post(url)
    assert (refused.status, refused.error) == (None, "tls")


def test_a_certificate_of_a_stranger_is_refused(trusted: Callable[[str], ssl.SSLContext], tmp_path: Path) -> None:
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "other").mkdir()
    other.load_cert_chain(certificate_for("localhost", tmp_path / "other"))
    trusted("localhost")
    with wire.server(over_tls(other)) as url:
        answer = post(url.replace("http://127.0.0.1", "https://localhost"))
    assert (answer.status, answer.error) == (None, "tls")


def test_the_request_is_one_that_every_server_reads() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(wire.request(connection))
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with wire.server(script) as url:
        post(url)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert len(names) == len(set(names))
    assert body == BODY


def test_a_request_reaches_the_receiver_as_one_request() -> None:
    def decide(request: Request) -> Answer:
        return Answer(200 if request.body == BODY else 500)

    with Receiver(decide) as receiver:
        assert post(receiver.url).status == 200
        assert len(receiver.requests) == 1
