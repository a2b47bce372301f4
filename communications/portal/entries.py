"""Entries of a statement of account: invoices, payments, reversals and credit notes of one party, by currency."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Q, Sum

from invoices import ledger
from invoices.debtors import debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import (
    Allocation,
    AllocationKind,
    CreditNote,
    CreditNoteStatus,
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
    counted = party.invoices.exclude(status__in=(Status.CANCELLED, Status.WRITTEN_OFF)).order_by()
    for number, currency, on, amount in counted.values_list("invoice_number", "currency", "issue_date", "amount"):
        found[currency].append(Entry(on, "invoice", number, amount))
    for currency, entry in (*_payments(party), *_credit_notes(party)):
        found[currency].append(entry)
    return {currency: _since(since, entries) for currency, entries in sorted(found.items())}


def _since(since: dt.date, entries: list[Entry]) -> RunningAccount:
    entries.sort(key=lambda entry: (entry.on, KINDS.index(entry.kind), entry.number, entry.amount))
    first = next((place for place, entry in enumerate(entries) if entry.on >= since), len(entries))
    first = max(first, len(entries) - MOST_SHOWN)
    earlier = sum((entry.amount for entry in entries[:first]), _ZERO)
    balance = sum((entry.amount for entry in entries[first:]), earlier)
    return RunningAccount(earlier if first else None, entries[first:], balance)


def _shares(party: DebtorParty, source: str) -> _Shares:
    """Return, by receipt or credit note, what it covers of each of the party's invoices that is not written off."""
    lines = Allocation.objects.filter(invoice__in=party.invoices).exclude(**{source: None}).order_by()
    lines = lines.exclude(invoice__status=Status.WRITTEN_OFF)
    found: _Shares = defaultdict(dict)
    for pk, invoice, share in lines.values_list(source, "invoice_id").annotate(share=Sum("amount")):
        if share:
            found[pk][invoice] = share
    return found


def _payments(party: DebtorParty) -> Iterator[tuple[str, Entry]]:
    """Yield payments and reversals, each with its currency.

    A valid payment counts with the amounts allocated to listed invoices plus its unapplied credit, because parts of it
    may have been applied to an invoice that was written off later, or to one of another party or debtor. One that was
    undone counts with what was recorded for this party.
    """
    numbers = dict(party.invoices.order_by().values_list("pk", "invoice_number"))
    written_off = set(party.invoices.filter(status=Status.WRITTEN_OFF).order_by().values_list("pk", flat=True))
    paid = _shares(party, "receipt")
    credit = dict(ledger.unapplied_of(party).exclude(receipt=None).values_list("pk", "unallocated"))
    own = Q(invoice__in=party.invoices) | Q(pk__in=credit)
    on_none = Q(debtor=party.debtor, invoice=None)
    if party.is_only:
        own |= on_none
    else:  # what came from a merged debtor is its party's
        own |= on_none & Q(receipt__party__in={*party.keys, *([""] if debtor_parties.has_debtors_name(party) else [])})
    payments = list(Payment.objects.filter(own | Q(receipt__in=paid)).order_by())
    recorded = _recorded([each.receipt_id for each in payments if each.status != ReceiptStatus.STANDING])
    for payment in payments:
        on, amount = payment.invoice_id, _ZERO
        if payment.status == ReceiptStatus.STANDING:
            amount = sum(paid.get(payment.receipt_id, {}).values(), credit.get(payment.pk, _ZERO))
        elif on not in written_off:
            parts = recorded.get(payment.receipt_id, {})
            amount = abs(payment.amount) - sum(part for invoice, part in parts.items() if invoice not in numbers)
            amount = amount.copy_sign(payment.amount)
        if amount:
            number = numbers.get(on) or next((numbers[each] for each in paid.get(payment.receipt_id, ())), "")
            kind = "payment" if amount > 0 else "reversal"
            yield payment.currency, Entry(payment.paid_at, kind, number, -amount, payment.reference)


def _recorded(receipt_ids: Collection[uuid.UUID]) -> _Shares:
    """Return, by receipt, what was allocated to each invoice when the receipt was recorded."""
    lines = Allocation.objects.filter(receipt__in=receipt_ids, posting=F("receipt"), kind=AllocationKind.PAYMENT)
    found: _Shares = defaultdict(dict)
    for receipt, invoice, amount in lines.values_list("receipt_id", "invoice_id", "amount"):
        found[receipt][invoice] = amount
    return found


def _credit_notes(party: DebtorParty) -> Iterator[tuple[str, Entry]]:
    """Yield the valid credit notes, each with its currency. They count as payments do."""
    covered = _shares(party, "credit_note")
    credit = dict(ledger.unapplied_of(party).exclude(credit_note=None).values_list("pk", "unallocated"))
    for note in CreditNote.objects.filter(pk__in={*covered, *credit}, status=CreditNoteStatus.STANDING):
        amount = sum(covered.get(note.pk, {}).values(), credit.get(note.pk, _ZERO))
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
