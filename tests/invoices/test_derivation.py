"""What is stored is what the facts say, whatever was done to an invoice and in whatever order."""

import datetime as dt
import os
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.derivation import days_overdue, derive
from invoices.models import Allocation, Debtor, Invoice, PaymentStatus, Receipt, Status
from tests import make
from tests.unchanged import nothing_happens
from webhooks.models import Event

DUE = dt.date(2026, 2, 14)
MOMENT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("facts", "status", "payment_status"),
    [
        ({}, "new", "unpaid"),
        ({"amount_credited": 40}, "new", "partially_paid"),
        ({"amount_paid": 60, "amount_credited": 40}, "paid", "paid"),
        ({"amount_credited": 100}, "paid", "paid"),
        ({"aged_on": DUE}, "new", "unpaid"),
        ({"aged_on": DUE + dt.timedelta(days=1)}, "overdue", "unpaid"),
        ({"hold_until": DUE, "aged_on": DUE}, "on_hold", "unpaid"),
        ({"hold_until": DUE, "aged_on": DUE + dt.timedelta(days=1)}, "overdue", "unpaid"),
        ({"hold_until": DUE}, "on_hold", "unpaid"),
        ({"hold_until": DUE, "disputed_at": MOMENT}, "disputed", "unpaid"),
        ({"disputed_at": MOMENT, "written_off_at": MOMENT}, "written_off", "unpaid"),
        ({"written_off_at": MOMENT, "amount_paid": Decimal(100)}, "paid", "paid"),
        ({"cancelled_at": MOMENT, "amount_paid": Decimal(100)}, "cancelled", "paid"),
        ({"amount_paid": Decimal("99.99")}, "new", "partially_paid"),
        ({"amount_paid": Decimal(101)}, "paid", "paid"),
        ({"amount_paid": Decimal(0)}, "new", "unpaid"),
    ],
)
def test_the_first_status_that_holds(facts: dict[str, Any], status: str, payment_status: str) -> None:
    nothing = dict.fromkeys(["hold_until", "disputed_at", "written_off_at", "cancelled_at", "aged_on"])
    money = {"amount": Decimal(100), "amount_paid": Decimal(0), "amount_credited": Decimal(0)}
    known = {**money, "due_date": DUE, **nothing, **facts}
    assert derive(SimpleNamespace(**known)) == (status, payment_status)


@pytest.mark.parametrize(
    ("status", "days", "late"), [("new", 0, 0), ("new", -5, 0), ("new", 1, 1), ("on_hold", 9, 9), ("paid", 9, 0)]
)
def test_days_overdue_count_from_the_day_after_the_due_date(status: str, days: int, late: int) -> None:
    assert days_overdue(status, DUE, DUE + dt.timedelta(days=days)) == late


@dataclass
class Life:
    """Two invoices of 100 of one debtor, due on the last day of an account that lives where the day begins last."""

    account: Account
    invoices: list[Invoice]

    @property
    def invoice(self) -> Invoice:
        return self.invoices[0]

    @classmethod
    def begin(cls, due_in: int, amount_paid: int) -> "Life":
        account = make.account(time_zone=make.LATEST_ZONE)
        amounts = (amount_paid, 0)
        return cls(account, [make.invoice(account, amount=100, due_in=due_in, amount_paid=paid) for paid in amounts])

    def midnight(self) -> None:
        self.account.time_zone = make.EARLIEST_ZONE
        self.account.save()

    def age(self) -> None:
        lifecycle.age(self.account, self.invoice.pk)

    def pay(self, amount: int, which: int, reference: str) -> None:
        invoice = self.invoices[which]
        lifecycle.record_payment(self.account, invoice.pk, make.API, amount=Decimal(amount), reference=reference)

    def apply_credit(self, which: int, amount: int | None) -> None:
        wanted = None if amount is None else Decimal(amount)
        ledger.apply_credit(self.account, self.invoices[which].pk, make.API, key=uuid.uuid4(), amount=wanted)

    def void(self, which: int) -> None:
        receipts = list(Receipt.objects.filter(account=self.account).order_by("created_at"))
        if receipts:
            ledger.void_payment(self.account, receipts[which % len(receipts)].pk, make.STAFF)

    def reverse(self, which: int) -> None:
        payments = list(self.invoice.payments.order_by("created_at"))
        if payments:
            chosen = payments[which % len(payments)]
            lifecycle.reverse_payment(self.account, self.invoice.pk, chosen.pk, make.STAFF)

    def change(self, asked: dict[str, Any]) -> None:
        hold = asked.get("hold_until")
        until = {"hold_until": self.account.today() + dt.timedelta(days=hold)} if hold is not None else {}
        lifecycle.change(self.account, self.invoice.pk, make.STAFF, **{**asked, **until})


def money_is_where_it_came_from(account: Account) -> None:
    """Assert, per debtor and currency, that allocations and credit add up to the standing receipts."""
    standing: dict[tuple[object, str], Decimal] = defaultdict(Decimal)
    for receipt in Receipt.objects.for_account(account).filter(status="standing"):
        standing[receipt.debtor_id, receipt.currency] += receipt.amount
    accounted: dict[tuple[object, str], Decimal] = defaultdict(Decimal)
    for line in Allocation.objects.for_account(account).select_related("receipt"):
        accounted[line.receipt.debtor_id, line.receipt.currency] += line.amount
    debtors = Debtor.objects.for_account(account).values_list("pk", flat=True)
    for debtor, by_currency in ledger.credit_of(debtors).items():
        for currency, credit in by_currency.items():
            accounted[debtor, currency] += credit
    assert {key: total for key, total in accounted.items() if total} == standing
    assert ledger.count_unbalanced(account) == lifecycle.count_underived(account) == 0


def does(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Callable[[Life], None]]:
    return st.tuples(*arguments).map(lambda given: lambda life: getattr(life, name)(*given))


verbs = st.one_of(
    does("midnight"),
    does("age"),
    does("pay", st.sampled_from([1, 50, 100, 160]), st.integers(0, 1), st.sampled_from(["", "TT1", "TT2"])),
    does("reverse", st.integers(0, 5)),
    does("void", st.integers(0, 5)),
    does("apply_credit", st.integers(0, 1), st.sampled_from([None, 1, 60])),
    does("change", st.fixed_dictionaries({"status": st.sampled_from(Status.values)})),
    does("change", st.fixed_dictionaries({"payment_status": st.sampled_from(PaymentStatus.values)})),
    does(
        "change",
        st.fixed_dictionaries({"status": st.sampled_from(["on_hold", "paid"])}, optional={"hold_until": st.just(0)}),
    ),
    does(
        "change",
        st.fixed_dictionaries(
            {"status": st.sampled_from(Status.values), "payment_status": st.sampled_from(PaymentStatus.values)}
        ),
    ),
    does("change", st.fixed_dictionaries({"notes": st.sampled_from(["", "called", "called again"])})),
)


@pytest.mark.properties
@pytest.mark.django_db
@settings(
    max_examples=int(os.environ.get("HISTORIES", "20")), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(due_in=st.integers(-2, 1), amount_paid=st.sampled_from([0, 30, 100]), steps=st.lists(verbs, max_size=12))
def test_stored_equals_derived(due_in: int, amount_paid: int, steps: list[Callable[[Life], None]]) -> None:
    life = Life.begin(due_in, amount_paid)
    for step in steps:
        before = [make.again(invoice) for invoice in life.invoices]
        try:
            step(life)
        except lifecycle.Refused:
            with nothing_happens(life.account), pytest.raises(lifecycle.Refused):
                step(life)
        for each in before:
            _changed_as_announced(life.account, each)
        money_is_where_it_came_from(life.account)


def _changed_as_announced(account: Account, before: Invoice) -> None:
    after = make.again(before)
    assert (after.status, after.payment_status) == derive(after)
    allocated = Allocation.objects.filter(invoice=after).aggregate(Sum("amount"))["amount__sum"] or 0
    assert after.amount_paid == allocated
    moved = (before.status, before.payment_status) != (after.status, after.payment_status)
    changed = moved or any(
        getattr(before, name) != getattr(after, name) for name in ("notes", "hold_until", "amount_paid")
    )
    assert after.version == before.version + changed
    told = Event.objects.for_account(account).filter(type="invoice.status_changed")
    told = told.filter(body__contains=f'"id":"{after.pk}"').filter(body__contains=f'"version":{after.version},')
    assert told.count() <= 1
    assert told.exists() or not moved
