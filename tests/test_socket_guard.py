"""No test reaches the outside: each attempt is refused before the kernel hears of it."""

import _socket
import os
import socket
import subprocess
import sys

import pytest

from tests.guard.loopback import OutsideLoopback

OUTSIDE_4 = ["10.0.0.1", "169.254.169.254", "8.8.8.8", "0.0.0.0", "255.255.255.255", "134744072"]  # noqa: S104
OUTSIDE_6 = ["::ffff:8.8.8.8", "2001:db8::1", "fe80::1%lo", "::"]
OUTSIDE = [(socket.AF_INET, host) for host in OUTSIDE_4] + [(socket.AF_INET6, host) for host in OUTSIDE_6]


def untouched(connection: socket.socket) -> bool:
    """The kernel gives a socket its own port before its first packet leaves."""
    return bool(connection.getsockname()[1] == 0)


@pytest.mark.parametrize(("family", "host"), OUTSIDE)
def test_tcp_outside_loopback_is_refused(family: int, host: str) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        with pytest.raises(OutsideLoopback):
            connection.connect((host, 80))
        with pytest.raises(OutsideLoopback):
            connection.connect_ex((host, 80))
        assert untouched(connection)


@pytest.mark.parametrize(("family", "host"), OUTSIDE)
def test_udp_outside_loopback_is_refused(family: int, host: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        for send in (
            lambda: connection.sendto(b"x", (host, 53)),
            lambda: connection.sendto(b"x", 0, (host, 53)),
            lambda: connection.sendmsg([b"x"], [], 0, (host, 53)),
            lambda: connection.connect((host, 53)),
        ):
            with pytest.raises(OutsideLoopback):
                send()
        assert untouched(connection)


def test_the_socket_below_pythons_own_class_is_refused_too() -> None:
    connection = _socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with pytest.raises(OutsideLoopback):
        connection.connect(("8.8.8.8", 53))
    connection.close()


def test_a_name_outside_loopback_is_not_looked_up() -> None:
    for look_up in (
        lambda: socket.getaddrinfo("example.com", 443),
        lambda: socket.getaddrinfo(b"example.com", 443),
        lambda: socket.gethostbyname("example.com"),
        lambda: socket.gethostbyname_ex("example.com"),
        lambda: socket.gethostbyaddr("8.8.8.8"),
        lambda: socket.getnameinfo(("8.8.8.8", 53), 0),
        lambda: socket.create_connection(("example.com", 443), timeout=1),
    ):
        with pytest.raises(OutsideLoopback):
            look_up()


def test_a_literal_address_may_be_parsed() -> None:
    assert socket.getaddrinfo("8.8.8.8", 443, type=socket.SOCK_STREAM)[0][4] == ("8.8.8.8", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_reached(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener, socket.socket(family) as caller:
        listener.bind((host, 0))
        listener.listen()
        caller.connect((host, listener.getsockname()[1]))


def test_a_unix_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX) as caller, pytest.raises(FileNotFoundError):
        caller.connect("/nowhere/at/all")


@pytest.mark.parametrize(
    "program", ["socket.create_connection(('8.8.8.8', 53), 1)", "socket.getaddrinfo('example.com', 1)"]
)
def test_a_child_process_is_guarded(program: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", f"import socket; {program}"], capture_output=True, text=True, timeout=30
    )
    assert child.returncode == 1
    assert "OutsideLoopback" in child.stderr


def test_a_child_of_a_child_is_guarded() -> None:
    inner = f"exec {sys.executable} -c \"import socket; socket.socket().connect(('10.0.0.1', 80))\""
    child = subprocess.run(["sh", "-c", inner], capture_output=True, text=True, timeout=30)
    assert "OutsideLoopback" in child.stderr
    assert "guard" in os.environ["PYTHONPATH"]
