"""A caller of the API, and what an answer must look like."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http.response import ResponseHeaders
from django.test import Client

from inflow.accounts.models import Account
from tests import make

API = "/api/zapier"
# Enough for any test that is not about the limits; a negotiated limit, so that the limiter still counts.
PLENTY = 1_000_000

_addresses = (f"10.{high}.{middle}.{low}" for high, middle, low in itertools.product(range(256), repeat=3))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def next(self) -> str | None:
        """The path and query of the next page."""
        link = self.headers.get("Link")
        if link is None:
            return None
        assert link.startswith("<http://testserver/api/")
        assert link.endswith('>; rel="next"')
        return link.removeprefix("<http://testserver").removesuffix('>; rel="next"')


class Caller:
    """Speaks with `key`, from an address of its own. None of its requests may end in a 500."""

    def __init__(self, key: str | None = None, *, address: str | None = None) -> None:
        self.key = key
        self.address = address or next(_addresses)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("POST", path, body, headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("PATCH", path, body, headers=headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.send("DELETE", path, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """`body` is sent as JSON, or as it is where it is bytes. In names of `headers`, _ stands for -."""
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self.key is not None:
            sent.setdefault("X-InFlow-Key", self.key)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if not path.startswith("/"):
            path = f"{API}/{path}"
        response = Client(raise_request_exception=False, REMOTE_ADDR=self.address).generic(
            method, path, raw, content_type if body is not None else "", headers=sent
        )
        assert response.status_code != 500, response.content
        assert isinstance(response.headers, ResponseHeaders)
        return Answer(response.status_code, response.headers, response.content)


def caller(account: Account | None = None) -> Caller:
    """Somebody with a key of every scope, of `account` or of a new one, for whom limits don't matter."""
    return Caller(make.key(account or make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY))[1])


def is_problem(answer: Answer, status: int, code: str | None = None, field: str | None = None) -> dict[str, Any]:
    """Assert that it is that problem, by RFC 9457, and of that field; return it."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json
    expected = {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert problem.keys() - {"errors"} == expected
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["type"] == f"urn:inflow:problem:{problem['code']}"
    assert problem["detail"]
    assert ("errors" in problem) == (status == 422)
    for error in problem.get("errors", []):
        assert error.keys() == {"field", "code", "message"}
        assert error["code"]
        assert error["message"]
    codes = {problem["code"], *(error["code"] for error in problem.get("errors", []))}
    assert code is None or code in codes, problem
    assert field is None or field in [error["field"] for error in problem["errors"]], problem
    return problem
