"""Receipts and credit notes in responses and webhooks."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from invoices.models import Allocation, CreditNote, Payment, Receipt, Reversal

RECEIPT_COLUMNS = (
    "id",
    "debtor_id",
    "amount",
    "currency",
    "paid_at",
    "method",
    "reference",
    "bank_id",
    "status",
    "unallocated",
    "created_at",
)
_Allocations = dict[uuid.UUID, list[dict[str, Any]]]


def allocations_of(receipt_ids: Collection[uuid.UUID]) -> _Allocations:
    """Return, by receipt, what it pays now: one entry for each invoice, with the id of its first allocation."""
    lines = Allocation.objects.filter(receipt__in=receipt_ids).order_by("created_at", "id")
    totals: dict[tuple[uuid.UUID, uuid.UUID], dict[str, Any]] = {}
    for receipt, pk, invoice, number, amount in lines.values_list(
        "receipt_id", "id", "invoice_id", "invoice__invoice_number", "amount"
    ):
        first = {"id": pk, "invoice_id": invoice, "invoice_number": number, "amount": 0}
        totals.setdefault((receipt, invoice), first)["amount"] += amount
    found: _Allocations = {}
    for (receipt, _invoice), shown in totals.items():
        if shown["amount"]:
            found.setdefault(receipt, []).append(shown)
    return found


def of_receipt_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the JSON of rows of `RECEIPT_COLUMNS`, with what the receipts pay now."""
    allocations = allocations_of([row["id"] for row in rows])
    return [
        {
            **row,
            "reference": row["reference"] or None,
            "bank_id": row["bank_id"] or None,
            "allocations": allocations.get(row["id"], []),
        }
        for row in rows
    ]


def of_receipt(receipt: Receipt) -> dict[str, Any]:
    """Return the JSON of a receipt with what it pays now."""
    return of_receipt_rows([{name: getattr(receipt, name) for name in RECEIPT_COLUMNS}])[0]


def of_recorded(payment: Payment) -> dict[str, Any]:
    """Return what `payment.recorded` adds to the payment: the currency, the debtor, and all that the receipt pays."""
    allocations = allocations_of([payment.receipt_id]).get(payment.receipt_id, [])
    return {"currency": payment.currency, "debtor_id": payment.debtor_id, "allocations": allocations}


def of_reversed(payment: Payment) -> dict[str, Any]:
    """Return the receipt that `payment`, its reversal, has undone, and how."""
    how = Reversal.objects.values_list("how", flat=True).get(pk=payment.pk)
    return of_receipt(payment.receipt) | {"how": how}


CREDIT_NOTE_COLUMNS = (
    "id",
    "number",
    "date",
    "amount",
    "currency",
    "debtor_id",
    "invoice_id",
    "unallocated",
    "status",
    "created_at",
)


def of_credit_note_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a row of `CREDIT_NOTE_COLUMNS`. `open` is the part that is the debtor's credit."""
    return {"open" if name == "unallocated" else name: value for name, value in row.items()}


def of_credit_note(note: CreditNote) -> dict[str, Any]:
    return of_credit_note_row({name: getattr(note, name) for name in CREDIT_NOTE_COLUMNS})
