"""The statement of account as PDF: invoices and payments with a running balance for each currency, and the parts of the
balance that are past due, not due, on hold, disputed, or credit.

WeasyPrint is an optional dependency (`requirements-pdf.txt`, and pango from the system). It may not load anything from
the network or the disk.
"""

import datetime as dt
import functools
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string

from communications.content import phrases, profiles
from communications.portal import entries
from communications.portal.account import format_sentence, open_invoices, positions
from communications.portal.texts import PageText
from invoices import money
from invoices.debtors import debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.debtors.receivables import Part, Position
from invoices.models import Debtor

_TEXTS = {"payment": "payment_for", "reversal": "reversal_for"}


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
        "ledgers": _ledgers(party or debtor_parties.whole(debtor), today, text),
        "instructions": profiles.payment_instructions(profiles.of(account), text.language),
    }


def _ledgers(party: DebtorParty, today: dt.date, text: PageText) -> list[Ledger]:
    standing = positions(party, open_invoices(party))
    found = entries.of(party, today - dt.timedelta(days=entries.SHOWN_DAYS))
    return [_ledger(currency, account, standing.get(currency, Position()), text) for currency, account in found.items()]


def _ledger(currency: str, account: entries.RunningAccount, position: Position, text: PageText) -> Ledger:
    balance, rows = account.brought_forward or Decimal(0), []
    if account.brought_forward is not None:
        rows.append(Row("", text.brought_forward, "", "", "", _figure(balance, currency)))
    for entry in account.entries:
        balance += entry.amount
        shown = _figure(abs(entry.amount), currency)
        rows.append(
            Row(
                phrases.date(entry.on, text.language),
                getattr(text, _TEXTS.get(entry.kind, entry.kind)),
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
