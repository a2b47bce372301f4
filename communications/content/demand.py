"""The sum that a message asks for: the counted invoices less the debtor's unapplied credit, for each currency."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from communications.models import Communication, Kind, Medium
from invoices.debtors import receivables
from invoices.models import Invoice

_ZERO = Decimal(0)
# Kinds of messages that are about one invoice only.
ABOUT_ONE_INVOICE = (Kind.PROMISE_FOLLOWUP, Kind.THANK_YOU)


@dataclass(frozen=True, slots=True)
class Demand:
    """A demand by currency: `owed` less `credit` is `total`. `asked` is the share of each counted invoice."""

    owed: dict[str, Decimal]
    credit: dict[str, Decimal]
    total: dict[str, Decimal]
    asked: dict[uuid.UUID, Decimal]

    @property
    def is_covered(self) -> bool:
        """True if the credit leaves nothing to ask for."""
        return bool(self.credit) and not any(self.total.values())


def listable(rows: Sequence[Communication], invoices: Iterable[Invoice]) -> list[Invoice]:
    """Return the invoices that a message may list: those of its rows first, then the debtor's others."""
    own = [row.invoice for row in rows]
    if rows[0].kind in ABOUT_ONE_INVOICE:
        return own
    about = {invoice.pk for invoice in own}
    is_mentioned = _is_on_statement if rows[0].kind == Kind.STATEMENT else is_listed
    return own + [invoice for invoice in invoices if invoice.pk not in about and is_mentioned(invoice)]


def overdue(rows: Sequence[Communication], invoices: Iterable[Invoice], today: dt.date) -> list[Invoice]:
    """Return those of `invoices` that the message counts as overdue.

    An invoice of the message counts even while it is on hold, because users may write about it.
    """
    about = {row.invoice_id for row in rows}
    return [
        invoice
        for invoice in invoices
        if receivables.is_overdue(invoice, today) or (invoice.pk in about and invoice.due_date < today)
    ]


def of_message(
    rows: Sequence[Communication],
    invoices: Iterable[Invoice],
    credit: Mapping[str, Decimal],
    channel: str,
    today: dt.date,
) -> Demand:
    """Return the demand of a message. `invoices` are the debtor's.

    An email asks for the overdue invoices, or for its own if none is overdue or the credit covers them. SMS and
    WhatsApp messages ask for both. A statement adds up everything that is open but not disputed. No message asks for
    the disputed amount of an invoice.
    """
    about = [row.invoice for row in rows]
    if rows[0].kind == Kind.STATEMENT:
        undisputed = [each for each in listable(rows, invoices) if not each.is_wholly_disputed]
        return less_credit(about, undisputed or about, credit)
    late = overdue(rows, listable(rows, invoices), today)
    if channel == Medium.EMAIL:
        demand = less_credit(about, late or about, credit)
        if not demand.is_covered:
            return demand
    return less_credit(about, _both(about, late), credit)


def less_credit(about: Sequence[Invoice], counted: Sequence[Invoice], credit: Mapping[str, Decimal]) -> Demand:
    """Return the demand for the invoices `counted`.

    The credit is assigned first to invoices that the message is not `about`, then to the others from last to first,
    because the first is the one that the message names.
    """
    owed = receivables.undisputed_balances(counted)
    used = {code: min(amount, credit.get(code, _ZERO)) for code, amount in owed.items()}
    used = {code: amount for code, amount in used.items() if amount > 0}
    total = {code: amount - used.get(code, _ZERO) for code, amount in owed.items()}
    if any(total.values()):
        total = {code: amount for code, amount in total.items() if amount}
    places = {invoice.pk: place for place, invoice in enumerate(about)}
    asked, left = {}, dict(used)
    for invoice in sorted(counted, key=lambda each: places.get(each.pk, len(places)), reverse=True):
        share = min(left.get(invoice.currency, _ZERO), invoice.undisputed_balance)
        left[invoice.currency] = left.get(invoice.currency, _ZERO) - share
        asked[invoice.pk] = invoice.undisputed_balance - share
    return Demand(owed, used, total, asked)


def is_listed(invoice: Invoice) -> bool:
    """Return True if messages about other invoices may mention this one."""
    return invoice.is_open and invoice.is_chased and invoice.undisputed_balance > 0


def _is_on_statement(invoice: Invoice) -> bool:
    return invoice.is_open and invoice.balance > 0


def _both(about: Sequence[Invoice], late: Sequence[Invoice]) -> list[Invoice]:
    known = {invoice.pk for invoice in about}
    return [*about, *(invoice for invoice in late if invoice.pk not in known)]
