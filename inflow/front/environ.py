"""The WSGI environ of an ASGI request."""

import functools
import sys
from typing import Any
from urllib.parse import unquote_to_bytes

Scope = dict[str, Any]


def environ_of(scope: Scope) -> dict[str, Any]:
    """Return the environ without a body. The caller adds `wsgi.input` and `CONTENT_LENGTH`.

    WSGI writes `X-Name` and `X_Name` as the same variable, so a client could replace what a proxy says. A header name
    with an underscore is dropped. A header that is repeated becomes a list, as RFC 9110 says.
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
    return environ


@functools.lru_cache(maxsize=500)
def _variable(name: bytes) -> str:
    """Return the variable of a header, or nothing if the header is dropped. Bodies arrive whole: see bodies.py."""
    if b"_" in name or name in (b"transfer-encoding", b"content-length"):
        return ""
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"
