"""A payment erases no fact: when it is undone, the facts apply again unless their own end has passed."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal

import pytest

from communications.engine import clock
from communications.models import CollectionSettings, Communication
from communications.schedule import limits
from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.cases import cases
from invoices.models import Allocation, Escalation, Invoice, Promise, Receipt, TimelineEntry
from tests import make

pytestmark = pytest.mark.django_db
# A Monday, 10:30 in Dubai.
NOW = dt.datetime(2026, 3, 2, 6, 30, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def account() -> Account:
    """Return an account with a clock of its own."""
    made = make.account(is_test=True)
    clock.set_clock(made, NOW)
    return made


def overdue(account: Account, **given: int) -> Invoice:
    """An invoice whose next message may go at once."""
    invoice = make.overdue_invoice(account, amount=given.get("amount", 1_000), due_in=given.get("due_in", -10))
    Invoice.objects.filter(pk=invoice.pk).update(entered_on=account.today() - 60 * DAY, entered_at=NOW - 60 * DAY)
    return make.again(invoice)


def pay(invoice: Invoice, amount: int | None = None) -> uuid.UUID:
    whole = make.again(invoice).balance if amount is None else Decimal(amount)
    payment = lifecycle.record_payment(fresh(invoice), invoice.pk, make.STAFF, amount=whole)
    receipt: uuid.UUID = payment.pk
    return receipt


def fresh(invoice: Invoice) -> Account:
    return make.again(invoice).account


def void(invoice: Invoice, receipt: uuid.UUID) -> None:
    ledger.void_payment(fresh(invoice), receipt, make.STAFF)


def reverse(invoice: Invoice, receipt: uuid.UUID) -> None:
    ledger.reverse_payment(fresh(invoice), None, receipt, make.STAFF)


def leap(invoice: Invoice, by: dt.timedelta) -> None:
    account = fresh(invoice)
    clock.set_clock(account, account.now() + by)


def sent(invoice: Invoice) -> int:
    return Communication.objects.filter(invoice=invoice, sent_at__isnull=False).count()


UNDOINGS = pytest.mark.parametrize("undo", [void, reverse], ids=["void", "reverse"])
Undo = Callable[[Invoice, uuid.UUID], None]


# --- Disputes and holds ------------------------------------------------------------------------------------------


@UNDOINGS
def test_a_disputed_invoice_is_disputed_again(account: Account, undo: Undo) -> None:
    invoice = overdue(account)
    lifecycle.change(account, invoice.pk, make.STAFF, status="disputed")
    disputed_at = make.again(invoice).disputed_at
    receipt = pay(invoice)
    assert make.again(invoice).status == "paid"
    undo(invoice, receipt)
    again = make.again(invoice)
    assert (again.status, again.disputed_at, again.balance) == ("disputed", disputed_at, Decimal(1_000))
    leap(invoice, 20 * DAY)
    assert sent(invoice) == 0


@UNDOINGS
def test_a_hold_holds_again_until_its_own_end(account: Account, undo: Undo) -> None:
    invoice = overdue(account)
    until = account.today() + 20 * DAY
    lifecycle.change(account, invoice.pk, make.STAFF, status="on_hold", hold_until=until)
    receipt = pay(invoice)
    leap(invoice, 5 * DAY)
    undo(invoice, receipt)
    again = make.again(invoice)
    assert (again.status, again.hold_until) == ("on_hold", until)
    leap(invoice, 15 * DAY)
    assert sent(invoice) == 0
    assert make.again(invoice).status == "on_hold"


@UNDOINGS
def test_a_hold_that_ended_meanwhile_holds_no_more(account: Account, undo: Undo) -> None:
    invoice = overdue(account)
    lifecycle.change(account, invoice.pk, make.STAFF, status="on_hold", hold_until=account.today() + 2 * DAY)
    receipt = pay(invoice)
    leap(invoice, 5 * DAY)
    undo(invoice, receipt)
    again = make.again(invoice)
    assert (again.status, again.hold_until) == ("overdue", None)


def test_the_clock_is_looked_at_before_the_facts_apply(account: Account) -> None:
    invoice = make.invoice(account, amount=1_000, due_in=3)
    receipt = pay(invoice)
    leap(invoice, 5 * DAY)
    void(invoice, receipt)
    assert make.again(invoice).status == "overdue"
    moves = TimelineEntry.objects.filter(invoice=invoice, kind="status_changed").values_list("after", flat=True)
    assert [move["status"] for move in moves] == ["paid", "overdue"]


def test_a_disputes_days_do_not_run_while_the_invoice_is_paid(account: Account) -> None:
    invoice = overdue(account)
    lifecycle.change(account, invoice.pk, make.STAFF, status="disputed")
    leap(invoice, 10 * DAY)
    receipt = pay(invoice)
    leap(invoice, 40 * DAY)
    void(invoice, receipt)
    leap(invoice, 19 * DAY)
    assert not Escalation.objects.filter(reason="dispute").exists()
    leap(invoice, 2 * DAY)
    assert Escalation.objects.filter(reason="dispute").count() == 1


def test_saying_paid_and_then_unpaid_erases_nothing(account: Account) -> None:
    invoice = overdue(account)
    lifecycle.change(account, invoice.pk, make.STAFF, status="disputed")
    lifecycle.change(fresh(invoice), invoice.pk, make.API, payment_status="paid")
    lifecycle.change(fresh(invoice), invoice.pk, make.API, payment_status="unpaid")
    assert make.again(invoice).status == "disputed"
    assert Receipt.objects.get().status == "voided"
    assert not Escalation.objects.exists()


# --- Promises ----------------------------------------------------------------------------------------------------


def promised(invoice: Invoice, in_days: int, amount: int | None = None) -> Promise:
    account = fresh(invoice)
    wanted = None if amount is None else Decimal(amount)
    return lifecycle.promise(account, invoice.pk, make.STAFF, account.today() + in_days * DAY, amount=wanted)


def state(promise: Promise) -> str:
    promise.refresh_from_db()
    return promise.status


@UNDOINGS
def test_a_promise_is_open_again_while_its_grace_lasts(account: Account, undo: Undo) -> None:
    invoice = overdue(account)
    promise = promised(invoice, 5)
    receipt = pay(invoice)
    assert state(promise) == "kept"
    undo(invoice, receipt)
    assert (state(promise), make.again(invoice).status) == ("open", "on_hold")
    leap(invoice, 15 * DAY)
    assert state(promise) == "broken"
    assert make.events_of(account).count("promise.broken") == 1


@pytest.mark.parametrize(("undo", "reasons"), [(void, []), (reverse, ["reversal"])], ids=["void", "reverse"])
def test_a_promise_whose_grace_ended_is_broken(account: Account, undo: Undo, reasons: list[str]) -> None:
    invoice = overdue(account)
    promise = promised(invoice, 2)
    receipt = pay(invoice)
    leap(invoice, 10 * DAY)
    assert state(promise) == "kept"
    undo(invoice, receipt)
    assert (state(promise), make.again(invoice).status) == ("broken", "overdue")
    assert list(Escalation.objects.values_list("reason", flat=True)) == reasons
    assert make.events_of(account).count("promise.broken") == 1


def test_a_promise_of_a_part_is_kept_by_that_part(account: Account) -> None:
    invoice = overdue(account)
    promise = promised(invoice, 5, 400)
    receipt = pay(invoice, 400)
    assert (state(promise), make.again(invoice).status) == ("kept", "on_hold")
    void(invoice, receipt)
    assert (state(promise), make.again(invoice).status) == ("open", "on_hold")
    pay(invoice, 399)
    assert state(promise) == "open"
    pay(invoice, 1)
    assert state(promise) == "kept"


def test_undoing_an_older_payment_breaks_no_promise_that_was_kept_since(account: Account) -> None:
    invoice = overdue(account)
    before = pay(invoice, 400)
    promise = promised(invoice, 5)
    pay(invoice)
    void(invoice, before)
    assert (state(promise), make.again(invoice).balance) == ("kept", Decimal(400))


# --- Cases -------------------------------------------------------------------------------------------------------


@UNDOINGS
def test_cases_that_the_payment_resolved_are_open_again(account: Account, undo: Undo) -> None:
    invoice = overdue(account)
    case = make.escalation(invoice)
    member = make.user(account)
    cases.change(account, case.pk, make.STAFF, cases.CaseChange(status="acknowledged", assignee=member.email))
    receipt = pay(invoice)
    case.refresh_from_db()
    assert (case.status, case.resolution, make.again(invoice).escalation_level) == ("resolved", "closed", 0)
    undo(invoice, receipt)
    case.refresh_from_db()
    assert (case.status, case.resolution, case.resolved_at, case.assignee) == ("acknowledged", "", None, member)
    assert make.again(invoice).escalation_level == 1
    assert make.events_of(account).count("escalation.created") == 1
    assert Escalation.objects.count() == 1


@UNDOINGS
def test_a_level_2_that_is_open_again_stops_the_debtors_other_invoices_again(account: Account, undo: Undo) -> None:
    invoice = overdue(account)
    others = [make.invoice(account, amount=50, due_in=days) for days in (5, 25)]
    for level in (1, 2):
        make.escalation(invoice, level=level)
    receipt = pay(invoice)
    assert all(make.again(other).next_contact_at for other in others)
    undo(invoice, receipt)
    assert [make.again(other).next_contact_at for other in others] == [None, None]


def test_a_case_that_a_person_resolved_stays_resolved(account: Account) -> None:
    invoice = overdue(account)
    case = make.escalation(invoice)
    cases.change(account, case.pk, make.STAFF, cases.CaseChange(status="resolved", resolution="ladder"))
    receipt = pay(invoice)
    void(invoice, receipt)
    case.refresh_from_db()
    assert (case.status, make.again(invoice).escalation_level) == ("resolved", 0)


def test_a_reversal_calls_for_one_person_on_the_oldest_invoice_that_it_reopens(account: Account) -> None:
    newer, older = overdue(account, amount=600, due_in=-3), overdue(account, amount=1_000, due_in=-30)
    receipt = pay(newer, 1_600)
    ledger.apply_credit(account, older.pk, make.STAFF, key=uuid.uuid4())
    assert (make.again(newer).status, make.again(older).status) == ("paid", "paid")
    reverse(newer, receipt)
    assert (make.again(newer).status, make.again(older).status) == ("overdue", "overdue")
    case = Escalation.objects.get()
    assert (case.invoice, case.level, case.reason) == (older, 1, "reversal")
    assert make.events_of(account).count("payment.recorded") == 2


# --- Silence until the next working day --------------------------------------------------------------------------


@UNDOINGS
def test_nothing_is_sent_before_the_next_working_days_opening(account: Account, undo: Undo) -> None:
    CollectionSettings.objects.create(account=account, hours_between=1)
    invoice = overdue(account)
    receipt = pay(invoice)
    leap(invoice, dt.timedelta(hours=2))
    undo(invoice, receipt)
    tomorrow = dt.datetime(2026, 3, 3, 5, tzinfo=dt.UTC)
    again = make.again(invoice)
    assert (again.not_before, again.next_contact_at) == (tomorrow, tomorrow)
    leap(invoice, tomorrow - fresh(invoice).now() - dt.timedelta(minutes=1))
    assert sent(invoice) == 0
    leap(invoice, dt.timedelta(hours=1))
    assert sent(invoice) == 1


def test_no_message_about_another_invoice_lists_it_earlier(account: Account) -> None:
    CollectionSettings.objects.create(account=account, hours_between=1)
    other, invoice = overdue(account, amount=50), overdue(account)
    receipt = pay(invoice)
    Communication.objects.filter(invoice=other, status="scheduled").update(scheduled_for=NOW + dt.timedelta(hours=2))
    void(invoice, receipt)
    leap(invoice, dt.timedelta(hours=5))
    assert sent(other) == 0
    leap(invoice, DAY)
    assert sent(other) == 1


def test_a_friday_evenings_undoing_waits_for_monday(account: Account) -> None:
    invoice = overdue(account)
    receipt = pay(invoice)
    leap(invoice, 4 * DAY + dt.timedelta(hours=5))
    void(invoice, receipt)
    assert make.again(invoice).not_before == dt.datetime(2026, 3, 9, 5, tzinfo=dt.UTC)


# --- Money -------------------------------------------------------------------------------------------------------


def test_an_undone_receipt_takes_back_what_its_credit_paid(account: Account) -> None:
    first, second = overdue(account), overdue(account, amount=600)
    receipt = pay(first, 1_600)
    ledger.apply_credit(account, second.pk, make.STAFF, key=uuid.uuid4())
    assert [(invoice.invoice_number, share) for invoice, share in ledger.reopened_by(Receipt.objects.get())] == [
        (first.invoice_number, Decimal(1_000)),
        (second.invoice_number, Decimal(600)),
    ]
    void(first, receipt)
    assert [make.again(invoice).balance for invoice in (first, second)] == [1_000, 600]
    assert ledger.credit_of([first.debtor_id]) == {}
    assert not Escalation.objects.exists()


def test_saying_unpaid_returns_the_share_of_a_larger_receipt_to_credit(account: Account) -> None:
    first, second = overdue(account), overdue(account, amount=600)
    pay(first, 1_600)
    ledger.apply_credit(account, second.pk, make.STAFF, key=uuid.uuid4())
    lifecycle.change(fresh(first), first.pk, make.API, payment_status="unpaid")
    assert [make.again(invoice).status for invoice in (first, second)] == ["overdue", "paid"]
    assert ledger.credit_of([first.debtor_id]) == {first.debtor_id: {"AED": Decimal(1_000)}}
    assert Receipt.objects.get().status == "standing"
    assert not Escalation.objects.exists()


def test_saying_unpaid_of_what_credit_paid_returns_it_to_credit(account: Account) -> None:
    first, second = overdue(account), overdue(account, amount=600)
    pay(first, 1_600)
    ledger.apply_credit(account, second.pk, make.STAFF, key=uuid.uuid4())
    for invoice in (first, second):
        lifecycle.change(fresh(invoice), invoice.pk, make.API, payment_status="unpaid")
    assert ledger.credit_of([first.debtor_id]) == {first.debtor_id: {"AED": Decimal(1_600)}}
    assert Receipt.objects.get().status == "standing"


def test_cancelling_returns_money_to_credit_and_ends_what_it_came_with(account: Account) -> None:
    invoice = make.invoice(account, amount=1_000, amount_paid=300)
    pay(invoice, 200)
    cancelled = lifecycle.change(account, invoice.pk, make.STAFF, status="cancelled")
    assert (cancelled.amount_paid, cancelled.payment_status) == (Decimal(0), "unpaid")
    assert ledger.credit_of([invoice.debtor_id]) == {invoice.debtor_id: {"AED": Decimal(200)}}
    assert list(Receipt.objects.order_by("created_at").values_list("status", flat=True)) == ["voided", "standing"]


def test_a_payment_after_a_write_off_is_undone_to_the_write_off(account: Account) -> None:
    invoice = overdue(account)
    case = make.escalation(invoice)
    lifecycle.write_off(account, invoice.pk, make.STAFF, reason="Gone.")
    receipt = pay(invoice)
    void(invoice, receipt)
    case.refresh_from_db()
    assert (make.again(invoice).status, case.status) == ("written_off", "resolved")
    assert make.again(invoice).not_before is None


def test_credit_is_applied_from_the_oldest_receipt(account: Account) -> None:
    paid, owing = overdue(account, amount=100), overdue(account, amount=500)
    for amount, days in ((250, 2), (350, 9)):
        day = account.today() - days * DAY
        lifecycle.record_payment(account, paid.pk, make.STAFF, amount=Decimal(amount), paid_at=day)
    key = uuid.uuid4()
    for _ in range(2):
        assert ledger.apply_credit(account, owing.pk, make.STAFF, key=key, amount=Decimal(400)) == 400
    lines = Allocation.objects.filter(invoice=owing).order_by("-amount").values_list("receipt__amount", "amount")
    assert list(lines) == [(350, 350), (250, 50)]
    assert TimelineEntry.objects.filter(invoice=owing, kind="credit_applied").count() == 1
    assert ledger.credit_of([owing.debtor_id]) == {owing.debtor_id: {"AED": Decimal(100)}}
    assert ledger.apply_credit(account, owing.pk, make.STAFF, key=uuid.uuid4()) == 100
    assert make.again(owing).status == "paid"


@pytest.mark.parametrize(
    ("amount", "code"), [(501, "above_balance"), (401, "above_credit"), (0, "not_positive"), (-5, "not_positive")]
)
def test_credit_is_applied_within_balance_and_credit(account: Account, amount: int, code: str) -> None:
    paid, owing = overdue(account, amount=100), overdue(account, amount=500)
    pay(paid, 500)
    with pytest.raises(lifecycle.Refused) as refused:
        ledger.apply_credit(account, owing.pk, make.STAFF, key=uuid.uuid4(), amount=Decimal(amount))
    assert refused.value.code == code


def test_there_is_nothing_to_apply_without_credit_or_a_debt(account: Account) -> None:
    paid, owing = overdue(account, amount=100), overdue(account, amount=500)
    pay(paid)
    for invoice, code in ((owing, "no_credit"), (paid, "closed")):
        with pytest.raises(lifecycle.Refused) as refused:
            ledger.apply_credit(account, invoice.pk, make.STAFF, key=uuid.uuid4())
        assert refused.value.code == code


def test_an_undone_payment_is_no_contact(account: Account) -> None:
    invoice = overdue(account)
    receipt = pay(invoice, 100)
    assert limits.contacts(invoice.debtor_id, NOW) == [NOW]
    void(invoice, receipt)
    assert limits.contacts(invoice.debtor_id, NOW) == []
    leap(invoice, DAY)
    assert sent(invoice) == 1
