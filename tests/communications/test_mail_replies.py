"""Answers by mail, through the provider's hook: people's are stored whole, machines' are left alone."""

import json

import pytest
from pytest_django import Settings

from communications.models import Address, Reply
from invoices.models import Debtor
from tests import make
from tests.communications.test_mail_provider import SECRET, post, reply, sent
from tests.mailserver import MailServer
from tests.unchanged import nothing_happens

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.communications.with_mail_provider")]


@pytest.fixture(autouse=True)
def _provider(settings: Settings) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    settings.MAIL_REPLY_ADDRESS = "replies@in.inflow.example"


def the_reply() -> Reply:
    found: Reply = Reply.objects.get()
    return found


def test_the_quoted_mail_is_stored_and_not_read_as_the_answer(mail: MailServer) -> None:
    row = sent(make.account())
    quoted = f"Kimden: Falcon\nGönderildi: 2 Mart\nKonu: {row.subject}\n\n{row.body}"
    text = f"We will pay 25th\n\n{quoted}"
    assert post("inbound", reply(text, to=f"replies+{row.message_id.hex}@in.inflow.example")) == 200
    found = the_reply()
    assert (found.text, found.triage, found.promised_on and found.promised_on.day) == (
        "We will pay 25th",
        "promise",
        25,
    )
    assert found.original.strip() == text.strip()
    assert found.asks_to_stop is False


@pytest.mark.parametrize("with_head", [True, False])
def test_our_own_html_in_a_reply_opts_nobody_out(mail: MailServer, with_head: bool) -> None:
    row = sent(make.account())
    head = "<p>De&nbsp;: Falcon<br>Envoy&eacute;&nbsp;: lundi</p>" if with_head else ""
    event = reply("", to=f"replies+{row.message_id.hex}@in.inflow.example")
    event["HtmlBody"] = f"<html><body><p>Merci, on regarde</p>{head}{row.html}</body></html>"
    assert post("inbound", event) == 200
    found = the_reply()
    assert (found.text, found.triage, found.asks_to_stop) == ("Merci, on regarde", "other", False)
    assert not Address.objects.filter(opted_out_at__isnull=False).exists()


def test_an_answer_below_the_quote_is_read(mail: MailServer) -> None:
    row = sent(make.account())
    quoted = "\n".join(f"> {line}" for line in row.body.splitlines())
    text = f"On Mon, 2 Mar 2026, Falcon <no-reply@inflow.example> wrote:\n{quoted}\n\nالفاتورة مدفوعة"
    assert post("inbound", reply(text, to=f"replies+{row.message_id.hex}@in.inflow.example")) == 200
    assert (the_reply().text, the_reply().triage) == ("الفاتورة مدفوعة", "paid")


@pytest.mark.parametrize("text", ["paid \ud83d", "a\x00b", "x" * 1_000_000, "\u202e\u2067دفع", "<head" * 40_000])
def test_any_mail_is_stored(mail: MailServer, text: str) -> None:
    row = sent(make.account())
    event = reply(text, to=f"replies+{row.message_id.hex}@in.inflow.example")
    assert post("inbound", event) == 200
    assert the_reply().whole_text
    assert Debtor.objects.get().answered_at is not None


def test_html_of_the_worst_kind_is_stored(mail: MailServer) -> None:
    row = sent(make.account())
    event = reply("", to=f"replies+{row.message_id.hex}@in.inflow.example")
    event["HtmlBody"] = "<div>paid</div>" + "<style " * 30_000
    assert post("inbound", event) == 200
    assert the_reply().original.startswith("<div>paid</div>")


def test_an_attachment_is_mentioned_and_one_of_a_signature_is_not(mail: MailServer) -> None:
    row = sent(make.account())
    event = reply("", to=f"replies+{row.message_id.hex}@in.inflow.example")
    event["Attachments"] = [
        {"Name": "slip.pdf", "Content": "JVBERi0=", "ContentType": "application/pdf", "ContentLength": 5},
        {"Name": "logo.png", "Content": "iVBO", "ContentType": "image/png", "ContentLength": 3, "ContentID": "<logo>"},
    ]
    assert post("inbound", event) == 200
    assert the_reply().text == "[1 attached]"


def test_long_ids_of_mails_are_told_apart(mail: MailServer) -> None:
    row = sent(make.account())
    for end in "ab":
        headers = {"Message-ID": f"<{'x' * 300}{end}@gulf.example>"}
        told = reply("ok", to=f"replies+{row.message_id.hex}@in.inflow.example", headers=headers)
        assert [post("inbound", told), post("inbound", told)] == [200, 200]
    assert Reply.objects.count() == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Auto-Response-Suppress": "All"},
        {"X-Auto-Response-Suppress": "DR, OOF, AutoReply"},
        {"Auto-Submitted": "no"},
        {"Precedence": "list"},
        {"Precedence": "first-class"},
        {"X-Autoreply": "no"},
        {"Return-Path": "<ahmed@gulftrading.example>"},
    ],
)
def test_a_persons_mail_counts_whatever_its_program_writes_into_it(mail: MailServer, headers: dict[str, str]) -> None:
    row = sent(make.account())
    told = reply("We paid on Sunday", to=f"replies+{row.message_id.hex}@in.inflow.example", headers=headers)
    assert post("inbound", told) == 200
    assert the_reply().triage == "paid"


@pytest.mark.parametrize(
    ("headers", "subject"),
    [
        ({"Auto-Submitted": "auto-replied"}, "Re: your invoice"),
        ({"Auto-Submitted": "auto-generated (failure)"}, "Re: your invoice"),
        ({"Auto-Submitted": "auto-replied; owner-email=a@b.example"}, "Re: your invoice"),
        ({"Return-Path": "<>"}, "Re: your invoice"),
        ({"Precedence": "auto_reply"}, "Re: your invoice"),
        ({"X-Autorespond": "Re: your invoice"}, "Re: your invoice"),
        ({}, "Automatic reply: your invoice"),
        ({}, "Out of Office Re: your invoice"),
        ({}, "رد تلقائي: الفاتورة"),
        ({}, "Undeliverable: your invoice"),
        ({"X-Auto-Response-Suppress": "All"}, "Automatische Antwort: Rechnung"),
    ],
)
def test_a_machines_mail_is_no_answer(mail: MailServer, headers: dict[str, str], subject: str) -> None:
    account = make.account()
    told = reply(
        "I am away until Sunday.", to=f"replies+{sent(account).message_id.hex}@in.inflow.example", headers=headers
    )
    with nothing_happens(account):
        assert post("inbound", {**told, "Subject": subject}) == 200
    assert json.dumps(told)
