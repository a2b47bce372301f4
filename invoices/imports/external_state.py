"""The state of an invoice in the books of another program, put together from a row's amounts and statuses.

A contradiction is told and never decided: a debtor is not asked for money on a guess.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from invoices import money
from invoices.imports import amounts, statuses
from invoices.imports.errors import RowRefused
from invoices.imports.statuses import Document, State

_AMOUNTS = ("amount", "amount_paid", "amount_credited", "balance")
_CLAIMS_MONEY = (State.OWED, State.UNPAID, State.PARTLY_PAID)


class ClosedAs(enum.Enum):
    """ClosedAs of an invoice in the other program."""

    PAID = "paid"
    VOID = "void"
    WRITTEN_OFF = "written_off"


@dataclass(frozen=True, slots=True)
class ExternalState:
    """`balance` is None where the row tells nothing of what is left, `amount` where it tells no total."""

    amount: Decimal | None = None
    paid: Decimal | None = None
    balance: Decimal | None = None
    end: ClosedAs | None = None
    is_held: bool = False
    remark: str = ""


def read(said: Mapping[str, str], currency: str, labels: Mapping[str, str]) -> ExternalState:
    """Raise RowRefused with the reason if the row is no invoice that can be chased, or contradicts itself."""
    document = _document(said.get("document_type", ""))
    states = [_state(said[name]) for name in ("status", "payment_status") if said.get(name)]
    if State.VOID in states:
        return ExternalState(end=ClosedAs.VOID)
    if State.DRAFT in states:
        raise RowRefused(_("The invoice is a draft in the other system. Issue it there, then import it."))
    if State.WRITTEN_OFF in states:
        return ExternalState(end=ClosedAs.WRITTEN_OFF)
    numbers = {name: _number(said, name, currency, labels) for name in _AMOUNTS}
    if document == Document.RECEIPT:
        return ExternalState(amount=numbers["amount"], end=ClosedAs.PAID)
    books = _balanced(numbers, currency, labels)
    _refuse_contradiction(books, states, said, currency, labels)
    is_paid = State.PAID in states or books.balance == 0
    return ExternalState(
        books.amount,
        books.paid,
        books.balance,
        ClosedAs.PAID if is_paid else None,
        State.HELD in states,
        books.remark,
    )


def _document(text: str) -> Document | None:
    if not text:
        return None
    document = statuses.document_of(text)
    if document in (Document.INVOICE, Document.RECEIPT):
        return document
    reason = (
        {
            Document.CREDIT_NOTE: _("“%(text)s” is a credit note. An import registers invoices only."),
            Document.PAYMENT: _("“%(text)s” is a payment: import payments as payments."),
            Document.PAYABLE: _("“%(text)s” is owed by you, not to you."),
            Document.OFFER: _("“%(text)s” is not an invoice yet."),
            Document.OTHER: _("“%(text)s” is not an invoice."),
        }.get(document)
        if document
        else _("The document type “%(text)s” is unknown, so the row is not imported.")
    )
    raise RowRefused(str(reason) % {"text": text[:60]})


def _state(text: str) -> State:
    state = statuses.state_of(text) or statuses.paid_flag(text)
    if state is None:
        raise RowRefused(
            _("The status “%(text)s” is unknown, so it is unclear whether money is owed. The row is not imported.")
            % {"text": text[:60]}
        )
    return state


def _number(said: Mapping[str, str], name: str, currency: str, labels: Mapping[str, str]) -> Decimal | None:
    text = said.get(name, "")
    if not text:
        return None
    number = amounts.amount(text, currency, labels[name])
    if number is None and name == "balance":  # spreadsheets write 0 as a dash
        return Decimal(0)
    if number is not None:
        amounts.refuse_negative(number, text, labels[name])
    return number


def _balanced(numbers: Mapping[str, Decimal | None], currency: str, labels: Mapping[str, str]) -> ExternalState:
    """Amount, paid and balance, each from the others where it is missing."""
    amount, paid, credited, balance = (numbers[name] for name in _AMOUNTS)
    remark = ""
    if amount is None and balance is not None:
        amount = balance + (paid or 0) + (credited or 0)
        if not paid and not credited:
            remark = _("The row has no total, so the invoice is registered with its balance.")
    if amount is None:
        return ExternalState(paid=paid)
    if balance is not None and balance > amount:
        raise RowRefused(
            _("%(balance_label)s (%(balance)s) is more than %(label)s (%(amount)s).")
            % {
                "balance_label": labels["balance"],
                "balance": _shown(balance, currency),
                "label": labels["amount"],
                "amount": _shown(amount, currency),
            }
        )
    came = (paid or Decimal(0)) + (credited or Decimal(0))
    if balance is None:
        is_told = paid is not None or credited is not None
        return ExternalState(amount, paid, max(amount - came, Decimal(0)) if is_told else None, remark=remark)
    if came + balance > amount and not (balance == 0 and came > amount):
        raise RowRefused(
            _("The amounts do not add up: %(amount)s in total, %(paid)s paid, %(balance)s outstanding.")
            % {
                "amount": _shown(amount, currency),
                "paid": _shown(came, currency),
                "balance": _shown(balance, currency),
            }
        )
    if came and came + balance < amount:
        gap = _shown(amount - balance - came, currency)
        remark = _("%(gap)s is neither paid nor outstanding and counts as credited.") % {"gap": gap}
    return ExternalState(amount, paid, balance, remark=remark)


def _refuse_contradiction(
    books: ExternalState, states: list[State], said: Mapping[str, str], currency: str, labels: Mapping[str, str]
) -> None:
    status = " / ".join(said[name][:40] for name in ("status", "payment_status") if said.get(name))
    is_owed = any(state in _CLAIMS_MONEY for state in states)
    if State.PAID in states and is_owed:
        raise RowRefused(_("The statuses “%(status)s” contradict each other.") % {"status": status})
    if books.balance is None:
        if State.PARTLY_PAID in states:
            raise RowRefused(
                _("The status is “%(status)s”, but the row does not say how much is paid or left.") % {"status": status}
            )
        return
    left = _shown(books.balance, currency)
    if State.PAID in states and books.balance:
        raise RowRefused(
            _("The status is “%(status)s”, but %(left)s is outstanding.") % {"status": status, "left": left}
        )
    if is_owed and books.amount and not books.balance:
        raise RowRefused(_("The status is “%(status)s”, but nothing is outstanding.") % {"status": status})
    if State.PARTLY_PAID in states and books.balance == books.amount:
        raise RowRefused(
            _("The status is “%(status)s”, but the whole %(left)s is outstanding.") % {"status": status, "left": left}
        )
    if State.UNPAID in states and books.amount is not None and books.balance < books.amount:
        raise RowRefused(
            _("The status is “%(status)s”, but only %(left)s of %(amount)s is outstanding.")
            % {"status": status, "amount": _shown(books.amount, currency), "left": left}
        )


def _shown(number: Decimal, currency: str) -> str:
    return money.display(number, currency) if currency in money.EXPONENTS else f"{number:f}"
