"""State of an invoice in another program, from the amounts and statuses of a row.

Contradictions are refused, never resolved by a guess, because a debtor must not be asked for money that is not owed.
"""

import enum
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from invoices import money
from invoices.imports import amounts, statuses
from invoices.imports.errors import RowRefused
from invoices.imports.statuses import Document, State

_AMOUNTS = ("amount", "amount_paid", "amount_credited", "balance")
_OWED = (State.OWED, State.UNPAID, State.PARTLY_PAID)
_REFUSED_DOCUMENTS = {
    None: _lazy("The document type “%(text)s” is unknown, so the row is not imported."),
    Document.CREDIT_NOTE: _lazy("“%(text)s” is a credit note. An import registers invoices only."),
    Document.PAYMENT: _lazy("“%(text)s” is a payment: import it from a payments file."),
    Document.PAYABLE: _lazy("“%(text)s” is owed by you, not to you."),
    Document.OFFER: _lazy("“%(text)s” is not an invoice yet."),
    Document.OTHER: _lazy("“%(text)s” is not an invoice."),
}


class ClosedAs(enum.Enum):
    """Final state of an invoice in the other program."""

    PAID = "paid"
    VOID = "void"
    WRITTEN_OFF = "written_off"


class ExternalState(NamedTuple):
    """State of an invoice in the other program. `amount` and `balance` are None if the row does not contain them."""

    amount: Decimal | None = None
    paid: Decimal | None = None
    balance: Decimal | None = None
    closed_as: ClosedAs | None = None
    is_held: bool = False
    remark: str = ""


def read(texts: Mapping[str, str], currency: str, labels: Mapping[str, str]) -> ExternalState:
    """Return the state of the row's invoice. Raise `RowRefused` if it can't be chased or contradicts itself.

    `texts` and `labels` map field names to the row's cells and to the names of the columns.
    """
    document = _document(texts.get("document_type", ""))
    states = [_state(texts[name]) for name in ("status", "payment_status") if texts.get(name)]
    if State.VOID in states:
        return ExternalState(closed_as=ClosedAs.VOID)
    if State.DRAFT in states:
        raise RowRefused(_("The invoice is a draft in the other system. Issue it there, then import it."))
    if State.WRITTEN_OFF in states:
        return ExternalState(closed_as=ClosedAs.WRITTEN_OFF)
    numbers = {name: _number(texts, name, currency, labels) for name in _AMOUNTS}
    if document == Document.RECEIPT:
        return ExternalState(amount=numbers["amount"], closed_as=ClosedAs.PAID)
    state = _completed(numbers, currency, labels)
    _refuse_contradiction(state, states, texts, currency)
    is_paid = State.PAID in states or state.balance == 0
    return state._replace(closed_as=ClosedAs.PAID if is_paid else None, is_held=State.HELD in states)


def _document(text: str) -> Document | None:
    if not text:
        return None
    document = statuses.document_of(text)
    if document not in _REFUSED_DOCUMENTS:
        return document
    raise RowRefused(str(_REFUSED_DOCUMENTS[document]) % {"text": text[:60]})


def _state(text: str) -> State:
    state = statuses.state_of(text) or statuses.paid_flag(text)
    if state is None:
        message = _(
            "The status “%(text)s” is unknown, so it is unclear whether money is owed. The row is not imported."
        )
        raise RowRefused(message % {"text": text[:60]})
    return state


def _number(texts: Mapping[str, str], name: str, currency: str, labels: Mapping[str, str]) -> Decimal | None:
    text = texts.get(name, "")
    if not text:
        return None
    number = amounts.amount(text, currency, labels[name])
    if number is None and name == "balance":  # spreadsheets write 0 as a dash
        return Decimal(0)
    if number is not None:
        amounts.refuse_negative(number, text, labels[name])
    return number


def _completed(numbers: Mapping[str, Decimal | None], currency: str, labels: Mapping[str, str]) -> ExternalState:
    """Return the state with a missing amount or balance calculated from the other numbers."""
    amount, paid, credited, balance = (numbers[name] for name in _AMOUNTS)
    settled = (paid or Decimal(0)) + (credited or Decimal(0))
    remark = ""
    if amount is None and balance is not None:
        amount = balance + settled
        if not settled:
            remark = _("The row has no total, so the invoice is registered with its balance.")
    if amount is None:
        return ExternalState(paid=paid)
    if balance is None:
        is_partial = paid is not None or credited is not None
        return ExternalState(amount, paid, max(amount - settled, Decimal(0)) if is_partial else None, remark=remark)
    shown = {
        "balance_label": labels["balance"],
        "balance": _shown(balance, currency),
        "label": labels["amount"],
        "amount": _shown(amount, currency),
        "paid": _shown(settled, currency),
    }
    if balance > amount:
        raise RowRefused(_("%(balance_label)s (%(balance)s) is more than %(label)s (%(amount)s).") % shown)
    if settled + balance > amount and not (balance == 0 and settled > amount):
        message = _("The amounts do not add up: %(amount)s in total, %(paid)s paid, %(balance)s outstanding.")
        raise RowRefused(message % shown)
    if settled and settled + balance < amount:
        gap = _shown(amount - balance - settled, currency)
        remark = _("%(gap)s is neither paid nor outstanding and counts as credited.") % {"gap": gap}
    return ExternalState(amount, paid, balance, remark=remark)


def _refuse_contradiction(state: ExternalState, states: list[State], texts: Mapping[str, str], currency: str) -> None:
    """Raise `RowRefused` if the statuses contradict each other or the amounts."""
    is_paid, is_owed = State.PAID in states, any(each in _OWED for each in states)
    message = ""
    if is_paid and is_owed:
        message = _("The statuses “%(status)s” contradict each other.")
    elif state.balance is None:
        if State.PARTLY_PAID in states:
            message = _("The status is “%(status)s”, but the row does not say how much is paid or left.")
    elif is_paid and state.balance:
        message = _("The status is “%(status)s”, but %(left)s is outstanding.")
    elif is_owed and state.amount and not state.balance:
        message = _("The status is “%(status)s”, but nothing is outstanding.")
    elif State.PARTLY_PAID in states and state.balance == state.amount:
        message = _("The status is “%(status)s”, but the whole %(left)s is outstanding.")
    elif State.UNPAID in states and state.amount is not None and state.balance < state.amount:
        message = _("The status is “%(status)s”, but only %(left)s of %(amount)s is outstanding.")
    if message:
        status = " / ".join(texts[name][:40] for name in ("status", "payment_status") if texts.get(name))
        left, amount = (_shown(number or Decimal(0), currency) for number in (state.balance, state.amount))
        raise RowRefused(message % {"status": status, "left": left, "amount": amount})


def _shown(number: Decimal, currency: str) -> str:
    return money.display(number, currency) if currency in money.EXPONENTS else f"{number:f}"
