"""The statement of account as PDF: invoices and payments with a running balance for each currency, and the parts of the
balance that are past due, not due, on hold, disputed, or credit.

WeasyPrint is an optional dependency (`requirements-pdf.txt`, and pango from the system). It may not load anything from
the network or the disk.
"""

import datetime as dt
import functools
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, Sum
from django.template.loader import render_to_string

from communications.content import phrases, profiles
from communications.portal.account import format_sentence, open_invoices, positions
from communications.portal.texts import PageText
from invoices import ledger, money
from invoices.debtors import debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.debtors.receivables import Part, Position
from invoices.models import (
    Allocation,
    AllocationKind,
    CreditNote,
    CreditNoteStatus,
    Debtor,
    Payment,
    ReceiptStatus,
    Status,
)

_SHOWN_DAYS = 365
# Older entries are summed up as the balance brought forward, to limit the time.
_SHOWN_ENTRIES = 400


@dataclass(frozen=True, slots=True)
class Entry:
    on: dt.date
    what: str
    number: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Row:
    date: str
    what: str
    number: str
    charge: str
    credit: str
    balance: str


@dataclass(frozen=True, slots=True)
class Ledger:
    currency: str
    rows: list[Row]
    balance: str
    parts: list[tuple[str, str]]


def is_available() -> bool:
    return _library() is not None


def pdf(debtor: Debtor, text: PageText, party: DebtorParty | None = None) -> bytes:
    """Return the statement as PDF. Requires `is_available()`."""
    library = _library()
    assert library is not None
    html = render_to_string("communications/portal/statement.html", context(debtor, text, party))
    nothing = library.urls.URLFetcher(allowed_protocols=[])
    written: bytes = library.HTML(string=html, url_fetcher=nothing).write_pdf()
    return written


def context(debtor: Debtor, text: PageText, party: DebtorParty | None = None) -> dict[str, Any]:
    """Return the template context. `party` is required if the debtor has several parties."""
    account = debtor.account
    today = account.today()
    return {
        "words": text,
        "sender": profiles.name(profiles.of(account)),
        "debtor": party or debtor,
        "as_of": format_sentence(text.statement_as_of, date=phrases.date(today, text.language)),
        "ledgers": _ledgers(debtor, party, today, text),
        "instructions": profiles.payment_instructions(profiles.of(account), text.language),
    }


def _ledgers(debtor: Debtor, party: DebtorParty | None, today: dt.date, text: PageText) -> list[Ledger]:
    by_currency: dict[str, list[Entry]] = defaultdict(list)
    whole = party or debtor_parties.whole(debtor)
    counted = whole.invoices.exclude(status__in=(Status.CANCELLED, Status.WRITTEN_OFF))
    for number, currency, on, amount in counted.order_by().values_list(
        "invoice_number", "currency", "issue_date", "amount"
    ):
        by_currency[currency].append(Entry(on, "invoice", number, amount))
    for entry, currency in (*_payments(whole), *_credit_notes(whole)):
        by_currency[currency].append(entry)
    standing = positions(whole, open_invoices(whole))
    return [
        _ledger(currency, entries, standing.get(currency, Position()), today, text)
        for currency, entries in sorted(by_currency.items())
    ]


def _payments(party: DebtorParty) -> Iterator[tuple[Entry, str]]:
    """Yield payments and reversals, each with its currency.

    A valid payment counts with the amounts allocated to listed invoices plus its unapplied credit, because parts of it
    may have been applied to an invoice that was written off later, or to one of another party or debtor. One that was
    undone counts with what was recorded for this party.
    """
    numbers = dict(party.invoices.order_by().values_list("pk", "invoice_number"))
    written_off = set(party.invoices.filter(status=Status.WRITTEN_OFF).order_by().values_list("pk", flat=True))
    paid = _shares(party, "receipt", written_off)
    credit = dict(ledger.unapplied_of(party).exclude(receipt=None).values_list("pk", "unallocated"))
    own = Q(invoice__in=party.invoices) | Q(pk__in=credit)
    if debtor_parties.has_debtors_name(party):
        own |= Q(debtor=party.debtor, invoice=None)
    payments = list(Payment.objects.filter(own | Q(receipt__in=paid)).order_by())
    undone = [payment.receipt_id for payment in payments if payment.status != ReceiptStatus.STANDING]
    recorded = _recorded(undone)
    for payment in payments:
        on, amount = payment.invoice_id, Decimal(0)
        if payment.status == ReceiptStatus.STANDING:
            amount = sum(paid.get(payment.receipt_id, {}).values(), credit.get(payment.pk, Decimal(0)))
        elif on not in written_off:
            parts = recorded.get(payment.receipt_id, {})
            amount = abs(payment.amount) - sum(part for invoice, part in parts.items() if invoice not in numbers)
            amount = amount.copy_sign(payment.amount)
        if amount:
            number = numbers.get(on) or next((numbers[each] for each in paid.get(payment.receipt_id, ())), "")
            what = "payment_for" if amount > 0 else "reversal_for"
            yield Entry(payment.paid_at, what, number, -amount), payment.currency


def _credit_notes(party: DebtorParty) -> Iterator[tuple[Entry, str]]:
    """Yield the valid credit notes, each with its currency. They count as payments do."""
    written_off = set(party.invoices.filter(status=Status.WRITTEN_OFF).order_by().values_list("pk", flat=True))
    covered = _shares(party, "credit_note", written_off)
    credit = dict(ledger.unapplied_of(party).exclude(credit_note=None).values_list("pk", "unallocated"))
    for note in CreditNote.objects.filter(pk__in={*covered, *credit}, status=CreditNoteStatus.STANDING):
        amount = sum(covered.get(note.pk, {}).values(), credit.get(note.pk, Decimal(0)))
        if amount:
            yield Entry(note.date, "credit_note", note.number, -amount), note.currency


def _shares(party: DebtorParty, source: str, written_off: set[uuid.UUID]) -> dict[uuid.UUID, dict[uuid.UUID, Decimal]]:
    """Return, by receipt or credit note, what it covers of each of the party's invoices that is not written off."""
    lines = Allocation.objects.filter(invoice__in=party.invoices).exclude(**{source: None}).order_by()
    found: dict[uuid.UUID, dict[uuid.UUID, Decimal]] = defaultdict(dict)
    for pk, invoice, share in lines.values_list(source, "invoice_id").annotate(share=Sum("amount")):
        if share and invoice not in written_off:
            found[pk][invoice] = share
    return found


def _recorded(receipt_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[uuid.UUID, Decimal]]:
    """Return, by receipt, what was allocated to each invoice when the receipt was recorded."""
    lines = Allocation.objects.filter(receipt__in=receipt_ids, posting=F("receipt"), kind=AllocationKind.PAYMENT)
    found: dict[uuid.UUID, dict[uuid.UUID, Decimal]] = defaultdict(dict)
    for receipt, invoice, amount in lines.values_list("receipt_id", "invoice_id", "amount"):
        found[receipt][invoice] = amount
    return found


def _ledger(currency: str, entries: list[Entry], position: Position, today: dt.date, text: PageText) -> Ledger:
    # Order within a day.
    kinds = ("invoice", "credit_note", "payment_for", "reversal_for")
    entries.sort(key=lambda entry: (entry.on, kinds.index(entry.what), entry.number))
    since = today - dt.timedelta(days=_SHOWN_DAYS)
    first = next((place for place, entry in enumerate(entries) if entry.on >= since), len(entries))
    first = max(first, len(entries) - _SHOWN_ENTRIES)
    balance = sum((entry.amount for entry in entries[:first]), Decimal(0))
    rows = [Row("", text.brought_forward, "", "", "", _figure(balance, currency))] if first else []
    for entry in entries[first:]:
        balance += entry.amount
        shown = _figure(abs(entry.amount), currency)
        rows.append(
            Row(
                phrases.date(entry.on, text.language),
                getattr(text, entry.what),
                entry.number,
                shown if entry.amount > 0 else "",
                "" if entry.amount > 0 else shown,
                _figure(balance, currency),
            )
        )
    return Ledger(currency, rows, money.display(balance, currency), _parts(position, currency, text))


def _parts(position: Position, currency: str, text: PageText) -> list[tuple[str, str]]:
    """Return the labelled parts of the balance: those of the outstanding sum, and the credit."""
    amounts = {part.value: getattr(position, part.value) for part in Part} | {"credit": position.credit}
    return [(getattr(text, f"part_{name}"), _figure(amount, currency)) for name, amount in amounts.items() if amount]


def _figure(amount: Decimal, currency: str) -> str:
    """Return an amount without its currency, which is in the heading of the table."""
    return money.display(amount, currency).removeprefix(f"{currency} ")


@functools.cache
def _library() -> Any:
    try:
        import weasyprint
        import weasyprint.urls
    except (ImportError, OSError):  # weasyprint or pango is not installed
        return None
    return weasyprint
