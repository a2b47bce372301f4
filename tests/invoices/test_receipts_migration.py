"""Migration of payments that were recorded before there were receipts."""

import datetime as dt
import importlib
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.models import Allocation, Invoice, Payment, Receipt, Reversal
from tests import make

migration = importlib.import_module("invoices.migrations.0012_receipts_and_allocations")
BEGIN = dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC)
_OLD = """
ALTER TABLE invoices_invoice DROP CONSTRAINT an_invoice_is_paid_at_most_its_amount;
CREATE TABLE old_payment (
  id uuid PRIMARY KEY, account_id uuid, invoice_id uuid, amount numeric(18, 3), paid_at date, method text,
  reference text, reversal_of_id uuid UNIQUE, recorded_at timestamptz, created_at timestamptz
);
"""


class Before:
    """Rows as they stood before the migration."""

    def __init__(self, account: Account) -> None:
        self.account, self.moment = account, BEGIN

    def pay(self, invoice: Invoice, amount: int, *, method: str = "cheque", reference: str = "") -> uuid.UUID:
        return self._insert(invoice, amount, method, reference, None)

    def reverse(self, invoice: Invoice, payment: uuid.UUID, amount: int) -> uuid.UUID:
        return self._insert(invoice, -amount, "cheque", "", payment)

    def _insert(self, invoice: Invoice, amount: int, method: str, reference: str, of: uuid.UUID | None) -> uuid.UUID:
        pk = uuid.uuid4()
        self.moment += dt.timedelta(hours=1)
        values: list[Any] = [pk, self.account.pk, invoice.pk, amount, self.moment.date(), method, reference, of]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO old_payment VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [*values, self.moment, self.moment],
            )
            cursor.execute(
                "UPDATE invoices_invoice SET amount_paid = amount_paid + %s, payment_status = CASE"
                " WHEN amount_paid + %s >= amount THEN 'paid' WHEN amount_paid + %s > 0 THEN 'partially_paid'"
                " ELSE 'unpaid' END WHERE id = %s",
                [amount, amount, amount, invoice.pk],
            )
            cursor.execute(
                "UPDATE invoices_invoice SET status = CASE WHEN status = 'cancelled' THEN status"
                " WHEN payment_status = 'paid' THEN 'paid' ELSE 'new' END WHERE id = %s",
                [invoice.pk],
            )
        return pk

    def migrate(self) -> None:
        with connection.cursor() as cursor:
            for sql in migration.MOVE:
                cursor.execute(sql.format(payments="old_payment"))


@pytest.fixture
def before(account: Account) -> Before:
    with connection.cursor() as cursor:
        cursor.execute(_OLD)
    return Before(account)


def test_payments_become_receipts_with_their_ids(before: Before) -> None:
    invoice = make.invoice(before.account, amount=1_000)
    part, rest = before.pay(invoice, 400, reference="FT-1"), before.pay(invoice, 600, method="opening")
    before.migrate()
    assert facts() == {
        part: (Decimal(400), Decimal(0), "standing", "FT-1", "cheque"),
        rest: (Decimal(600), Decimal(0), "standing", "", "opening"),
    }
    assert allocated(invoice) == {part: Decimal(400), rest: Decimal(600)}
    assert Receipt.objects.get(pk=part).debtor_id == invoice.debtor_id
    assert Receipt.objects.get(pk=part).recorded_at == BEGIN + dt.timedelta(hours=1)
    assert make.again(invoice).amount_paid == 1_000


def test_what_was_paid_too_much_is_credit_of_the_later_payments(before: Before) -> None:
    invoice = make.invoice(before.account, amount=1_000)
    first, second, third = (before.pay(invoice, amount) for amount in (700, 500, 50))
    before.migrate()
    assert allocated(invoice) == {first: Decimal(700), second: Decimal(300)}
    assert [facts()[pk][1] for pk in (first, second, third)] == [0, 200, 50]
    assert make.again(invoice).amount_paid == 1_000
    assert ledger.credit_of([invoice.debtor_id]) == {invoice.debtor_id: {"AED": Decimal(250)}}


def test_a_reversal_keeps_its_id_and_frees_what_it_paid(before: Before) -> None:
    invoice = make.invoice(before.account, amount=1_000)
    bounced = before.pay(invoice, 800)
    back = before.reverse(invoice, bounced, 800)
    again = before.pay(invoice, 1_000)
    before.migrate()
    assert facts()[bounced][:3] == (Decimal(800), Decimal(0), "reversed")
    assert allocated(invoice) == {again: Decimal(1_000)}
    assert Reversal.objects.get(receipt=bounced).pk == back
    line = Payment.objects.get(pk=back)
    assert (line.amount, line.reversal_of_id, line.invoice_id) == (Decimal(-800), bounced, invoice.pk)


def test_money_of_a_cancelled_invoice_is_credit_and_its_opening_payment_ends(before: Before) -> None:
    invoice = make.invoice_in(before.account, "cancelled")
    opening, came = before.pay(invoice, 100, method="opening"), before.pay(invoice, 300)
    before.migrate()
    assert facts()[opening][1:3] == (Decimal(0), "voided")
    assert facts()[came][1:3] == (Decimal(300), "standing")
    assert allocated(invoice) == {}
    after = make.again(invoice)
    assert (after.amount_paid, after.status, after.payment_status) == (Decimal(0), "cancelled", "unpaid")
    assert ledger.credit_of([invoice.debtor_id]) == {invoice.debtor_id: {"AED": Decimal(300)}}


def test_nothing_is_underived_or_unbalanced_afterwards(before: Before) -> None:
    paid, open_ = (make.invoice(before.account, amount=1_000) for _ in range(2))
    before.pay(paid, 1_200)
    bounced = before.pay(open_, 300)
    before.reverse(open_, bounced, 300)
    before.pay(open_, 10)
    before.migrate()
    assert lifecycle.count_underived(before.account) == ledger.count_unbalanced(before.account) == 0
    standing = Receipt.objects.filter(status="standing").values_list("amount", flat=True)
    credit = sum(ledger.credit_of([paid.debtor_id])[paid.debtor_id].values())
    assert sum(Allocation.objects.values_list("amount", flat=True)) + credit == sum(standing)


def facts() -> dict[uuid.UUID, tuple[Any, ...]]:
    rows = Receipt.objects.values_list("pk", "amount", "unallocated", "status", "reference", "method")
    return {pk: tuple(values) for pk, *values in rows}


def allocated(invoice: Invoice) -> dict[uuid.UUID, Decimal]:
    return dict(Allocation.objects.filter(invoice=invoice).values_list("receipt_id", "amount"))
