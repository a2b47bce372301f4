"""Errors of the event loop in front of Django."""


class Refusal(Exception):
    """A request that is answered without Django."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


class ResponseUnfinished(Exception):
    """The response cannot be completed: the connection is cut, so that the client does not take it for whole."""
