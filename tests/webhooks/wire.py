"""A server that says exactly what a test tells it to, byte by byte."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(script: Script) -> Iterator[str]:
    """The URL under which `script` speaks to each connection, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=speak, args=(connection,), daemon=True).start()

        def speak(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                script(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        listener.shutdown(socket.SHUT_RDWR)


def request(connection: socket.socket) -> bytes:
    """One whole request, as it came."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    read = bytearray(body)
    while len(read) < length:
        read += _more(connection)
    return head + b"\r\n\r\n" + bytes(read)


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise OSError("closed")
    return data


def saying(answer: bytes) -> Script:
    """Answers each request of a connection with these bytes."""

    def script(connection: socket.socket) -> None:
        while True:
            request(connection)
            connection.sendall(answer)

    return script


def ok(connection: socket.socket) -> None:
    saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(connection)
