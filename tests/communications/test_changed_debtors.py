"""Messages of an invoice that changes its debtor: none tells one debtor of another, and none is sent twice."""

import datetime as dt

import pytest

from communications.channels import Refusal
from communications.delivery import restored, status_updates
from communications.delivery.status_updates import Outcome
from communications.engine import clock
from communications.models import Communication, EarlierContact, State
from communications.schedule import limits
from inflow.accounts.models import Account
from invoices import amending
from invoices.debtors import merging, splitting
from invoices.models import Contact, Invoice
from tests import make
from tests.communications.test_joint_bounces import bounce
from tests.communications.test_ladder import account_at, at
from tests.communications.test_one_future import now_of

pytestmark = pytest.mark.django_db
ONE, BRANCH = "one@one.example", "branch@one.example"


def belongs(account: Account) -> bool:
    """Return True if each planned message is filed under the debtor of its invoice."""
    planned = Communication.objects.for_account(account).filter(status__in=("scheduled", "held"))
    return all(row.debtor_id == row.invoice.debtor_id for row in planned.select_related("invoice"))


def move(account: Account, invoice: Invoice) -> None:
    changes = {"debtor_name": "Sara Said", "debtor_email": "sara@said.example"}
    amending.amend(now_of(invoice), invoice.pk, make.STAFF, changes)
    assert Invoice.objects.get(pk=invoice.pk).debtor_id != invoice.debtor_id


def invoice_of(account: Account, email: str, number: str) -> Invoice:
    return make.invoice(
        account,
        due_date=dt.date(2026, 2, 14),
        debtor_company="",
        debtor_name="Ahmed Ali",
        debtor_email=email,
        invoice_number=number,
    )


def test_what_was_planned_since_a_merge_follows_its_invoice_when_it_is_undone() -> None:
    account = account_at("2026-02-01 10:00")
    one = invoice_of(account, "one@one.example", "ONE-1")
    two = invoice_of(account, "two@two.example", "TWO-1")
    assert one.debtor_id != two.debtor_id
    Contact.objects.create(account=account, debtor=two.debtor, email="cfo@two.example")
    done = merging.merge(account, one.debtor_id, two.debtor_id, make.STAFF)
    clock.set_clock(account, at("2026-02-15 18:30"))
    assert Communication.objects.filter(invoice=one, status="scheduled").exists()
    account = Account.objects.get(pk=account.pk)
    merging.undo(account, done.pk, make.STAFF)
    assert belongs(account)
    clock.set_clock(account, at("2026-03-20 12:00"))
    sent = Communication.objects.filter(invoice=one, sent_at__gt=at("2026-02-15 18:30"))
    assert sent
    for row in sent:
        assert row.recipient == "one@one.example"
        assert not row.has_copies
        assert "TWO-1" not in row.body


@pytest.mark.parametrize("refusal", [Refusal.OURS, Refusal.MAILBOX, None])
def test_a_message_whose_invoice_moves_while_it_is_sent_goes_on_with_the_new_debtor(refusal: Refusal | None) -> None:
    account = account_at("2026-02-01 10:00")
    invoice = invoice_of(account, "one@one.example", "ONE-1")
    Contact.objects.create(account=account, debtor=invoice.debtor, email="cfo@one.example")
    clock.set_clock(account, at("2026-02-15 18:30"))
    account = Account.objects.get(pk=account.pk)
    row = Communication.objects.get(invoice=invoice, status="scheduled")
    Communication.objects.filter(pk=row.pk).update(
        status=State.SENDING, sent_at=account.now(), claimed_at=account.now()
    )
    move(account, invoice)
    if refusal:
        status_updates.record(row.message_id, Outcome(State.FAILED, "no", refusal))
    else:
        restored.reschedule(account, row.message_id)
    assert belongs(account)
    clock.set_clock(Account.objects.get(pk=account.pk), at("2026-03-20 12:00"))
    later = Communication.objects.filter(invoice=invoice, sent_at__gt=at("2026-02-15 18:31"))
    assert {row.recipient for row in later} == {"sara@said.example"}
    assert not any(row.has_copies for row in later)


def test_a_message_that_bounces_after_its_invoice_moved_is_planned_for_the_new_debtor() -> None:
    account = account_at("2026-02-01 10:00")
    invoice = invoice_of(account, "one@one.example", "ONE-1")
    clock.set_clock(account, at("2026-02-11 09:00"))
    rows = list(Communication.objects.filter(invoice=invoice, status="sent"))
    Contact.objects.create(account=account, debtor=invoice.debtor, email="cfo@one.example")
    move(account, invoice)
    bounce(account, rows, Refusal.MAILBOX)
    assert belongs(account)


def test_the_limits_of_a_split_debtor_count_what_its_recipients_were_sent_before() -> None:
    account = account_at("2026-02-01 10:00")
    one, other, branch = (invoice_of(account, email, f"ONE-{place}") for place, email in enumerate((ONE, ONE, BRANCH)))
    assert one.debtor_id == other.debtor_id == branch.debtor_id
    clock.set_clock(account, at("2026-02-18 12:00"))
    account = Account.objects.get(pk=account.pk)
    before = limits.contacts(one.debtor_id, account.now())
    sent = Communication.objects.filter(debtor=one.debtor, sent_at__gte=before[0])
    to = {address: set(sent.filter(recipient=address).values_list("sent_at", flat=True)) for address in (ONE, BRANCH)}
    assert to[ONE]
    for invoice, address in ((other, ONE), (branch, BRANCH)):
        moved = splitting.split(account, one.debtor_id, [invoice.pk], make.STAFF).debtor
        assert limits.contacts(moved.pk, account.now()) == sorted(to[address])
        assert limits.contacts(one.debtor_id, account.now()) == before
        merging.merge(account, moved.pk, one.debtor_id, make.STAFF)
        assert limits.contacts(one.debtor_id, account.now()) == before  # each counts once


def test_an_undone_merge_leaves_the_limits_of_debtors_that_share_a_mailbox_apart() -> None:
    account = account_at("2026-02-01 10:00")
    one = invoice_of(account, "books@gmail.com", "ONE-1")
    two = make.invoice(
        account, due_date=dt.date(2026, 2, 14), debtor_company="Beta LLC", debtor_email="books@gmail.com"
    )
    clock.set_clock(account, at("2026-02-16 12:00"))
    account = Account.objects.get(pk=account.pk)
    before = [limits.contacts(each.debtor_id, account.now()) for each in (one, two)]
    assert all(before)
    done = merging.merge(account, one.debtor_id, two.debtor_id, make.STAFF)
    merging.undo(account, done.pk, make.STAFF)
    assert [limits.contacts(each.debtor_id, account.now()) for each in (one, two)] == before
    assert not EarlierContact.objects.exists()


def test_no_mailbox_gets_two_reminders_in_three_days_because_of_a_split() -> None:
    account = account_at("2026-02-01 10:00")
    one = invoice_of(account, "one@one.example", "ONE-1")
    other = make.invoice(
        account,
        due_date=dt.date(2026, 2, 15),
        debtor_company="",
        debtor_name="Ahmed Ali",
        debtor_email="one@one.example",
        invoice_number="ONE-2",
    )
    clock.set_clock(account, at("2026-02-16 12:00"))
    account = Account.objects.get(pk=account.pk)
    splitting.split(account, one.debtor_id, [other.pk], make.STAFF)
    clock.set_clock(account, at("2026-03-20 12:00"))
    rows = Communication.objects.for_account(account).filter(recipient="one@one.example", sent_at__isnull=False)
    times = sorted(set(rows.values_list("sent_at", flat=True)))
    first = [moment for moment in times if moment <= at("2026-02-16 12:00")][-1]
    assert min(moment for moment in times if moment > at("2026-02-16 12:00")) - first >= dt.timedelta(days=3)
