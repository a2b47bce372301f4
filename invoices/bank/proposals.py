"""Proposals for a bank line: what to do, how certain it is, and why. They are stored with the line."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from invoices import money
from invoices.models.bank import BankLine, Certainty, LineState

MOST = 3
RANK = {Certainty.CERTAIN: 0, Certainty.LIKELY: 1, Certainty.POSSIBLE: 2}


class Action(StrEnum):
    RECEIVE = "receive"  # record a payment
    LINK = "link"  # the payment is already recorded
    REVERSE = "reverse"  # the bank took a payment back


@dataclass(kw_only=True)
class Proposal:
    """`allocations` are pairs of an invoice and an amount; the rest is credit of `debtor`. `reasons` are codes with
    their parameters. `receipts` are the linked payments if several add up to the line; `receipt` is the first of them.
    `is_exact` if one number and the amount match one open invoice without any doubt."""

    action: str = Action.RECEIVE
    certainty: str = Certainty.POSSIBLE
    reasons: list[list[Any]] = field(default_factory=list)
    debtor: str = ""
    allocations: list[list[str]] = field(default_factory=list)
    receipt: str = ""
    is_exact: bool = False
    receipts: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        return cls(**values)

    def shares(self) -> list[tuple[uuid.UUID, Decimal]]:
        return [(uuid.UUID(invoice), Decimal(amount)) for invoice, amount in self.allocations]

    def payments(self) -> list[uuid.UUID]:
        """Return the payments that it links or reverses."""
        return [uuid.UUID(each) for each in self.receipts or filter(None, [self.receipt])]

    def because(self, code: str, **params: Any) -> None:
        self.reasons.append([code, params])


def stored(line: BankLine) -> list[Proposal]:
    return [Proposal.of(values) for values in line.proposals]


def mark(line: BankLine) -> str:
    """Return a digest of the stored proposals. A form has it, so that what is confirmed is what was shown."""
    return hashlib.sha256(json.dumps(line.proposals, sort_keys=True).encode()).hexdigest()[:16]


def store(line: BankLine, found: Iterable[Proposal]) -> None:
    """Set the proposals of a line that is to do, and its state. The most certain ones come first."""
    ordered = sorted(found, key=lambda each: RANK[Certainty(each.certainty)])[:MOST]
    line.proposals = [asdict(each) for each in ordered]
    line.certainty = ordered[0].certainty if ordered else ""
    line.state = LineState.PROPOSED if ordered else LineState.OPEN


_REASONS = {
    "number": _lazy("it names invoice %(numbers)s"),
    "numbers": _lazy("it names invoices %(numbers)s"),
    "exact": _lazy("the amount is exact"),
    "sum": _lazy("the amount is the sum of %(count)s open invoices"),
    "all": _lazy("the amount is everything the debtor owes"),
    "part": _lazy("the amount is %(less)s less than the balance"),
    "more": _lazy("the amount is %(more)s more than the balance"),
    "one_balance": _lazy("only this invoice has this balance"),
    "equal_balances": _lazy("%(count)s invoices have this balance"),
    "account": _lazy("the payer's account paid for this debtor before"),
    "same_name": _lazy("the payer has the debtor's name"),
    "similar_name": _lazy("the payer's name resembles %(name)s"),
    "name_in_text": _lazy("the text names the debtor"),
    "oldest": _lazy("oldest invoices first"),
    "weak": _lazy("the number is short and may be there by chance"),
    "ambiguous": _lazy("several invoices have this number"),
    "several_debtors": _lazy("the invoices belong to several debtors"),
    "claimed": _lazy("another line pays this invoice"),
    "closed": _lazy("invoice %(numbers)s is no longer open"),
    "bank_id": _lazy("a payment has this bank reference"),
    "reference": _lazy("a payment has this reference and amount"),
    "amount_and_day": _lazy("a payment of this amount was recorded by hand on %(day)s"),
    "sum_of_reference": _lazy("%(count)s payments with this reference add up to this amount"),
    "sum_and_day": _lazy("%(count)s payments that were recorded by hand around that day add up to this amount"),
    "one_of_several_sums": _lazy("other payments add up to this amount, too"),
    "returned": _lazy("the bank marks it as returned"),
    "returned_reference": _lazy("it has the reference of this payment"),
    "returned_account": _lazy("the payment came from this account"),
    "returned_number": _lazy("it names an invoice of this payment"),
    "returned_amount": _lazy("a payment had this amount"),
}


def reasons_shown(proposal: Proposal) -> str:
    """Return the reasons as one text in the reader's language."""
    shown = []
    for code, params in proposal.reasons:
        if code not in _REASONS:
            continue
        values = {name: _value(value) for name, value in params.items()}
        shown.append(str(_REASONS[code]) % values)
    return capfirst(_("; ").join(shown))


def _value(value: Any) -> Any:
    """Return a parameter as people read it. An amount is a pair with its currency."""
    if isinstance(value, list):
        return money.display(Decimal(value[0]), value[1])
    return value
