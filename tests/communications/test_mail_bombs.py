"""Mails that are made to take Python's parser minutes: they are known before it sees them."""

import base64
import json
from urllib.parse import urlencode

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from communications.inbound import mail_hooks, mail_parts

SECRET = "inflow:12345678901234567890"
AUTHORIZATION = "Basic " + base64.b64encode(SECRET.encode()).decode()


def nested(levels: int) -> str:
    heads = (f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n" for level in range(levels))
    return "From: a@b.example\r\n" + "".join(heads) + "\r\nText\r\n"


def parts(count: int) -> str:
    head = "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * count + "--b--\r\n"


def parameters(count: int, between: str = "") -> str:
    said = "".join(f";{between} a*{number}=b" for number in range(count))
    return f"From: a@b.example\r\nContent-Type: text/plain{said}\r\n\r\nText; with; semicolons{'; ' * 500}\r\n"


BOMBS = (nested(300), parts(10_000), parameters(5_000), parameters(5_000, "\r\n"))
MAILS = (nested(20), parts(200), parameters(20), parameters(20, "\r\n"))


def taken(mail: str, form: str, settings: Settings, authorization: str = AUTHORIZATION) -> tuple[int, list[bytes]]:
    """Return the status, and what the provider's own view was given."""
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append((request.POST.get("mail") or json.loads(request.body or b"{}").get("mail", "")).encode())
        return HttpResponse()

    make = RequestFactory(headers={"Authorization": authorization})
    match form:
        case "json":
            request = make.post("/", json.dumps({"mail": mail}), content_type="application/json")
        case "form":
            request = make.post("/", urlencode({"mail": mail}), content_type="application/x-www-form-urlencoded")
        case _:
            request = make.post("/", {"mail": mail})
    return mail_hooks._with_any_mail(view)(request).status_code, seen


FORMS = pytest.mark.parametrize("form", ["json", "form", "multipart"])


@FORMS
@pytest.mark.parametrize("mail", BOMBS, ids=["levels", "parts", "parameters", "folded"])
def test_a_mail_bomb_is_not_parsed(mail: str, form: str, settings: Settings) -> None:
    assert taken(mail, form, settings) == (200, [])


@FORMS
@pytest.mark.parametrize("mail", MAILS, ids=["levels", "parts", "parameters", "folded"])
def test_a_mail_of_many_parts_is(mail: str, form: str, settings: Settings) -> None:
    assert taken(mail, form, settings) == (200, [mail.encode()])


def test_a_call_without_the_secret_is_left_to_the_view_that_refuses_it(settings: Settings) -> None:
    assert taken(BOMBS[0], "json", settings, authorization="Basic x")[1]


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_bomb_in_base64_is_known_too(bomb: str, wrapped: bool) -> None:
    encode = base64.encodebytes if wrapped else base64.b64encode
    assert mail_parts.is_bomb(json.dumps({"raw": encode(bomb.encode()).decode()}).encode())


@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_in_base64_is_read(mail: str) -> None:
    picture = base64.b64encode(bytes(range(256)) * 2_000).decode()
    call = {"raw": base64.b64encode(mail.encode()).decode(), "Attachments": [{"Content": picture}]}
    assert not mail_parts.is_bomb(json.dumps(call).encode())
