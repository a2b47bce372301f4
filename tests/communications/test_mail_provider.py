"""What a mail provider tells of emails, in Postmark's own JSON, comes in by the same door as a gateway's callbacks."""

import base64
import datetime as dt
import json
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from communications.delivery import sender
from communications.inbound import quoting
from communications.models import Address, Communication, ConsentEntry, Reply
from inflow.accounts.models import Account
from inflow.tryout.folder import ROOT
from invoices.models import Debtor, Escalation
from tests import environment, make
from tests.mailserver import MailServer
from tests.receiver import Answer, Receiver
from tests.unchanged import nothing_happens

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.communications.with_mail_provider")]
SECRET = "inflow:a-secret-of-the-provider"
AHMED = "ahmed@gulftrading.example"


@pytest.fixture(autouse=True)
def _provider(settings: Settings) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    settings.MAIL_REPLY_ADDRESS = "replies@in.inflow.example"


def post(hook: str, event: dict[str, Any], secret: str = SECRET) -> int:
    coded = base64.b64encode(secret.encode()).decode()
    headers = {"Authorization": f"Basic {coded}"} if secret else {}
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    status: int = client.post(
        f"/hooks/mail/postmark/{hook}/", json.dumps(event), content_type="application/json", headers=headers
    ).status_code
    return status


def delivery(row: Communication, **given: Any) -> dict[str, Any]:
    return {
        "RecordType": "Delivery",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Recipient": row.recipient,
        "DeliveredAt": "2026-03-02T11:33:54Z",
        "Details": "250 2.0.0 OK",
        "Tag": "",
        "ServerID": 23,
        "Metadata": {"inflow_message": str(row.message_id)},
        "MessageStream": "outbound",
        **given,
    }


def bounce(row: Communication, kind: str = "HardBounce", **given: Any) -> dict[str, Any]:
    code = {"HardBounce": 1, "SoftBounce": 4096, "SpamComplaint": 512}[kind]
    return {
        "RecordType": "SpamComplaint" if kind == "SpamComplaint" else "Bounce",
        "ID": 4323372036854775807,
        "Type": kind,
        "TypeCode": code,
        "Name": kind,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Description": "The server was unable to deliver your message (ex: unknown user).",
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Email": row.recipient,
        "From": "no-reply@inflow.example",
        "BouncedAt": "2026-03-02T11:33:54Z",
        "DumpAvailable": True,
        "Inactive": True,
        "CanActivate": True,
        "Subject": row.subject,
        "ServerID": 23,
        "MessageStream": "outbound",
        "Tag": "",
        "Metadata": {"inflow_message": str(row.message_id)},
        **given,
    }


def reply(
    text: str, *, to: str = "replies@in.inflow.example", from_: str = AHMED, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    known_as = f"<{uuid.uuid4()}@gulftrading.example>"
    named = {"Message-ID": known_as, **(headers or {})}
    return {
        "FromName": "Ahmed",
        "MessageStream": "inbound",
        "From": from_,
        "FromFull": {"Email": from_, "Name": "Ahmed", "MailboxHash": ""},
        "To": to,
        "ToFull": [{"Email": to, "Name": "", "MailboxHash": ""}],
        "Cc": "",
        "CcFull": [],
        "Bcc": "",
        "BccFull": [],
        "OriginalRecipient": to,
        "Subject": "Re: your invoice",
        "MessageID": str(uuid.uuid4()),
        "ReplyTo": "",
        "MailboxHash": "",
        "Date": "Mon, 2 Mar 2026 15:00:00 +0400",
        "TextBody": text,
        "HtmlBody": "",
        "StrippedTextReply": "",
        "Tag": "",
        "Headers": [{"Name": name, "Value": value} for name, value in named.items()],
        "Attachments": [],
    }


def stored(row: Communication) -> Communication:
    found: Communication = Communication.objects.get(pk=row.pk)
    return found


def sent(account: Account, **given: Any) -> Communication:
    row = make.reminder_due(make.overdue_invoice(account, place=make.open_place(), **given))
    assert sender.send(row.pk)
    return stored(row)


def test_an_email_over_smtp_is_known_by_its_own_id_and_is_delivered_once(mail: MailServer) -> None:
    row = sent(make.account())
    assert row.provider_id == f"{row.message_id}@inflow"
    assert post("tracking", delivery(row)) == 200
    assert post("tracking", delivery(row)) == 200
    again = stored(row)
    assert (again.status, bool(again.delivered_at)) == ("delivered", True)
    assert f"replies+{row.message_id.hex}@in.inflow.example" in str(mail.mails[0]["Reply-To"])


def test_states_never_move_backwards(mail: MailServer) -> None:
    row = sent(make.account())
    assert post("tracking", {**delivery(row), "RecordType": "Open", "ReceivedAt": "2026-03-02T12:00:00Z"}) == 200
    assert stored(row).status == "read"
    for event in (delivery(row), bounce(row)):
        assert post("tracking", event) == 200
    assert stored(row).status == "read"
    assert not Address.objects.exists()


def test_a_hard_bounce_marks_the_mailbox_and_calls_a_person(mail: MailServer) -> None:
    row = sent(make.account())
    assert post("tracking", bounce(row)) == 200
    assert stored(row).status == "bounced"
    contact = Address.objects.get()
    assert (contact.channel, contact.address, bool(contact.invalid_at)) == ("email", AHMED, True)
    assert Escalation.objects.get().reason == "no_contact"


@pytest.mark.parametrize(
    "how", [{"kind": "SoftBounce"}, {"Details": "smtp;552 5.2.2 The email account is over quota."}]
)
def test_a_mailbox_that_is_full_bounces_and_stays_a_good_one(mail: MailServer, how: dict[str, Any]) -> None:
    account = make.account()
    row = sent(account, created_at=account.now() - dt.timedelta(days=5))
    assert post("tracking", bounce(row, **how)) == 200
    assert stored(row).status == "bounced"
    assert not Address.objects.filter(invalid_at__isnull=False).exists()
    assert not Escalation.objects.exists()
    assert Communication.objects.get(status="scheduled").try_number == 2


def test_a_complaint_is_an_opt_out_of_email(mail: MailServer) -> None:
    row = sent(make.account())
    assert post("tracking", bounce(row, "SpamComplaint")) == 200
    contact, entry = Address.objects.get(), ConsentEntry.objects.get()
    assert (contact.address, bool(contact.opted_out_at), contact.invalid_at) == (AHMED, True, None)
    assert (entry.what, entry.source, entry.text) == ("opted_out", "provider", "marked as spam")
    assert stored(row).status == "sent"


@pytest.mark.parametrize("secret", ["", "inflow:wrong", "inflow:"])
def test_nothing_is_believed_without_the_secret(mail: MailServer, secret: str) -> None:
    account = make.account()
    row = sent(account)
    to = f"replies+{row.message_id.hex}@in.inflow.example"
    with nothing_happens(account):
        assert post("tracking", bounce(row), secret) == 400
        assert post("inbound", reply("Stop", to=to), secret) == 400


def test_a_message_that_is_none_of_ours_changes_nothing(mail: MailServer) -> None:
    account = make.account()
    row = sent(account)
    stranger = Communication(message_id=uuid.uuid4(), recipient=row.recipient)
    with nothing_happens(account):
        assert post("tracking", bounce(stranger)) == 200
        assert post("inbound", reply("Stop")) == 200
        assert post("inbound", reply("Stop", headers={"In-Reply-To": f"<{stranger.message_id}@inflow>"})) == 200


def test_the_message_says_whose_it_is_where_two_accounts_write_to_one_mailbox(mail: MailServer) -> None:
    first, second = make.account(), make.account("Oryx")
    row, other = sent(first), sent(second)
    with nothing_happens(second):
        assert post("tracking", delivery(row)) == 200
        to = f"replies+{row.message_id.hex}@in.inflow.example"
        assert post("inbound", reply("Stop", to=to)) == 200
    assert (stored(row).status, stored(other).status) == ("replied", "sent")
    assert Address.objects.get().account == first


def test_an_answer_waits_for_a_person_and_stops_the_next_message(mail: MailServer) -> None:
    row = sent(make.account())
    told = reply(
        f"We paid on Sunday.\n\nOn Mon, 2 Mar 2026 at 11:00, Falcon <no-reply@inflow.example>\nwrote:\n> {row.body}",
        to=f"replies+{row.message_id.hex}@in.inflow.example",
    )
    assert post("inbound", told) == 200
    assert post("inbound", told) == 200
    heard = Reply.objects.get()
    assert (heard.triage, heard.text, heard.communication, heard.channel) == (
        "paid",
        "We paid on Sunday.",
        row,
        "email",
    )
    assert stored(row).status == "replied"
    assert Debtor.objects.get().answered_at is not None


@pytest.mark.parametrize("name", ["In-Reply-To", "References"])
def test_an_answer_is_found_by_the_mail_that_it_answers(mail: MailServer, name: str) -> None:
    row = sent(make.account())
    assert post("inbound", reply("Please stop", headers={name: f"<other@x.example> <{row.provider_id}>"})) == 200
    assert Reply.objects.get().triage == "stop"
    assert Address.objects.get().opted_out_at is not None
    assert ConsentEntry.objects.get().source == "email"


def test_whoever_answers_from_another_mailbox_speaks_for_the_one_we_wrote_to(mail: MailServer) -> None:
    row = sent(make.account())
    told = reply("STOP", to=f"replies+{row.message_id.hex}@in.inflow.example", from_="boss@gulftrading.example")
    assert post("inbound", told) == 200
    assert Reply.objects.get().address == "boss@gulftrading.example"
    assert Address.objects.get().address == AHMED


@pytest.mark.parametrize(
    "headers", [{"Auto-Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"X-Autoreply": "yes"}]
)
def test_an_absence_note_is_no_answer(mail: MailServer, headers: dict[str, str]) -> None:
    account = make.account()
    to = f"replies+{sent(account).message_id.hex}@in.inflow.example"
    with nothing_happens(account):
        assert post("inbound", reply("I am away until Sunday.", to=to, headers=headers)) == 200


@pytest.mark.parametrize(
    ("text", "markup", "said"),
    [
        ("Paid.\n\nOn Mon, Falcon wrote:\n> Stop", "", "Paid."),
        ("دفعنا\nفي الاثنين كتب فالكون:\n> x", "", "دفعنا"),
        ("Will do\n-----Original Message-----\nFrom: a", "", "Will do"),
        ("Yes\nFrom: Falcon <a@b.example>\nSent: Monday", "", "Yes"),
        ("Thanks\n-- \nAhmed", "", "Thanks\n-- \nAhmed"),
        ("", "<p>Paid &amp; done</p><blockquote>Stop</blockquote>", "Paid & done"),
        ("On Sunday we will pay", "", "On Sunday we will pay"),
    ],
)
def test_a_quote_is_not_part_of_the_answer(text: str, markup: str, said: str) -> None:
    assert quoting.without_quote(text or markup) == said


# --- By the provider's API ------------------------------------------------------------------------------------------

TAKEN = {"ErrorCode": 0, "Message": "OK", "SubmittedAt": "2026-03-02T11:00:00Z", "To": AHMED}


def by_api(settings: Settings, answer: Answer) -> tuple[Communication, Receiver]:
    with Receiver(answer) as api:
        settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
        settings.ANYMAIL |= {"POSTMARK_SERVER_TOKEN": "t", "POSTMARK_API_URL": f"http://127.0.0.1:{api.port}/"}
        row = make.reminder_due(make.overdue_invoice(make.account(), place=make.open_place()))
        sender.send(row.pk)
        return stored(row), api


def test_a_mail_by_the_providers_api_is_known_by_its_id(settings: Settings) -> None:
    known_as = "b7bc2f4a-e38e-4336-af7d-e6c392c2f817"
    row, api = by_api(settings, Answer(200, json.dumps({**TAKEN, "MessageID": known_as}).encode()))
    assert (row.status, row.provider_id) == ("sent", known_as)
    (request,) = api.requests
    told = json.loads(request.body)
    assert (told["To"], told["Metadata"]) == (AHMED, {"inflow_message": str(row.message_id)})
    assert post("tracking", delivery(row, MessageID=known_as, Metadata={})) == 200
    assert stored(row).status == "delivered"


@pytest.mark.parametrize(("status", "becomes"), [(401, "scheduled"), (422, "scheduled"), (500, "unknown")])
def test_only_what_the_api_refused_is_tried_again(settings: Settings, status: int, becomes: str) -> None:
    row, api = by_api(settings, Answer(status, b'{"ErrorCode": 10, "Message": "No."}'))
    assert (row.status, len(api.requests)) == (becomes, 1)
    assert Communication.objects.filter(status="scheduled").count() == (becomes == "scheduled")


# --- Where it is not set up -----------------------------------------------------------------------------------------

_LOOK = """
import sys
if "without" in sys.argv: sys.modules["anymail"] = None
import django
django.setup()
from django.urls import get_resolver
from communications import channels
from communications.delivery import sender
print([route for route in map(str, get_resolver().reverse_dict) if "_webhook" in route])
"""


def look(*arguments: str, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, *arguments],
        cwd=ROOT,
        env=os.environ | environment.testing() | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.faults
def test_without_the_extra_inflow_runs_and_has_no_such_address() -> None:
    assert look("without").strip() == "[]"


@pytest.mark.faults
def test_with_it_there_are_the_providers_addresses_and_never_without_a_secret() -> None:
    given = {"MAIL_PROVIDER": "postmark", "MAIL_PROVIDER_SECRET": "inflow:12345678901234567890"}
    assert "'postmark_tracking_webhook', 'postmark_inbound_webhook'" in look(**given)
    assert "MAIL_PROVIDER_SECRET" in look(**{**given, "MAIL_PROVIDER_SECRET": "short:x"})
    assert "MAIL_PROVIDER_SECRET" in look(MAIL_PROVIDER="postmark")
    assert "pip install --require-hashes -r requirements-mail.txt" in look("without", **given)
