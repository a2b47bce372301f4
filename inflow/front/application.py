"""The ASGI application in front of Django's WSGI application."""

import asyncio
import io
from types import SimpleNamespace
from typing import Any

import structlog

from inflow import health, proxies
from inflow.accounts import keys
from inflow.front import parent
from inflow.front.bodies import Body, Receive
from inflow.front.environ import Scope, environ_of, refuse_long_headers, refuse_undecodable_path
from inflow.front.errors import Refusal, ResponseUnfinished
from inflow.front.pools import Application, Pool
from inflow.front.refusals import response_to
from inflow.front.responses import Response, Send

log = structlog.get_logger(__name__)

_EMPTY = io.BytesIO()


class Front:
    """Reads requests, has them answered by a pool of threads, and sends the responses.

    Programs (the API, callbacks) and people have pools of their own. Health checks need none.
    """

    def __init__(self, application: Application, threads: int) -> None:
        self.programs = Pool("programs", application, threads)
        self.people = Pool("people", application, threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["path"] in health.PATHS:
            await (await health.response(scope["path"], scope["method"])).send(send)
        else:
            await self._serve(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        parent.watch()
        self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def start(self) -> None:
        self.programs.start()
        self.people.start()

    def stop(self) -> None:
        self.programs.stop()
        self.people.stop()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        environ = environ_of(scope)
        path = f"/{environ['PATH_INFO'].lstrip('/')}/"  # several slashes in front, and none behind, change nothing
        try:
            response = await self._response(scope, environ, receive, path)
        except Refusal as refusal:
            response = response_to(environ, refusal, is_api=path.startswith("/api/"))
        try:
            await response.send(send)
        except (
            TimeoutError,
            ResponseUnfinished,
        ) as error:  # without the last message the web server cuts the connection
            log.warning("response_cut_off", path=environ["PATH_INFO"], error=type(error).__name__)

    async def _response(self, scope: Scope, environ: dict[str, Any], receive: Receive, path: str) -> Response:
        refuse_undecodable_path(environ)
        refuse_long_headers(environ)
        is_program = path.startswith(("/api/", "/hooks/"))
        client = _client_of(environ, is_program=is_program)
        pool = self.programs if is_program else self.people
        framing = {name: value for name, value in scope["headers"] if name in (b"content-length", b"transfer-encoding")}
        if not framing:
            environ |= {"wsgi.input": _EMPTY, "CONTENT_LENGTH": ""}
            return await pool.run(environ, client)
        body = Body(path, client)
        try:
            await body.read(receive, framing.get(b"content-length", b""))
        except (Exception, asyncio.CancelledError):
            body.release()
            raise
        environ |= {"wsgi.input": body.file, "CONTENT_LENGTH": str(body.size)}
        return await pool.run(environ, client, body.release)


def _client_of(environ: dict[str, Any], *, is_program: bool) -> str:
    """Return the account of a program, else the address: what one client takes up is bounded, whatever it sends.

    Only a key that was let in before stands for its account. Else each made-up key would be another client.
    """
    if is_program and (account := keys.cached_account(environ.get("HTTP_X_INFLOW_KEY", ""))):
        return str(account.pk)
    return proxies.client_address(SimpleNamespace(META=environ))  # type: ignore[arg-type]
