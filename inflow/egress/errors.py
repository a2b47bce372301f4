"""Exceptions of outgoing connections."""

import http.client
import socket
import ssl


class ForbiddenTarget(ValueError):
    """The target may not be connected to. The message is shown to users."""


class ResponseTooLarge(http.client.HTTPException):
    """The response is larger than the limit."""


class DownloadFailed(Exception):
    """A download failed. `reason` is a code; `status` is that of a response that was not 200."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


def reason_of(failure: Exception) -> str:
    """Return the short name of the reason why a request failed."""
    match failure:
        case ForbiddenTarget():
            return "forbidden_target"
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "tls"
        case socket.gaierror():
            return "lookup"
        case OSError():
            return "connection"
    return "protocol"
