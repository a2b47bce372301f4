"""A mail server on loopback that misbehaves at one verb: it refuses, drops the connection, falls silent, or waits."""

import socket
import threading
from types import TracebackType
from typing import Self

VERBS = ("connect", "EHLO", "MAIL", "RCPT", "DATA", "content")


class ScriptedServer:
    """`with ScriptedServer("RCPT", "drop") as server:`. `accepted` counts the contents it has answered with 250, or
    taken in full before it fell silent; `heard` is every verb. `reached` is set when a client has come to the verb;
    told to "wait" there, it answers well once `go_on` is set."""

    def __init__(self, at: str = "", how: str = "") -> None:
        self.at, self.how = at, how
        self.contents = 0
        self.heard: list[str] = []
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._end = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._socket.close()

    def _serve(self) -> None:
        while not self._end.is_set():
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines:
            if not self._answer(client, "connect", b"220 ready"):
                return
            for line in lines:
                verb = line.split()[0].decode().upper()
                if verb in ("HELO", "EHLO"):
                    verb = "EHLO"
                if verb == "QUIT":
                    client.sendall(b"221 bye\r\n")
                    return
                if not self._answer(client, verb, b"354 go on" if verb == "DATA" else b"250 OK"):
                    return
                if verb == "DATA" and not (self.at == "DATA" and self.how == "refuse"):
                    for part in lines:
                        if part == b".\r\n":
                            break
                    else:
                        return
                    self.contents += 1
                    if not self._answer(client, "content", b"250 taken"):
                        return

    def _answer(self, client: socket.socket, verb: str, good: bytes) -> bool:
        """Whether the talk goes on."""
        self.heard.append(verb)
        if verb == self.at and self.how == "wait":
            self.reached.set()
            self.go_on.wait(20)
        if verb != self.at or self.how == "wait":
            client.sendall(good + b"\r\n")
            return True
        self.reached.set()
        if self.how == "refuse":
            if verb == "content":
                self.contents -= 1
            client.sendall(b"451 not now\r\n")
            return verb not in ("connect", "EHLO")
        if self.how == "hang":
            self._end.wait(20)
        return False
