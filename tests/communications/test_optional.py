"""Thanks at full payment and a word before a promised day: only where the account wants them, and never in vain."""

import datetime as dt

import pytest

from communications.delivery import sender
from communications.engine import clock
from communications.models import CollectionSettings, Communication
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.models import Debtor, Escalation, Invoice
from tests import make
from tests.communications.test_ladder import account_at, at
from tests.mailserver import MailServer

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def account(*, is_test: bool = False, **wanted: bool) -> Account:
    made = make.account(is_test=is_test)
    if wanted:
        CollectionSettings.objects.create(account=made, **wanted)
    return Account.objects.get(pk=made.pk)


def late(account: Account) -> Invoice:
    return make.overdue_invoice(account, place=make.open_place())


def pay(invoice: Invoice) -> object:
    paid = Account.objects.get(pk=invoice.account_id)
    return lifecycle.record_payment(paid, invoice.pk, make.API, amount=make.again(invoice).balance)


def besides(invoice: Invoice) -> list[tuple[str, str]]:
    rows = Communication.objects.filter(invoice=invoice, step=None).order_by("created_at")
    return list(rows.values_list("kind", "status"))


def test_by_default_nobody_is_thanked_or_reminded_of_a_promise(mail: MailServer) -> None:
    invoice = late(account())
    lifecycle.promise(invoice.account, invoice.pk, make.STAFF, invoice.account.today() + 5 * DAY)
    pay(invoice)
    assert besides(invoice) == []


def test_thanks_go_once_for_what_was_paid_in_full(mail: MailServer) -> None:
    invoice = late(account(says_thanks=True))
    lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=invoice.balance / 2)
    assert besides(invoice) == []
    pay(invoice)
    assert besides(invoice) == [("thank_you", "scheduled")]
    assert sender.send_due() == 1
    assert str(mail.mails[0]["Subject"]).strip() == f"Thank you: invoice {invoice} is paid"
    lifecycle.change(invoice.account, invoice.pk, make.API, payment_status="unpaid")
    pay(invoice)
    assert besides(invoice) == [("thank_you", "sent")]


def test_what_is_imported_as_paid_is_not_thanked_for(mail: MailServer) -> None:
    wanted = account(says_thanks=True)
    assert besides(make.invoice(wanted, amount=100, amount_paid=100)) == []


def test_a_promise_is_spoken_of_the_day_before_and_a_newer_one_moves_it(mail: MailServer) -> None:
    invoice = late(account(recalls_promises=True))
    today = invoice.account.today()
    for days in (20, 9):
        lifecycle.promise(invoice.account, invoice.pk, make.STAFF, today + days * DAY)
        row = Communication.objects.get(invoice=invoice, step=None)
        assert row.scheduled_for.astimezone(invoice.account.zone).date() >= today + (days - 1) * DAY
        assert row.status == "scheduled"
    lifecycle.promise(invoice.account, invoice.pk, make.STAFF, today + DAY)
    assert besides(invoice) == [("promise_followup", "cancelled")]


def test_a_promise_that_was_kept_or_withdrawn_is_not_spoken_of(mail: MailServer) -> None:
    wanted = account(recalls_promises=True)
    paid, withdrawn = late(wanted), late(wanted)
    for invoice in (paid, withdrawn):
        lifecycle.promise(wanted, invoice.pk, make.STAFF, wanted.today() + 9 * DAY)
    pay(paid)
    lifecycle.change(wanted, withdrawn.pk, make.STAFF, status="new")
    waiting = Communication.objects.filter(kind="promise_followup", status="scheduled")
    assert waiting.update(scheduled_for=wanted.now()) == 1
    Communication.objects.filter(step__isnull=False).delete()
    assert sender.send_due() == 0
    reasons = set(Communication.objects.filter(kind="promise_followup").values_list("suppressed_reason", flat=True))
    assert reasons == {"paid", "no_promise"}


def test_a_test_clock_sends_it_on_the_day_before_and_the_ladder_waits_for_the_promise() -> None:
    wanted = account(is_test=True, recalls_promises=True)
    clock.set_clock(wanted, dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC))  # a Monday, 10:00 in Dubai
    invoice = make.invoice(wanted, due_date=dt.date(2026, 2, 1), issue_date=dt.date(2026, 1, 1))
    Debtor.objects.update(country="AE")
    lifecycle.promise(wanted, invoice.pk, make.STAFF, dt.date(2026, 3, 11))
    clock.set_clock(wanted, dt.datetime(2026, 3, 12, tzinfo=dt.UTC))
    [row] = Communication.objects.filter(invoice=invoice, sent_at__isnull=False)
    assert (row.kind, row.sent_at) == ("promise_followup", dt.datetime(2026, 3, 10, 5, tzinfo=dt.UTC))
    assert "11 March 2026" in row.subject


@pytest.mark.parametrize(("days", "expected"), [(3, "sent"), (40, "suppressed")])
def test_thanks_that_were_held_back_for_more_than_a_week_are_not_sent(days: int, expected: str) -> None:
    account = account_at("2026-04-06 12:00")
    CollectionSettings.objects.create(account=account, says_thanks=True)
    other, paid = (make.invoice(account, invoice_number=number, due_date=dt.date(2026, 4, 1)) for number in "12")
    for _ in range(2):
        cases.open_manually(account, other.pk, make.STAFF, level=2)
    pay(paid)
    clock.set_clock(account, at("2026-04-06 12:00") + days * DAY)
    for level in (2, 1):
        case = Escalation.objects.get(invoice=other, level=level)
        cases.change(account, case.pk, make.STAFF, CaseChange(status="resolved", resolution="hold"))
    clock.set_clock(account, at("2026-04-06 12:00") + (days + 3) * DAY)
    (row,) = Communication.objects.filter(invoice=paid, kind="thank_you")
    assert (row.status, row.suppressed_reason) == (expected, "" if expected == "sent" else "late")
