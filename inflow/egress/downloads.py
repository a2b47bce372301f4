"""Downloads from URLs that users supply: checked addresses, limits on time and size, no redirects, no compression."""

import http.client
import time
from urllib.parse import urlsplit

from inflow.egress import targets
from inflow.egress.connections import PORTS, CheckedConnection, has_plain_length
from inflow.egress.dialling import Deadline
from inflow.egress.errors import DownloadFailed, ResponseTooLarge, reason_of

TOTAL_S = 60.0
_HEADERS_BYTES = 64 * 1024
_PIECE = 64 * 1024


def get(url: str, headers: dict[str, str], *, max_bytes: int, total_s: float = TOTAL_S) -> bytes:
    """Return the whole body of a 200 response to a GET request. Raise `DownloadFailed` for anything else.

    Status, headers and body must arrive within `total_s` seconds. The chunk headers of a body may be as long as itself.
    """
    watch = Deadline(time.monotonic() + total_s)
    connection: CheckedConnection | None = None
    watch.start()
    try:
        targets.check_https(url)
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS[parts.scheme]
        connection = CheckedConnection(parts.scheme, host, port, 2 * max_bytes + _HEADERS_BYTES)
        connection.limit(watch)
        connection.connect()
        connection.expect_response()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in ({"Accept-Encoding": "identity", "Connection": "close"} | headers).items():
            connection.putheader(name, value)
        connection.endheaders()
        body = _read(connection.getresponse(), max_bytes)
        watch.remaining_or_raise()  # a body that was cut off at the deadline may look complete
        return body
    except (OSError, ValueError, http.client.HTTPException) as failure:
        raise DownloadFailed("timeout" if watch.has_expired else _reason_of(failure)) from failure
    finally:
        watch.cancel()
        if connection is not None:
            connection.close()


def _read(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """Return the body. Raise `DownloadFailed` unless the headers say how long it is, because it may be cut off."""
    if response.status != 200:
        raise DownloadFailed("redirect" if 300 <= response.status < 400 else "status", response.status)
    if response.getheader("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise DownloadFailed("compressed")
    if not has_plain_length(response):
        raise DownloadFailed("no_length")
    body = bytearray()
    while piece := response.read(_PIECE):
        body += piece
        if len(body) > max_bytes:
            raise DownloadFailed("too_large")
    length = response.getheader("Content-Length")
    if length is not None and len(body) != int(length):
        raise DownloadFailed("cut_off")
    return bytes(body)


def _reason_of(failure: Exception) -> str:
    match failure:
        case ResponseTooLarge():
            return "too_large"
        case http.client.IncompleteRead():
            return "cut_off"
    return reason_of(failure)
