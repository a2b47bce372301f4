"""Responses to requests that never reach Django."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
import structlog

from inflow.api import errors
from inflow.api.middleware import request_id_of
from inflow.front.errors import Refusal
from inflow.front.responses import Response

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5


@dataclass(frozen=True)
class _Refused:
    path: str
    request_id: str


def response_to(environ: Mapping[str, Any], refusal: Refusal, *, is_api: bool) -> Response:
    """Return a problem document under /api, else a line of text. The connection ends: its body may not be read."""
    request_id = request_id_of(environ)
    log.warning("refused", code=refusal.code, request_id=request_id, address=environ["REMOTE_ADDR"])
    if is_api:
        request: Any = _Refused(environ["PATH_INFO"], request_id)
        body = orjson.dumps(errors.body(request, refusal.status, refusal.code, refusal.detail))
    else:
        body = f"{HTTPStatus(refusal.status).phrase}: {refusal.detail}\n".encode()
    headers = {
        "Content-Type": errors.MEDIA_TYPE if is_api else "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Connection": "close",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": request_id,
    }
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response.of(refusal.status, headers.items(), body)
