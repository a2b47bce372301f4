"""Entries of a statement of account: invoices, payments, reversals and credit notes of one party, by currency."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, Sum

from invoices import ledger
from invoices.debtors import debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import (
    Allocation,
    CreditNote,
    CreditNoteStatus,
    InvoiceQuerySet,
    Payment,
    ReceiptStatus,
    Status,
)

SHOWN_DAYS = 365
# Older entries are summed up as the balance brought forward, to limit the time.
MOST_SHOWN = 400
# The order of the kinds within a day.
KINDS = ("invoice", "credit_note", "payment", "reversal")
_ZERO = Decimal(0)
_Shares = dict[uuid.UUID, dict[uuid.UUID, Decimal]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a statement. `number` is the invoice's, or the credit note's; a negative amount lowers the balance."""

    on: dt.date
    kind: str
    number: str
    amount: Decimal
    reference: str = ""


@dataclass(frozen=True, slots=True)
class RunningAccount:
    """The entries of one currency since a day, and the balance of the earlier ones, None if there are none."""

    brought_forward: Decimal | None
    entries: list[Entry]
    balance: Decimal


def of(party: DebtorParty, since: dt.date) -> dict[str, RunningAccount]:
    """Return the entries since a day, oldest first, by currency."""
    found: dict[str, list[Entry]] = defaultdict(list)
    invoices = party.invoices
    counted = invoices.exclude(status__in=(Status.CANCELLED, Status.WRITTEN_OFF)).order_by()
    for number, currency, on, amount in counted.values_list("invoice_number", "currency", "issue_date", "amount"):
        found[currency].append(Entry(on, "invoice", number, amount))
    credit = dict(ledger.unapplied_of(party).order_by().values_list("pk", "unallocated"))
    for currency, entry in [*_payments(party, invoices, credit), *_credit_notes(party, invoices, credit)]:
        found[currency].append(entry)
    return {currency: _since(since, entries) for currency, entries in sorted(found.items())}


def _since(since: dt.date, entries: list[Entry]) -> RunningAccount:
    entries.sort(key=lambda entry: (entry.on, KINDS.index(entry.kind), entry.number, entry.amount))
    first = next((place for place, entry in enumerate(entries) if entry.on >= since), len(entries))
    first = max(first, len(entries) - MOST_SHOWN)
    earlier = sum((entry.amount for entry in entries[:first]), _ZERO)
    balance = sum((entry.amount for entry in entries[first:]), earlier)
    return RunningAccount(earlier if first else None, entries[first:], balance)


def _shares(invoices: InvoiceQuerySet, source: str) -> _Shares:
    """Return what receipts, or credit notes, cover of the listed invoices, without those that were written off."""
    lines = Allocation.objects.filter(invoice__in=invoices, **{f"{source}__isnull": False}).order_by()
    lines = lines.exclude(invoice__status=Status.WRITTEN_OFF)
    found: _Shares = defaultdict(dict)
    for pk, invoice, share in lines.values_list(source, "invoice").annotate(share=Sum("amount")):
        if share:
            found[pk][invoice] = share
    return found


def _payments(
    party: DebtorParty, invoices: InvoiceQuerySet, credit: dict[uuid.UUID, Decimal]
) -> Iterator[tuple[str, Entry]]:
    """Yield payments and reversals, each with its currency.

    A valid payment counts with the amounts allocated to listed invoices plus its unapplied credit, because parts of it
    may have been applied to an invoice that was written off later, or to one of another party.
    """
    numbers = dict(invoices.order_by().values_list("pk", "invoice_number"))
    written_off = set(invoices.filter(status=Status.WRITTEN_OFF).order_by().values_list("pk", flat=True))
    paid = _shares(invoices, "receipt")
    own = Q(debtor=party.debtor) if party.is_only else Q(invoice__in=invoices)
    for payment in Payment.objects.filter(own | Q(receipt__in=paid) | Q(receipt__in=credit)).order_by():
        on, amount = payment.invoice_id, payment.amount
        if payment.status == ReceiptStatus.STANDING:
            amount = sum(paid.get(payment.receipt_id, {}).values(), _ZERO) + credit.get(payment.receipt_id, _ZERO)
        elif (on and on not in numbers) or on in written_off:
            continue
        if amount:
            number = numbers.get(on) or next((numbers[each] for each in paid.get(payment.receipt_id, ())), "")
            kind = "payment" if amount > 0 else "reversal"
            yield payment.currency, Entry(payment.paid_at, kind, number, -amount, payment.reference)


def _credit_notes(
    party: DebtorParty, invoices: InvoiceQuerySet, credit: dict[uuid.UUID, Decimal]
) -> Iterator[tuple[str, Entry]]:
    """Yield valid credit notes, with what they cover of the listed invoices and their unapplied credit."""
    covered = _shares(invoices, "credit_note")
    notes = CreditNote.objects.filter(Q(pk__in=covered) | Q(pk__in=credit), status=CreditNoteStatus.STANDING)
    for note in notes.order_by():
        amount = sum(covered.get(note.pk, {}).values(), _ZERO) + credit.get(note.pk, _ZERO)
        if amount:
            yield note.currency, Entry(note.date, "credit_note", note.number, -amount)


def party_of(parties: list[DebtorParty], key: str = "") -> DebtorParty | None:
    """Return the party with this key, or without one the only party or that of the debtor's own name, or None."""
    if key:
        return next((party for party in parties if key == key_of(party)), None)
    if len(parties) == 1:
        return parties[0]
    return next((party for party in parties if debtor_parties.has_debtors_name(party)), None)


def key_of(party: DebtorParty) -> str:
    return min(party.keys, default="")
