"""What the database itself refuses, whoever asks."""

from decimal import Decimal
from functools import partial

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from inflow.accounts.models import Account
from invoices import lifecycle, receipts
from invoices.models import Invoice, PaymentStatus, Status
from tests import make
from tests.unchanged import nothing_happens


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE invoices_receipt SET amount = 1",
        "UPDATE invoices_receipt SET reference = 'FT-1'",
        "DELETE FROM invoices_receipt",
        "UPDATE invoices_allocation SET amount = 1",
        "DELETE FROM invoices_allocation",
        "UPDATE invoices_reversal SET how = 'void'",
        "DELETE FROM invoices_reversal",
        "UPDATE invoices_timelineentry SET stored_text = ''",
        "DELETE FROM invoices_timelineentry",
    ],
)
def test_the_ledger_and_the_timeline_can_not_be_changed(account: Account, sql: str) -> None:
    invoice = make.invoice(account)
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(5))
    lifecycle.reverse_payment(account, invoice.pk, payment.pk, make.API)
    with nothing_happens(account), pytest.raises(DatabaseError, match="append-only"):
        run(sql)


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE invoices_invoice SET amount = 0, amount_paid = 0", "invoice_amount_is_positive"),
        ("UPDATE invoices_invoice SET amount_paid = amount + 1", "an_invoice_is_paid_at_most_its_amount"),
        ("UPDATE invoices_invoice SET amount_paid = -1", "an_invoice_is_paid_at_most_its_amount"),
        ("UPDATE invoices_receipt SET unallocated = 6", "a_receipt_is_allocated_at_most_once"),
        ("UPDATE invoices_receipt SET unallocated = -1", "a_receipt_is_allocated_at_most_once"),
        ("UPDATE invoices_receipt SET unallocated = 1, status = 'voided'", "a_receipt_that_was_undone_is_no_credit"),
        ("UPDATE invoices_receipt SET status = 'lost'", "a_receipt_that_was_undone_is_no_credit"),
        ("UPDATE invoices_receipt SET bank_id = 'B-1'", "a_bank_id_is_recorded_once"),
        ("UPDATE invoices_invoice SET due_date = issue_date - 1", "invoice_is_due_after_its_issue"),
        ("UPDATE invoices_invoice SET status = 'late'", "invoice_status_is_known"),
        ("UPDATE invoices_invoice SET payment_status = 'some'", "invoice_payment_status_is_known"),
        ("UPDATE invoices_invoice SET status = 'paid'", "a_paid_invoice_has_its_payments"),
        ("UPDATE invoices_invoice SET round = -1", "invoice_counts_are_not_negative"),
        ("UPDATE invoices_invoice SET slip_days = -1", "invoice_counts_are_not_negative"),
        ("UPDATE invoices_invoice SET escalation_level = -1", "invoice_counts_are_not_negative"),
        ("UPDATE invoices_invoice SET version = -1", "invoice_counts_are_not_negative"),
        ("UPDATE invoices_invoice SET invoice_number = 'INV-1'", "invoice_number_is_unique"),
        (
            "UPDATE invoices_debtoridentity SET email = '', debtor_id = (SELECT id FROM invoices_debtor LIMIT 1)",
            "a_debtor_has_an_identity_once",
        ),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(account: Account, sql: str, constraint: str) -> None:
    for email in ("one@example.com", "two@example.com"):
        make.invoice(account, debtor_email=email, amount_paid=5)
    with nothing_happens(account), pytest.raises(IntegrityError, match=constraint):
        run(sql)


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("payment_status", PaymentStatus.values)
def test_every_status_that_there_is_can_be_written(account: Account, status: str, payment_status: str) -> None:
    """The database knows them by a list of its own."""
    make.invoice(account)
    write = partial(Invoice.objects.update, status=status, payment_status=payment_status)
    if status == Status.PAID != payment_status:
        with nothing_happens(account), pytest.raises(IntegrityError, match="a_paid_invoice"), transaction.atomic():
            write()
    else:
        assert write() == 1


@pytest.mark.parametrize("amount", [0, -5])
def test_a_receipt_is_positive(account: Account, amount: int) -> None:
    invoice = make.invoice(account)
    with (
        nothing_happens(account),
        pytest.raises(IntegrityError, match="a_receipt_is"),
        transaction.atomic(),
    ):
        receipts.receive(invoice, Decimal(amount), Decimal(0), paid_at=account.today(), method="cash")


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
