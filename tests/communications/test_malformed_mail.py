"""Malformed mails from the provider: each is stored once, also when it is delivered again, and none is answered 500."""

import base64
from typing import Any

import pytest
from pytest_django import Settings

from communications.models import Reply
from invoices.models import Debtor
from tests import make
from tests.communications.test_mail_provider import SECRET, post, reply, sent
from tests.mailserver import MailServer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.communications.with_mail_provider")]
MULTIPART = 'Content-Type: multipart/mixed; boundary="x"'
# A header or a body in place of the usual one: what arrives as a raw mail.
RAW: dict[str, dict[str, str]] = {
    "unknown charset": {"type": "Content-Type: text/plain; charset=x-foo"},
    "8 bit": {"type": "Content-Type: text/plain; charset=unknown-8bit"},
    "empty charset": {"type": 'Content-Type: text/plain; charset=""'},
    "a codec that is no charset": {"type": "Content-Type: text/plain; charset=hex"},
    "NUL in the charset": {"type": 'Content-Type: text/plain; charset="utf\x00-8"'},
    "a charset that can't replace": {"type": "Content-Type: text/plain; charset=idna"},
    "no type": {"type": ""},
    "broken type": {"type": "Content-Type: ;;;"},
    "empty id": {"id": "Message-ID: <>"},
    "id in brackets": {"id": "Message-ID: <[8f2e@b]>"},
    "no id": {"id": ""},
    "empty sender": {"from": "From: "},
    "no sender": {"from": ""},
    "sender of marks": {"from": 'From: <<>>,;:"@@ <'},
    "group for a sender": {"from": "From: undisclosed-recipients:;"},
    "two senders": {"from": "From: a@b.example, c@d.example"},
    "sender in an unknown charset": {"from": "From: =?x-bad?Q?=E9?= <ahmed@gulftrading.example>"},
    "empty disposition": {"more": "Content-Disposition: "},
    "unknown encoding": {"more": "Content-Transfer-Encoding: x-unknown"},
    "bad base64": {"more": "Content-Transfer-Encoding: base64", "body": "cGFpZ"},
    "copy without an address": {"more": "Cc: @"},
    "copy with an open quote": {"more": 'Cc: =?utf-8?q?=?= <a@b>, "unclosed <x@y>'},
    "blind copy to a broken literal": {"more": "Bcc: a@[1.2"},
    "broken reference": {"more": "In-Reply-To: <[x]>\r\nReferences: " + "<a@b> " * 5_000},
    "no boundary": {"type": "Content-Type: multipart/mixed", "body": "paid"},
    "no end": {"type": MULTIPART, "body": "--x\r\nContent-Type: text/plain\r\n\r\npaid"},
    "no parts": {"type": MULTIPART, "body": "--x--"},
    "unknown charset in a part": {
        "type": MULTIPART,
        "body": "--x\r\nContent-Type: text/plain; charset=foo\r\n\r\npaid\r\n--x--",
    },
    "broken name of a file": {
        "type": MULTIPART,
        "body": "--x\r\n\r\npaid\r\n--x\r\nContent-Type: image/png; name*=x'y'%ff\r\n"
        "Content-Disposition: attachment; filename*0*=bad''%F; filename=\r\n\r\nabc\r\n--x--",
    },
    "deeply nested": {
        "type": 'Content-Type: multipart/mixed; boundary="b0"',
        "body": "".join(
            f'--b{depth}\r\nContent-Type: multipart/mixed; boundary="b{depth + 1}"\r\n\r\n' for depth in range(300)
        ),
    },
}
WITH_ID = {"Name": "Message-ID", "Value": "<x@y>"}
LATIN = base64.b64encode("From: x\n\né".encode("latin-1")).decode()
# Fields in place of the usual ones: what arrives as JSON.
JSON: dict[str, dict[str, Any]] = {
    "no id at all": {"Headers": [], "MessageID": None},
    "line break in a header": {"Headers": [WITH_ID, {"Name": "X-Foo", "Value": "a\r\n b"}]},
    "null header": {"Headers": [WITH_ID, {"Name": "X-Foo", "Value": None}]},
    "two subjects": {"Headers": [WITH_ID, {"Name": "Subject", "Value": "a"}, {"Name": "Subject", "Value": "b"}]},
    "null headers": {"Headers": None},
    "line break in the sender": {"FromFull": {"Email": "ahmed@gulftrading.example", "Name": "A\nB"}},
    "no sender": {"FromFull": None},
    "a name only": {"FromFull": {"Email": "", "Name": "Ahmed"}},
    "no address": {"FromFull": {"Email": "ah med@@x", "Name": "Ahmed"}},
    "long address": {"FromFull": {"Email": "a" * 3_000 + "@x.example", "Name": "Ahmed"}},
    "line break in the subject": {"Subject": "a\nb"},
    "no text": {"TextBody": None, "HtmlBody": None},
    "a mail in another charset": {"Attachments": [{"Name": "x", "ContentType": "message/rfc822", "Content": LATIN}]},
    "a file that is no base64": {"Attachments": [{"Name": "x", "ContentType": "image/png", "Content": "abc"}]},
    "an empty file": {"Attachments": [{"Name": "x", "ContentType": "image/png", "Content": ""}]},
    "a type with a line break": {"Attachments": [{"Name": "x", "ContentType": 'a/b; n="x\ny"', "Content": "AA=="}]},
    "a large file": {"Attachments": [{"Name": "x", "ContentType": "image/png", "Content": "AAAA" * 3_000_000}]},
    "a long name": {"FromFull": {"Email": "ahmed@gulftrading.example", "Name": '".' * 50_000}},
    "a long subject": {"Subject": "> " * 50_000},
    "a long header": {"Headers": [WITH_ID, {"Name": "X-Foo", "Value": "a@b.example, " * 10_000}]},
    "half an emoji": {"TextBody": "paid \ud83d", "Subject": "\udc00"},
}


@pytest.fixture(autouse=True)
def _provider(settings: Settings) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    settings.MAIL_REPLY_ADDRESS = "replies@in.inflow.example"


@pytest.fixture
def to(mail: MailServer) -> str:
    return f"replies+{sent(make.account()).message_id.hex}@in.inflow.example"


def raw(to: str, name: str) -> str:
    odd = RAW[name]
    headers = (
        odd.get("from", "From: Ahmed <ahmed@gulftrading.example>"),
        f"To: {to}",
        "Subject: Re: your invoice",
        odd.get("id", f"Message-ID: <{name.replace(' ', '-')}@gulftrading.example>"),
        "MIME-Version: 1.0",
        odd.get("type", "Content-Type: text/plain; charset=utf-8"),
        odd.get("more", ""),
    )
    return "\r\n".join(filter(None, headers)) + "\r\n\r\n" + odd.get("body", "paid")


@pytest.mark.properties
def test_a_malformed_raw_mail_is_stored_once(to: str) -> None:
    for count, name in enumerate(RAW, start=1):
        event = {**reply("", to=to), "RawEmail": raw(to, name)}
        assert [post("inbound", event), post("inbound", event)] == [200, 200], name
        assert Reply.objects.count() == count, name
    readable = Reply.objects.exclude(text__startswith="[").filter(text__startswith="paid")
    assert readable.count() >= len(RAW) - 6  # those without a body
    assert Debtor.objects.get().answered_at is not None


@pytest.mark.properties
@pytest.mark.parametrize("name", JSON)
def test_a_mail_in_malformed_json_is_stored_once(to: str, name: str) -> None:
    event = {**reply("paid", to=to), **JSON[name]}
    assert [post("inbound", event), post("inbound", event)] == [200, 200]
    found: Reply = Reply.objects.get()
    assert found.triage == ("other" if name == "no text" else "paid")
    assert ("[1 attached]" in found.text) is ("Attachments" in JSON[name])


@pytest.mark.parametrize("piece", ["<head", "<style ", "<!--", "<a href=", "&#", "On x wrote:<br>"])
def test_an_odd_mail_in_html_alone_is_stored_for_a_person(to: str, piece: str) -> None:
    html = piece * (200_000 // len(piece))
    event = {**reply("", to=to), "TextBody": None, "HtmlBody": f"<p>paid</p>{html}"}
    assert [post("inbound", event), post("inbound", event)] == [200, 200]
    found: Reply = Reply.objects.get()
    assert "paid" in found.text
    assert found.original.startswith("<p>paid</p>")


def test_a_mail_that_nothing_can_parse_waits_for_a_person(to: str) -> None:
    event = {**reply("paid", to=to), "RawEmail": 5}
    assert [post("inbound", event), post("inbound", event)] == [200, 200]
    found: Reply = Reply.objects.get()
    assert (found.triage, found.asks_to_stop) == ("other", False)
    assert "Read it at the mail provider" in found.text


def test_a_malformed_mail_without_the_secret_is_not_read(to: str) -> None:
    for odd in (JSON["null headers"], JSON["a large file"]):
        assert post("inbound", {**reply("paid", to=to), **odd}, secret="inflow:guessed") == 400
    assert not Reply.objects.exists()


def test_mails_with_one_id_are_all_stored(to: str) -> None:
    for known_as in ("<>", "<x@y>", " "):
        for text in ("paid", "wrong number"):
            event = reply(text, to=to, headers={"Message-ID": known_as})
            assert [post("inbound", event), post("inbound", event)] == [200, 200]
    assert Reply.objects.count() == 6
