"""HTTP to a stranger's server: the address is vetted as it is dialled, and time and bytes have hard ends.

requests with our own connections, rather than a filtering adapter on top: one look-up whose every answer is checked,
and TLS still speaks to the name. See docs/decisions/0004.
"""

import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from webhooks import targets

CONNECT_S = 10.0
DEADLINE_S = 15.0
READ_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` is None where no HTTP answer came, and `error` says why."""

    ms: int
    status: int | None = None
    error: str = ""
    body: bytes = b""
    retry_after: str = ""


class _Guarded:
    """Dials only what `targets.resolve` vetted, and tells the sending thread's watch which socket it uses."""

    def _new_conn(self) -> socket.socket:
        host, port = self._dns_host, self.port  # type: ignore[attr-defined]
        error: OSError = OSError("no address")
        for family, sockaddr in targets.resolve(host, port):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(min(CONNECT_S, _watch.left()))
            _watch.sock = sock
            try:
                sock.connect(sockaddr)
            except OSError as failure:
                sock.close()
                error = failure
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
        raise error

    def request(self, *args: Any, **kwargs: Any) -> Any:
        _watch.sock = self.sock  # type: ignore[attr-defined]
        return super().request(*args, **kwargs)  # type: ignore[misc]


class _Http(_Guarded, HTTPConnection):
    pass


class _Https(_Guarded, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class _Watch(threading.local):
    """Ends the thread's request at its deadline by shutting its socket down, whatever drips through it."""

    sock: socket.socket | None = None
    ends_at: float = 0.0
    expired: bool = False

    def left(self) -> float:
        return max(0.001, self.ends_at - time.monotonic())


_watch = _Watch()


def new_session() -> requests.Session:
    """A session that takes no proxy, netrc or certificate path from the environment. One for each thread."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    return session


def post(session: requests.Session, url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """POST and say what came back, within `DEADLINE_S` of wall-clock time. Never raises for the other side's doing."""
    started = time.monotonic()
    _watch.ends_at, _watch.sock = started + DEADLINE_S, None
    expired = threading.Event()
    state = vars(_watch)

    def end() -> None:
        expired.set()
        if sock := state.get("sock"):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    timer = threading.Timer(DEADLINE_S, end)
    timer.daemon = True
    timer.start()
    status, error, read, retry_after = None, "", b"", ""
    try:
        targets.check_form(url)
        with session.post(
            url,
            data=body,
            headers=headers | {"Content-Type": "application/json", "Accept-Encoding": "identity"},
            timeout=(CONNECT_S, CONNECT_S),
            allow_redirects=False,
            stream=True,
        ) as response:
            read = response.raw.read(READ_BYTES, decode_content=False) or b""
            status, retry_after = response.status_code, response.headers.get("Retry-After", "")
    except targets.Forbidden:
        error = "forbidden_target"
    except (requests.RequestException, OSError, ValueError) as failure:
        error = _name_of(failure)
    finally:
        timer.cancel()
    if expired.is_set():
        status, error = None, "deadline"
    return Answer(round((time.monotonic() - started) * 1000), status, error, read, retry_after)


def _name_of(failure: Exception) -> str:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, targets.Forbidden):
            return "forbidden_target"
        cause = cause.__cause__ or cause.__context__
    match failure:
        case requests.exceptions.SSLError():
            return "tls"
        case requests.Timeout() | TimeoutError():
            return "timeout"
        case requests.ConnectionError() | OSError():
            return "connection"
        case _:
            return "protocol"
