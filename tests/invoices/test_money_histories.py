"""Money is where it came from, whatever is recorded, applied, taken back and cancelled, and in whatever order."""

import os
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inflow.accounts.models import Account
from invoices import credit_notes, ledger, lifecycle
from invoices.derivation import derive
from invoices.models import Allocation, CreditNote, Debtor, Invoice, PaymentSettings, Receipt
from tests import make
from tests.unchanged import nothing_happens

CURRENCIES = ("AED", "AED", "AED", "KWD")
AMOUNTS = st.sampled_from(["0.001", "0.01", "1", "33.33", "60", "100", "250"])


@dataclass
class Books:
    """Four invoices of 100 of two debtors, one of them in another currency."""

    account: Account
    invoices: list[Invoice]

    @classmethod
    def begin(cls, *, applies_credit: bool) -> "Books":
        account = make.account()
        if applies_credit:
            PaymentSettings.objects.create(account=account, applies_credit=True)
        invoices = [
            make.invoice(
                account,
                amount=100,
                due_in=5 - place,
                currency=currency,
                debtor_company=f"Debtor {place % 2} LLC",
                debtor_email=f"pay@debtor{place % 2}.example",
            )
            for place, currency in enumerate(CURRENCIES)
        ]
        return cls(account, invoices)

    def receive(self, payer: int, amount: str, currency: str, parts: list[tuple[int, str]], reference: str) -> None:
        ledger.record_receipt(
            self.account,
            make.STAFF,
            debtor_id=self.invoices[payer].debtor_id,
            amount=Decimal(amount),
            currency=currency,
            paid_at=self.account.today(),
            reference=reference,
            allocations=[(self.invoices[place].pk, Decimal(part)) for place, part in parts],
        )

    def pay(self, place: int, amount: str) -> None:
        lifecycle.record_payment(self.account, self.invoices[place].pk, make.API, amount=Decimal(amount))

    def credit(self, place: int, amount: str, against: bool, open_remainder: bool) -> None:
        invoice = self.invoices[place]
        credit_notes.issue(
            self.account,
            make.STAFF,
            number=f"CN-{CreditNote.objects.count()}",
            date=self.account.today(),
            amount=Decimal(amount),
            currency=invoice.currency,
            invoice_id=invoice.pk if against else None,
            debtor_id=invoice.debtor_id,
            open_remainder=open_remainder,
        )

    def apply(self, place: int, amount: str | None) -> None:
        wanted = None if amount is None else Decimal(amount)
        ledger.apply_credit(self.account, self.invoices[place].pk, make.API, key=uuid.uuid4(), amount=wanted)

    def undo(self, which: int, reverses: bool) -> None:
        receipts = list(Receipt.objects.filter(account=self.account).order_by("created_at"))
        if receipts:
            chosen = receipts[which % len(receipts)].pk
            if reverses:
                ledger.reverse_payment(self.account, None, chosen, make.STAFF)
            else:
                ledger.void_payment(self.account, chosen, make.STAFF)

    def void_note(self, which: int) -> None:
        notes = list(CreditNote.objects.filter(account=self.account).order_by("created_at"))
        if notes:
            credit_notes.void(self.account, notes[which % len(notes)].pk, make.STAFF)

    def change(self, place: int, asked: dict[str, str]) -> None:
        values: Any = asked
        lifecycle.change(self.account, self.invoices[place].pk, make.STAFF, **values)


def books_are_balanced(account: Account) -> None:
    """Assert, per debtor and currency: allocations and credit add up to standing receipts and credit notes."""
    came_in: dict[tuple[object, str], Decimal] = defaultdict(Decimal)
    is_where: dict[tuple[object, str], Decimal] = defaultdict(Decimal)
    for model in (Receipt, CreditNote):
        for source in model.objects.for_account(account).filter(status="standing"):
            came_in[source.debtor_id, source.currency] += source.amount
    for line in Allocation.objects.for_account(account).select_related("receipt", "credit_note"):
        source = line.receipt or line.credit_note
        is_where[source.debtor_id, source.currency] += line.amount
    debtors = Debtor.objects.for_account(account).values_list("pk", flat=True)
    for debtor, by_currency in ledger.credit_of(debtors).items():
        for currency, credit in by_currency.items():
            assert credit > 0
            is_where[debtor, currency] += credit
    assert {key: total for key, total in is_where.items() if total} == came_in
    for invoice in Invoice.objects.for_account(account):
        assert 0 <= invoice.balance <= invoice.amount
        assert (invoice.status, invoice.payment_status) == derive(invoice)
    assert ledger.count_unbalanced(account) == lifecycle.count_underived(account) == 0


def does(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Callable[[Books], None]]:
    return st.tuples(*arguments).map(lambda given: lambda books: getattr(books, name)(*given))


places = st.integers(0, len(CURRENCIES) - 1)
steps = st.one_of(
    does(
        "receive",
        places,
        AMOUNTS,
        st.sampled_from(["AED", "AED", "KWD"]),
        st.lists(st.tuples(places, AMOUNTS), max_size=3),
        st.sampled_from(["", "FT-1"]),
    ),
    does(
        "receive",
        places,
        st.just("250"),
        st.just("AED"),
        st.sampled_from([[(0, "33.33"), (1, "60")], [(2, "100"), (1, "1"), (0, "60")], []]),
        st.just(""),
    ),
    does("pay", places, AMOUNTS),
    does("credit", places, AMOUNTS, st.booleans(), st.booleans()),
    does("apply", places, st.one_of(st.none(), AMOUNTS)),
    does("undo", st.integers(0, 5), st.booleans()),
    does("void_note", st.integers(0, 5)),
    does(
        "change",
        places,
        st.sampled_from(
            [
                {"status": "cancelled"},
                {"status": "disputed"},
                {"status": "written_off"},
                {"payment_status": "unpaid"},
                {"payment_status": "paid"},
            ]
        ),
    ),
)


@pytest.mark.properties
@pytest.mark.django_db
@settings(
    max_examples=int(os.environ.get("HISTORIES", "20")), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(applies_credit=st.booleans(), history=st.lists(steps, max_size=12))
def test_the_books_balance_after_every_step(applies_credit: bool, history: list[Callable[[Books], None]]) -> None:
    books = Books.begin(applies_credit=applies_credit)
    for step in history:
        try:
            step(books)
        except lifecycle.Refused:
            with nothing_happens(books.account), pytest.raises(lifecycle.Refused):
                step(books)
        books_are_balanced(books.account)
