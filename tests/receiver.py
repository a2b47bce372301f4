"""A webhook receiver on loopback: it records what came and answers as it is told."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook

WAIT_S = 10.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)
        return data

    def verified(self, secret: str) -> dict[str, Any]:
        """The payload, its signature checked by the standard's own library, which raises where it is wrong."""
        data: dict[str, Any] = Webhook(secret).verify(self.body, dict(self.headers))
        return data


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # of 5, some of many callers at once would be reset


class Receiver:
    """`with Receiver() as receiver:` listens on `receiver.url`. `answer` is one for all, or decides by the request."""

    def __init__(self, answer: Answer | Callable[[Request], Answer] = Answer()) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int = 1, *, within_s: float = WAIT_S) -> list[Request]:
        """The requests, once there are `count` of them."""
        return self.wait_until(lambda requests: len(requests) >= count, within_s=within_s)

    def wait_until(self, enough: Callable[[list[Request]], bool], *, within_s: float = WAIT_S) -> list[Request]:
        with self._changed:
            came = self._changed.wait_for(lambda: enough(self.requests), within_s)
            assert came, f"after {within_s} s there were {len(self.requests)} requests"
            return list(self.requests)

    def _took(self, request: Request) -> Answer:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        return self.answer(request) if callable(self.answer) else self.answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer's body waits 40 ms for an acknowledgement

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver._took(Request(self.command, self.path, headers, self.rfile.read(length)))
                time.sleep(answer.after_s)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except ConnectionError:
                    self.close_connection = True  # the caller gave up

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        return Handler
