"""Workers that die between any two lines: a notification is lost never, and a dispute resolved wholly or not at all."""

import datetime as dt
import uuid
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.notifications import digest, mailing
from inflow.notifications.models import Notification, Preferences
from invoices import disputes, notes
from invoices.models import CreditNote, Dispute
from tests import make
from tests.killed_lines import die_at, lines_of

EVERY = pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.nightly)])


@EVERY
@pytest.mark.django_db(transaction=True)
def test_a_notification_is_never_lost_and_a_second_mail_is_the_same_as_the_first(
    every: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account, outbox = make.account(), tmp_path / "mails"
    User.objects.create_user("anna@firm.example", account=account, role=Role.AGENT)
    debtor_id = make.invoice(account).debtor_id

    def send(message: EmailMessage) -> None:
        with outbox.open("a") as file:
            file.write(f"{message.extra_headers['Message-ID']} {str(message.body)[:40].replace(chr(10), ' ')}\n")

    monkeypatch.setattr(EmailMessage, "send", send)
    modules = ("notifications/mailing.py", "notifications/items.py")
    notes.add_to_debtor(account, debtor_id, make.STAFF, "@anna the first")
    lines = lines_of(mailing.send_due, modules)[::every]
    assert len(lines) > 40 / every
    for line in lines:
        notes.add_to_debtor(account, debtor_id, make.STAFF, "@anna look")
        die_at(line, mailing.send_due)
    Notification.objects.exclude(due_at=None).update(due_at=timezone.now())
    mailing.send_due()
    assert not Notification.objects.filter(sent_at=None).exists()
    mails = Counter(outbox.read_text().splitlines())
    assert len({mail.partition(" ")[0] for mail in mails}) == len(mails)  # the same Message-ID, the same content
    assert {f"<notification-{mail}@testserver>" for mail in Notification.objects.values_list("mail", flat=True)} == {
        mail.partition(" ")[0] for mail in mails
    }


@EVERY
@pytest.mark.django_db(transaction=True)
def test_a_digest_is_queued_once(every: int) -> None:
    account = make.account()
    anna = User.objects.create_user("anna@firm.example", account=account, role=Role.AGENT)
    past = timezone.now() - dt.timedelta(hours=1)
    Preferences.objects.create(user=anna, digest=True, digest_due_at=past)
    lines = lines_of(digest.queue_due, ("notifications/digest.py", "notifications/queue.py"))
    Notification.objects.all().delete()
    for line in lines[::every]:
        Preferences.objects.update(digest_due_at=past)
        die_at(line, digest.queue_due)
        digest.queue_due()
        assert Notification.objects.count() == 1
        assert Preferences.objects.filter(digest_due_at__gt=timezone.now()).exists()


@EVERY
@pytest.mark.django_db(transaction=True)
def test_a_dispute_is_resolved_with_its_credit_note_or_not_at_all(every: int) -> None:
    account = make.account()
    modules = ("invoices/disputes.py", "invoices/dispute_records.py", "invoices/writing.py", "invoices/credit_notes.py")

    def resolve() -> None:
        values = {"number": f"CN of {dispute}", "amount": Decimal(400)}
        disputes.resolve_by_credit_note(account, dispute, make.STAFF, **values)  # type: ignore[arg-type]

    def contested(number: int) -> uuid.UUID:
        invoice = make.invoice(account, invoice_number=f"INV-{number}", amount=1000)
        return disputes.open_dispute(account, invoice.pk, make.STAFF, amount=Decimal(400)).pk

    dispute = contested(0)
    lines = lines_of(resolve, modules)
    dispute = contested(1)
    for line in lines[::every]:
        die_at(line, resolve)
        is_done = Dispute.objects.get(pk=dispute).status == "resolved"
        assert CreditNote.objects.count() == make.events_of(account).count("dispute.resolved") == 1 + is_done
        assert Dispute.objects.get(pk=dispute).invoice.balance == (600 if is_done else 1000)
        if is_done:
            dispute = contested(CreditNote.objects.count())
            break
    resolve()
    resolved = Dispute.objects.filter(status="resolved", outcome="credit_note").count()
    assert CreditNote.objects.count() == make.events_of(account).count("dispute.resolved") == resolved
