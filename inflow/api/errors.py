"""Errors as RFC 9457 problem documents. Nothing under /api answers HTML, and no body holds a stack, SQL or a key."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypedDict

import orjson
import structlog
from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, NotSupportedError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from inflow import masking
from inflow.api.responses import ApiResponse

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MAX_ERRORS = 50  # a body of 20,000 unknown keys is not answered with megabytes
MAX_MESSAGES = 10  # in `detail`


class FieldError(TypedDict):
    field: str
    code: str
    message: str


class Problem(exceptions.APIException):
    """Raise it to answer with a problem document. `detail` is for people, `code` for programs."""

    status_code = 400

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.code = code
        self.errors = list(errors)
        self.headers = dict(headers or {})


def invalid(field: str, code: str, message: str) -> Problem:
    """422 of one field. The message names the field, which Zapier does not show otherwise."""
    if field.replace("_", " ") not in message.lower().replace("_", " "):
        message = f"{field}: {message}"
    return Problem(422, code, message, errors=[FieldError(field=field, code=code, message=message)])


def not_found() -> Problem:
    return Problem(404, "not_found", "There is no such resource.")


def exception_handler(error: Exception, context: Mapping[str, Any]) -> ApiResponse | None:
    """DRF's hook: the problem behind each exception, and None (so a logged 500) for what is nobody's fault but ours."""
    request: HttpRequest = context["request"]
    problem = problem_of(error)
    if problem is None:
        return None
    return ApiResponse(
        body(request, problem.status_code, problem.code, str(problem.detail), problem.errors),
        problem.status_code,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def problem_of(error: Exception) -> Problem | None:
    match error:
        case Problem():
            return error
        case exceptions.ValidationError():
            errors = list(itertools.islice(_flatten(error.detail), MAX_ERRORS))
            return Problem(422, "invalid", _in_words(errors), errors=errors)
        case Http404() | exceptions.NotFound():
            return not_found()
        case PermissionDenied():
            return Problem(403, "forbidden", "You don't have permission to do this.")
        case OperationalError() | InterfaceError() | NotSupportedError():  # the last, right after a migration
            log.error("database_away", error=type(error).__name__)
            return Problem(
                503, "unavailable", "Try again in a few seconds.", headers={"Retry-After": str(RETRY_AFTER_S)}
            )
        case DataError() | OverflowError():
            log.warning("value_out_of_range", error=type(error).__name__, exc_info=error)
            return Problem(400, "bad_request", "A value in this request is out of range.")
        case exceptions.APIException():
            headers = {"WWW-Authenticate": auth_header} if (auth_header := getattr(error, "auth_header", None)) else {}
            code = error.get_codes()
            return Problem(
                error.status_code,
                code if isinstance(code, str) else "error",
                str(error.detail),
                headers=headers,
            )
    return None


def _in_words(errors: Sequence[FieldError]) -> str:
    """Return the messages of all faulty fields, for people: Zapier shows nothing else."""
    said = list(dict.fromkeys(error["message"] for error in errors))
    more = len(said) - MAX_MESSAGES
    return " ".join([*said[:MAX_MESSAGES], *([f"And {more} more."] if more > 0 else [])])


def _flatten(detail: Any, path: str = "") -> Iterable[FieldError]:
    """DRF's nested details as one flat list: `events.0` names the first item of events."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            at = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(part for part in (path, at) if part))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, path)
    else:
        yield FieldError(field=path, code=detail.code, message=f"{path}: {detail}" if path else str(detail))


def body(
    request: HttpRequest, status: int, code: str, detail: str, errors: Iterable[FieldError] = ()
) -> dict[str, Any]:
    """Return the problem. What the caller sent is repeated without anything that may be a key or another secret."""
    problem: dict[str, Any] = {
        "type": f"urn:inflow:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": masking.mask_secrets(detail),
        "instance": masking.mask_secrets(request.path),
        "code": code,
        "request_id": getattr(request, "request_id", ""),
    }
    if errors := list(errors):
        problem["errors"] = [
            {name: masking.mask_secrets(str(text)) for name, text in error.items()} for error in errors
        ]
    return problem


def respond(
    request: HttpRequest, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """A problem outside DRF: unknown routes, crashes, middleware."""
    return HttpResponse(
        orjson.dumps(body(request, status, code, detail)),
        status=status,
        content_type=MEDIA_TYPE,
        headers=headers,
    )


def is_api(request: HttpRequest) -> bool:
    """Return whether a path is below /api, also with more than one slash in front."""
    return f"/{request.path.lstrip('/')}/".startswith("/api/")
