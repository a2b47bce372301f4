"""inflow/wsgi.py and what every response has, of the API and of pages."""

import contextlib
import io
import json
from typing import Any

import pytest
from django.db import connection

from inflow import wsgi
from inflow.sql import select
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)  # as between requests, connections are looked at


def environ(path: str = "/healthz", **more: Any) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "testserver",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(b""),
        "wsgi.url_scheme": "http",
    } | more


def ask(path: str, **more: Any) -> tuple[str, list[tuple[str, str]], bytes]:
    said: list[Any] = []
    answer: Any = wsgi.application(environ(path, **more), lambda status, headers, *_: said.extend((status, headers)))
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return said[0], said[1], body


@pytest.mark.parametrize("parameter", ["charset*=BOGUS''utf-8", "x*=BOGUS''a", "charset=\0"])
@pytest.mark.parametrize(
    ("path", "status"), [("/api/zapier/invoices", "201 Created"), ("/admin/login/", "403 Forbidden")]
)
def test_a_content_type_that_makes_no_sense_is_answered(path: str, status: str, parameter: str) -> None:
    _, key = make.key(make.account())
    new = {"invoice_number": "N", "debtor_name": "D", "amount": 1, "currency": "AED", "due_date": "2036-02-14"}
    raw = json.dumps(new).encode()
    more = {"CONTENT_LENGTH": str(len(raw)), "wsgi.input": io.BytesIO(raw), "HTTP_X_INFLOW_KEY": key}
    asked = ask(path, REQUEST_METHOD="POST", CONTENT_TYPE=f"application/json; {parameter}", **more)
    assert asked[0] == status


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize(("path", "status"), [("/api/zapier/é", "404 Not Found"), ("/admin/فاتورة/", "403 Forbidden")])
def test_a_path_beyond_ascii_is_answered_whatever_the_content_type(path: str, status: str, content_type: str) -> None:
    _, key = make.key(make.account())
    raw = path.encode().decode("latin-1")
    response = ask(raw, REQUEST_METHOD="POST", CONTENT_TYPE=content_type, HTTP_X_INFLOW_KEY=key)
    assert response[0] == status
    assert b"\xef\xbf\xbd" not in response[2]
    if path.startswith("/api"):
        assert json.loads(response[2])["instance"] == path


def test_a_page_comes_with_its_cookies_and_a_file_with_its_bytes() -> None:
    status, headers, body = ask("/admin/login/")
    cookies = [value for name, value in headers if name == "Set-Cookie"]
    assert (status, len(cookies)) == ("200 OK", 1)
    assert cookies[0].strip().startswith("csrftoken=")
    assert "; HttpOnly" in cookies[0]
    assert b"</html>" in body
    status, headers, body = ask("/static/unfold/css/styles.css")
    assert (status, dict(headers)["Content-Type"]) == ("200 OK", 'text/css; charset="utf-8"')
    assert len(body) == int(dict(headers)["Content-Length"]) > 1_000


@pytest.mark.parametrize("path", ["/api/zapier/me", "/api/zapier/nothing", "/api/openapi.json", "/admin/login/"])
def test_every_answer_has_what_django_gives_to_all(path: str) -> None:
    _, headers, body = ask(path)
    given = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Length": str(len(body)),
    }
    assert given.items() <= dict(headers).items()
    assert len(dict(headers)["X-Request-Id"]) == 32


@pytest.mark.parametrize("path", ["/api/zapier/me", "/admin/login/"])
def test_a_host_that_is_not_ours_is_refused_with_those_headers(path: str) -> None:
    status, headers, _ = ask(path, HTTP_HOST="elsewhere.example")
    assert (status, dict(headers)["X-Content-Type-Options"]) == ("400 Bad Request", "nosniff")


def test_a_connection_that_broke_while_it_was_kept_costs_no_request() -> None:
    _, key = make.key(make.account())
    assert ask("/api/zapier/me", HTTP_X_INFLOW_KEY=key)[0] == "200 OK"
    ((pid,),) = select("SELECT pg_backend_pid()")
    other = connection.copy()
    with contextlib.closing(other), other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert ask("/api/zapier/me", HTTP_X_INFLOW_KEY=key)[0] == "200 OK"
