"""HTTP requests to untrusted endpoints, with checked addresses and limits on time and size.

This uses the standard library's client, which has no proxies, redirects, retries or decompression to disable, and opens
sockets in one place. See docs/decisions/0004.
"""

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from inflow.egress import targets
from inflow.egress.connections import PORTS
from inflow.egress.dialling import Deadline
from inflow.egress.errors import ResponseTooLarge, reason_of
from webhooks.delivery.connections import Connection, Idle, Key
from webhooks.errors import StaleConnection

HEADERS_S = 10.0
TOTAL_S = 15.0
READ_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """Response of an endpoint. `status` is None if no HTTP response was received in time; `error` says why."""

    ms: int
    status: int | None = None
    error: str = ""
    body: bytes = b""
    retry_after: str = ""


def post(
    url: str, body: bytes, headers: dict[str, str], *, headers_s: float = HEADERS_S, total_s: float = TOTAL_S
) -> Response:
    """Send a POST request and return the response. Errors of the endpoint are returned, never raised.

    The response's headers must arrive within `headers_s` seconds, and all of it within `total_s` seconds.
    """
    started = time.monotonic()
    watch = Deadline(started + min(headers_s, total_s))
    status, error, read, retry_after = None, "", b"", ""
    connection: Connection | None = None
    is_reusable = False
    watch.start()
    try:
        targets.check_url(url)
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        key = (parts.scheme, (parts.hostname or "").rstrip("."), parts.port or PORTS[parts.scheme], path)
        headers = headers | {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        connection, response = _exchange(key, body, headers, watch)
        status, retry_after = response.status, response.getheader("Retry-After", "")
        watch.ends_at = started + total_s
        connection.limit(watch)
        read = _read(response)
        is_reusable = connection.is_reusable(response)
    except (OSError, ValueError, http.client.HTTPException) as failure:
        error = reason_of(failure)
    finally:
        watch.cancel()
        if is_reusable and connection is not None:
            _idle.put(connection)
        elif connection is not None:
            connection.close()
    if watch.has_expired or (error == "timeout" and status is not None):
        # An incomplete response counts as none, so that the delivery is retried.
        status, error = None, "deadline" if status is not None else "timeout"
    elif status is not None:
        error = ""  # the body was cut off, but the status was received
    return Response(round((time.monotonic() - started) * 1000), status, error, read, retry_after)


def _exchange(
    key: Key, body: bytes, headers: dict[str, str], watch: Deadline
) -> tuple[Connection, http.client.HTTPResponse]:
    """Send a request and read the response's headers. A reused connection that is stale is replaced."""
    while True:
        connection = _idle.take(key) or Connection(key)
        try:
            return connection, connection.exchange(body, headers, watch)
        except (StaleConnection, BrokenPipeError, ConnectionResetError):  # the last includes RemoteDisconnected
            connection.close()
            if not connection.may_retry or watch.remaining() <= 0:
                raise
        except BaseException:
            connection.close()
            raise


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(READ_BYTES)
    except http.client.IncompleteRead as cut:
        return cut.partial
    except ResponseTooLarge:
        return b""


_idle = Idle()
