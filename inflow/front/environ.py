"""The WSGI environ of an ASGI request."""

import functools
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from inflow.front.errors import Refusal

Scope = dict[str, Any]

# Python's and Django's readers of Content-Type, Accept and cookies take quadratic time: 60 KB were seconds.
MAX_HEADER = 8 * 1024  # characters of a value, also of one that is repeated
MAX_NAME = 256
MAX_COOKIE = 4 * 1024  # of one cookie: browsers keep none that is longer; and of all backslashes in cookies
_UNBOUNDED = frozenset(("PATH_INFO", "QUERY_STRING", "HTTP_COOKIE"))


def environ_of(scope: Scope) -> dict[str, Any]:
    """Return the environ without a body. The caller adds `wsgi.input` and `CONTENT_LENGTH`.

    WSGI writes `X-Name` and `X_Name` as the same variable, so a client could replace what a proxy says. A header name
    with an underscore is dropped, and so is a very long one. A header that is repeated becomes a list, as RFC 9110
    says.
    """
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": str(client[0]),
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        variable, text = _variable(name), value.decode("latin-1")
        if not variable:
            continue
        if variable in environ:
            text = f"{environ[variable]}{'; ' if variable == 'HTTP_COOKIE' else ','}{text}"
        environ[variable] = text
    if len(environ.get("HTTP_COOKIE", "")) > MAX_COOKIE:
        environ["HTTP_COOKIE"] = _bounded_cookies(environ["HTTP_COOKIE"])
    return environ


def refuse_undecodable_path(environ: Mapping[str, Any]) -> None:
    """Refuse a path that is not UTF-8: no route has it.

    Django would replace each byte that it can't decode by its percent-encoding, so that a number or a token in the path
    could become `%FF`.
    """
    try:
        environ["PATH_INFO"].encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise Refusal(404, "not_found", "There is no such resource.") from error


def refuse_long_headers(environ: Mapping[str, Any]) -> None:
    for name, value in environ.items():
        if isinstance(value, str) and len(value) > MAX_HEADER and name not in _UNBOUNDED:
            raise Refusal(431, "header_too_large", f"A header may be at most {MAX_HEADER // 1024} KiB long.")


def _bounded_cookies(text: str) -> str:
    """Drop cookies that no browser sends. Another site of the same domain may have set many: the others stay."""
    kept, left = [], MAX_COOKIE
    for cookie in text.split(";"):
        escapes = cookie.count("\\")
        if len(cookie) <= MAX_COOKIE and escapes <= left:
            kept.append(cookie)
            left -= escapes
    return ";".join(kept)


@functools.lru_cache(maxsize=500)
def _variable(name: bytes) -> str:
    """Return the variable of a header, or nothing if the header is dropped. Bodies arrive whole: see bodies.py."""
    if b"_" in name or len(name) > MAX_NAME or name in (b"transfer-encoding", b"content-length"):
        return ""
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"
