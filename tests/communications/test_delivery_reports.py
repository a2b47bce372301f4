"""Delivery reports that arrive by mail are classified and applied to the message they name; they are never replies."""

import base64
import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from anymail.inbound import AnymailInboundMessage
from pytest_django import Settings

from communications.delivery import sender
from communications.inbound import mail_hooks
from communications.models import Address, Communication, Reply
from inflow.accounts.models import Account
from invoices.models import Escalation
from tests import make
from tests.communications.test_mail_provider import AHMED, SECRET, post, reply
from tests.mailserver import MailServer
from tests.unchanged import nothing_happens

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.communications.with_mail_provider")]
UNKNOWN = "smtp; 550 5.1.1 <ahmed@gulftrading.example>: Recipient address rejected: User unknown"

REPORT = """\
Return-Path: <>
From: MAILER-DAEMON@mail.example (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mail.example.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example

Final-Recipient: rfc822; {recipient}
{original}Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

--b
Content-Type: text/rfc822-headers

From: Falcon <no-reply@inflow.example>
Message-ID: <{known_as}>
X-InFlow-Message: {message_id}

--b--
"""
QMAIL = """\
From: MAILER-DAEMON@mail.example
To: no-reply@inflow.example
Subject: failure notice

Hi. This is the qmail-send program at mail.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{recipient}>:
192.0.2.7 does not like recipient.
Remote host said: {reply}
Giving up on 192.0.2.7.

--- Below this line is a copy of the message.

Return-Path: <no-reply@inflow.example>
Message-ID: <{known_as}>
X-InFlow-Message: {message_id}
"""


@pytest.fixture(autouse=True)
def _provider(settings: Settings) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    settings.MAIL_REPLY_ADDRESS = "replies@in.inflow.example"


def sent(account: Account) -> Communication:
    arrived = account.now() - dt.timedelta(days=5)
    row = make.reminder_due(make.overdue_invoice(account, place=make.open_place(), created_at=arrived))
    assert sender.send(row.pk)
    return stored(row)


def stored(row: Communication) -> Communication:
    found: Communication = Communication.objects.get(pk=row.pk)
    return found


def arrives(template: str, row: Communication, **given: str) -> None:
    fields = {
        "to": f"replies+{row.message_id.hex}@in.inflow.example",
        "recipient": row.recipient,
        "original": "",
        "action": "failed",
        "status": "5.0.0",
        "diagnostic": UNKNOWN,
        "known_as": row.provider_id,
        "message_id": str(row.message_id),
        **given,
    }
    mail = AnymailInboundMessage.parse_raw_mime(template.format(**fields))
    mail_hooks.handle_inbound(None, SimpleNamespace(message=mail, event_id="1"))


def is_marked() -> bool:
    return Address.objects.filter(invalid_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("given", "refusal", "marked"),
    [
        ({}, "address", True),
        ({"status": "5.1.1", "diagnostic": "X-Unix; mailbox gone"}, "address", True),
        ({"status": "5.2.2", "diagnostic": "smtp; 552 5.2.2 mailbox full"}, "mailbox", False),
        ({"status": "5.7.1", "diagnostic": "smtp; 554 5.7.1 Relay access denied"}, "ours", False),
        ({"status": "4.4.7", "diagnostic": "smtp; 451 4.4.7 delivery time expired"}, "ours", False),
        ({"recipient": "boss@elsewhere.example"}, "mailbox", False),
        ({"recipient": "boss@elsewhere.example", "original": f"Original-Recipient: rfc822;{AHMED}\n"}, "address", True),
        ({"to": "no-reply@inflow.example"}, "address", True),
        ({"recipient": "Ahmed@GulfTrading.example"}, "address", True),
    ],
)
def test_a_report_is_applied_to_the_message_it_names(
    mail: MailServer, given: dict[str, str], refusal: str, marked: bool
) -> None:
    row = sent(make.account())
    arrives(REPORT, row, **given)
    arrives(REPORT, row, **given)
    row = stored(row)
    assert (row.status, row.refusal, is_marked()) == ("bounced", refusal, marked)
    assert row.error.startswith("reported: ")
    assert not Reply.objects.exists()
    assert Escalation.objects.exists() == marked
    assert Communication.objects.filter(status="scheduled").exists() == (not marked)


@pytest.mark.parametrize("action", ["delayed", "relayed", "delivered", "expanded"])
def test_a_report_of_no_failure_changes_nothing(mail: MailServer, action: str) -> None:
    account = make.account()
    row = sent(account)
    with nothing_happens(account):
        arrives(REPORT, row, action=action)


def test_a_report_about_a_mail_of_somebody_else_changes_nothing(mail: MailServer) -> None:
    account = make.account()
    row = sent(account)
    elsewhere = {"to": "no-reply@inflow.example", "known_as": "1@elsewhere.example"}
    with nothing_happens(account):
        arrives(REPORT, row, message_id="00000000-0000-4000-8000-000000000007", **elsewhere)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("550 sorry, no mailbox here by that name. (#5.1.1)", "address"),
        ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "ours"),
    ],
)
def test_a_report_in_an_older_form_is_understood(mail: MailServer, text: str, refusal: str) -> None:
    row = sent(make.account())
    arrives(QMAIL, row, reply=text)
    assert (stored(row).status, stored(row).refusal) == ("bounced", refusal)
    assert not Reply.objects.exists()


def test_a_provider_that_passes_the_parts_on_one_by_one_is_understood(mail: MailServer) -> None:
    row = sent(make.account())
    report = f"Reporting-MTA: dns; mail.example\n\nFinal-Recipient: rfc822; {AHMED}\nAction: failed\nStatus: 5.1.1\n"
    told: dict[str, Any] = reply(
        "This is the mail system.",
        to=f"replies+{row.message_id.hex}@in.inflow.example",
        from_="MAILER-DAEMON@mail.example",
        headers={"Auto-Submitted": "auto-replied"},
    )
    told["Attachments"] = [
        {
            "Name": "report.txt",
            "Content": base64.b64encode(report.encode()).decode(),
            "ContentType": "message/delivery-status",
            "ContentLength": len(report),
        }
    ]
    assert post("inbound", told) == 200
    assert (stored(row).status, stored(row).refusal, is_marked()) == ("bounced", "address", True)
    assert not Reply.objects.exists()


def test_a_person_who_speaks_of_a_bounce_is_heard(mail: MailServer) -> None:
    row = sent(make.account())
    text = "Our accountant got: 550 5.1.1 User unknown. Please write to me instead."
    told = reply(text, to=f"replies+{row.message_id.hex}@in.inflow.example")
    assert post("inbound", told) == 200
    assert Reply.objects.get().text == text
    assert stored(row).status == "replied"


def test_a_message_that_was_read_did_not_bounce(mail: MailServer) -> None:
    row = sent(make.account())
    Communication.objects.update(status="read")
    arrives(REPORT, row)
    assert (stored(row).status, is_marked()) == ("read", False)
