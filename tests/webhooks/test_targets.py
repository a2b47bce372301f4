"""Hostile targets are refused before the network hears of them. The socket guard stands behind each of these tests."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from communications.channels import gateways
from inflow.egress import targets
from inflow.egress.errors import ForbiddenTarget
from tests import make
from tests.receiver import Answer, Receiver
from webhooks.delivery import transport
from webhooks.models import Subscription

METADATA = "169.254.169.254"

HOSTILE = [
    "https://127.0.0.1/",
    "https://2130706433/",  # decimal
    "https://0x7f000001/",  # hex
    "https://0x7f.0.0.1/",
    "https://017700000001/",  # octal
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://127.0.0.1./",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://app.localhost/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",  # carrier-grade NAT
    f"https://{METADATA}/latest/meta-data/",
    "https://2852039166/",  # the same in decimal
    "https://168.63.129.16/",  # Azure's host
    "https://224.0.0.1/",  # multicast
    "https://255.255.255.255/",
    "https://192.0.2.1/",  # documentation
    "https://198.18.0.1/",  # benchmarks
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",  # mapped
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::7f00:1]/",  # IPv4-compatible
    "https://[64:ff9b::a9fe:a9fe]/",  # NAT64
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",  # 6to4
    "https://[2001:0:7f00:1::]/",  # Teredo
    "https://[fe80::1]/",  # link-local
    "https://[fe80::1%25lo]/",
    "https://[fec0::1]/",  # site-local
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://user@hooks.example.com/",
    "https://user:password@hooks.example.com/",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:6379/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:65536/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:000/",
    "https://hooks.example.com:-1/",
    "https://hooks.example.com:+443/",
    "https://hooks.example.com:4_43/",
    "https://hooks.example.com:https/",
    "https://hooks.example.com:/",
    "https://hooks.example.com/\r\nX-Injected: 1",
    "https://hooks.example.com/ HTTP/1.1",
    "https://hooks.example.com\t/",
    "https://127.0.0.1%2f.example.com/",
    "https://①②⑦.⓪.⓪.①/",
    "https://[127.0.0.1]/",
    "https://[::1/",
    "https://-bad-.example.com/",
    "https:///hook",
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "//hooks.example.com/",
    "hooks.example.com",
    "https://hooks.example.com/" + "a" * 2000,
    "",
]


@pytest.fixture
def no_packet(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Fails a test that so much as opens a socket or asks for a name. The list is what was tried."""
    tried: list[object] = []

    class Watched(socket.socket):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            tried.append(arguments)
            super().__init__(*arguments, **named)

    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
        tried.append(host)
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket, "socket", Watched)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield tried
    assert tried == []


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_target_is_refused_without_a_packet(url: str, no_packet: list[object]) -> None:
    with pytest.raises(ForbiddenTarget):
        targets.check_url(url)
    answer = transport.post(url, b"{}", {})
    assert (answer.status, answer.error) == (None, "forbidden_target")


@pytest.mark.parametrize("port", ["0", "00", "65536", "-1", "x", ""])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "internal.example"])
def test_no_host_has_an_invalid_port(host: str, port: str, settings: Any, no_packet: list[object]) -> None:
    """Neither loopback while trying out nor a host that the operator allowed."""
    settings.TRY_OUT, settings.WEBHOOK_ALLOWED_HOSTS = True, ["internal.example"]
    for check in (targets.check_url, gateways.check_base_url):
        with pytest.raises(ForbiddenTarget):
            check(f"https://{host}:{port}/hook")
        check(f"https://{host}:8443/hook")


@pytest.mark.django_db
@pytest.mark.parametrize("url", [url for url in HOSTILE if url])
def test_the_api_refuses_it_at_subscribing(url: str) -> None:
    _, key = make.key(make.account(plan="enterprise"))
    answer = Client().post(
        "/api/zapier/webhooks/subscribe",
        {"target_url": url, "event": "invoice.created"},
        content_type="application/json",
        headers={"X-InFlow-Key": key},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "target_url"
    assert not Subscription.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/",
        "https://hooks.example.com:443/a?b=c",
        "https://hooks.example.com./",
        "https://xn--mgbh0fb.example/hook",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://under_score.example.com/",
    ],
)
def test_a_public_target_passes_and_its_name_is_not_looked_up(url: str, no_packet: list[object]) -> None:
    targets.check_url(url)


# --- What a name leads to ----------------------------------------------------------------------------------------


class Names:
    """A name server in place of the machine's: each look-up of a name takes the next of its answers."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        addresses = self.answers[host.split(".")[0]].pop(0)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [METADATA],
        ["10.1.2.3"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["2606:4700::1111", "fe80::1%lo"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:a9fe:a9fe::"],
        ["fec0::1"],
        ["::7f00:1"],
        ["168.63.129.16"],
    ],
)
def test_a_name_with_one_private_answer_is_refused_without_a_packet(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(rebinding=[addresses])
    dialled: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: dialled.append(address), raising=False)
    answer = transport.post("https://rebinding.example.com/", b"{}", {})
    assert (answer.status, answer.error) == (None, "forbidden_target")
    assert names.asked == ["rebinding.example.com"]
    assert dialled == []


def test_a_name_that_rebinds_within_one_send_is_dialled_where_it_was_vetted(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(rebinding=[["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]])
    dialled: list[object] = []

    def connect(_: socket.socket, address: object) -> None:
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect, raising=False)
    answer = transport.post("https://rebinding.example.com/", b"{}", {})
    assert answer.error == "connection"
    assert names.asked == ["rebinding.example.com"]
    assert dialled == [("8.8.8.8", 443)]


def test_the_second_address_is_dialled_where_the_first_is_dead(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TRY_OUT = True
    with Receiver() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", Names(two=[["127.0.0.2", "127.0.0.1"]]).getaddrinfo)
        settings.WEBHOOK_ALLOWED_PORTS = [receiver.port]
        assert transport.post(f"http://two.example.com:{receiver.port}/hook", b"{}", {}).status == 200


def test_a_redirect_to_the_metadata_service_leads_nowhere(settings: Any) -> None:
    settings.TRY_OUT = True
    with Receiver(Answer(302, headers={"Location": f"http://{METADATA}/latest/meta-data/"})) as receiver:
        answer = transport.post(receiver.url, b"{}", {})
        assert len(receiver.requests) == 1
    assert (answer.status, answer.error) == (302, "")


# --- What the operator allows ------------------------------------------------------------------------------------


def test_an_allowed_host_is_reached_although_it_is_private_on_any_port(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    with Receiver() as receiver:
        assert transport.post(receiver.url, b"{}", {}).status == 200
        other = receiver.url.replace("127.0.0.1", "localhost")
        assert transport.post(other, b"{}", {}).error == "forbidden_target"
        assert len(receiver.requests) == 1


def test_an_allowed_name_is_compared_without_case_and_final_dot(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["N8N.Internal"]
    targets.check_url("http://n8n.internal:5678/")
    targets.check_url("http://n8n.INTERNAL.:5678/")
    with pytest.raises(ForbiddenTarget):
        targets.check_url("http://not-n8n.internal:5678/")


def test_trying_out_opens_loopback_and_nothing_else(settings: Any) -> None:
    settings.TRY_OUT = True
    targets.check_url("http://127.0.0.1:8123/hook")
    targets.check_url("http://[::1]:8123/hook")
    for url in (f"http://{METADATA}/", "https://10.0.0.1/", "http://hooks.example.com/"):
        with pytest.raises(ForbiddenTarget):
            targets.check_url(url)


def test_ports_are_the_operators_choice(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_PORTS = [443, 80, 8443]
    targets.check_url("http://hooks.example.com/")
    targets.check_url("https://hooks.example.com:8443/")
    with pytest.raises(ForbiddenTarget, match="8443"):
        targets.check_url("https://hooks.example.com:22/")
