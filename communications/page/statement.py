"""The statement of account as PDF: what was invoiced and paid, with a running balance for each currency, and what of it
is past due, on hold, disputed, or credit.

WeasyPrint is an optional extra (`pip install inflow[pdf]`, and pango from the system). It may fetch nothing: not from
the network, not from the disk.
"""

import datetime as dt
import functools
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string

from communications import phrases, profiles
from communications.page.account import open_invoices, positions, say
from communications.page.words import Words
from invoices import debtor_parties, money
from invoices.debtor_parties import DebtorParty
from invoices.models import Debtor, Invoice, Payment, Status
from invoices.receivables import Part, Position

_SHOWN_DAYS = 365
# A longer one costs seconds and nobody reads it: what is older is brought forward.
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


def pdf(debtor: Debtor, said: Words, party: DebtorParty | None = None) -> bytes:
    """To be called where `is_available`."""
    library = _library()
    assert library is not None
    html = render_to_string("communications/page/statement.html", context(debtor, said, party))
    nothing = library.urls.URLFetcher(allowed_protocols=[])
    written: bytes = library.HTML(string=html, url_fetcher=nothing).write_pdf()
    return written


def context(debtor: Debtor, said: Words, party: DebtorParty | None = None) -> dict[str, Any]:
    """Return the statement's context. `party` is needed if the debtor's invoices name several parties."""
    account = debtor.account
    today = account.today()
    return {
        "words": said,
        "sender": profiles.name(profiles.of(account)),
        "debtor": party or debtor,
        "as_of": say(said.statement_as_of, date=phrases.date(today, said.language)),
        "ledgers": _ledgers(debtor, party, today, said),
        "instructions": profiles.payment_instructions(profiles.of(account), said.language),
    }


def _ledgers(debtor: Debtor, party: DebtorParty | None, today: dt.date, said: Words) -> list[Ledger]:
    by_currency: dict[str, list[Entry]] = defaultdict(list)
    invoices = party.invoices if party else Invoice.objects.filter(debtor=debtor)
    counted = invoices.exclude(status__in=(Status.CANCELLED, Status.WRITTEN_OFF))
    for number, currency, on, amount in counted.order_by().values_list(
        "invoice_number", "currency", "issue_date", "amount"
    ):
        by_currency[currency].append(Entry(on, "invoice", number, amount))
    payments = Payment.objects.filter(debtor=debtor)
    if party and not party.is_only:
        payments = payments.filter(invoice__in=invoices)
    payments = payments.exclude(invoice__in=invoices.filter(status=Status.WRITTEN_OFF)).order_by()
    for number, currency, on, amount in payments.values_list(
        "invoice__invoice_number", "currency", "paid_at", "amount"
    ):
        by_currency[currency].append(Entry(on, "payment_for" if amount > 0 else "reversal_for", number, -amount))
    whole = party or debtor_parties.whole(debtor)
    standing = positions(whole, open_invoices(whole))
    return [
        _ledger(currency, entries, standing.get(currency, Position()), today, said)
        for currency, entries in sorted(by_currency.items())
    ]


def _ledger(currency: str, entries: list[Entry], position: Position, today: dt.date, said: Words) -> Ledger:
    # On one day: invoices, then payments, then what was taken back of them.
    kinds = ("invoice", "payment_for", "reversal_for")
    entries.sort(key=lambda entry: (entry.on, kinds.index(entry.what), entry.number))
    since = today - dt.timedelta(days=_SHOWN_DAYS)
    first = next((place for place, entry in enumerate(entries) if entry.on >= since), len(entries))
    first = max(first, len(entries) - _SHOWN_ENTRIES)
    balance = sum((entry.amount for entry in entries[:first]), Decimal(0))
    rows = [Row("", said.brought_forward, "", "", "", _figure(balance, currency))] if first else []
    for entry in entries[first:]:
        balance += entry.amount
        shown = _figure(abs(entry.amount), currency)
        rows.append(
            Row(
                phrases.date(entry.on, said.language),
                getattr(said, entry.what),
                entry.number,
                shown if entry.amount > 0 else "",
                "" if entry.amount > 0 else shown,
                _figure(balance, currency),
            )
        )
    return Ledger(currency, rows, money.display(balance, currency), _parts(position, currency, said))


def _parts(position: Position, currency: str, said: Words) -> list[tuple[str, str]]:
    """Return the parts of the balance: those of the outstanding sum, less the credit."""
    amounts = {part.value: getattr(position, part.value) for part in Part} | {"credit": position.credit}
    return [(getattr(said, f"part_{name}"), _figure(amount, currency)) for name, amount in amounts.items() if amount]


def _figure(amount: Decimal, currency: str) -> str:
    """Without its currency, which stands over the table."""
    return money.display(amount, currency).removeprefix(f"{currency} ")


@functools.cache
def _library() -> Any:
    try:
        import weasyprint
        import weasyprint.urls
    except (ImportError, OSError):  # it is not installed, or pango is not
        return None
    return weasyprint
