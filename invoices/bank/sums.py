"""Transfers that people recorded as several payments, one for each invoice."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db.models import QuerySet

from invoices.bank import numbers
from invoices.bank.proposals import Action, Proposal
from invoices.models import Receipt
from invoices.models.bank import BankLine, Certainty

# Days between the bank's booking and the day that a person entered: with the same reference, and without.
NEAR, SAME = 5, 3
MIN_REFERENCE = 4
# The newest payments that are read, those among which a sum is searched, and the sums that are tried.
_MOST_READ, _MOST_SUMMED, _MOST_SUMS = 50_000, 24, 4_000


class _Part(NamedTuple):
    """A payment that may be a part of a transfer."""

    receipt: uuid.UUID
    debtor: uuid.UUID
    currency: str
    amount: Decimal
    paid_at: dt.date
    reference: str
    number: str | None


class Sums:
    """Payments that were recorded by hand and belong to no line, by debtor and by reference."""

    def __init__(self, lines: Sequence[BankLine], free: "QuerySet[Receipt]") -> None:
        self._by_debtor: dict[tuple[str, str], list[_Part]] = defaultdict(list)
        self._by_reference: dict[tuple[str, str], list[_Part]] = defaultdict(list)
        if not lines:
            return
        days = [line.day for line in lines]
        margin = dt.timedelta(days=NEAR)
        rows = free.filter(
            recorded_at__date__gte=min(days) - margin,
            paid_at__range=(min(days) - margin, max(days) + margin),
            amount__lt=max(line.amount for line in lines),
            bank_id="",
        ).order_by("-recorded_at", "-pk")
        columns = ("pk", "debtor_id", "currency", "amount", "paid_at", "reference", "posted_on__invoice_number")
        parts = [_Part(*row) for row in rows.values_list(*columns)[:_MOST_READ]]
        for part in sorted(parts, key=lambda part: (part.paid_at, part.receipt)):
            self._by_debtor[str(part.debtor), part.currency].append(part)
            key = numbers.key(part.reference)
            if len(key) >= MIN_REFERENCE:
                self._by_reference[key, part.currency].append(part)

    def find(
        self, line: BankLine, debtors: Iterable[str], keys: Iterable[str], used: Collection[uuid.UUID]
    ) -> Proposal | None:
        """Return a proposal to link the line to payments whose sum it is: those with a reference that the line has,
        else those of a debtor that it may be about."""
        for key in sorted(keys):
            parts = _near(line, self._by_reference.get((key, line.currency), ()), NEAR, used)
            if len(parts) > 1 and sum(part.amount for part in parts) == line.amount:
                is_chance = numbers.is_weak(key) or any(numbers.key(part.number or "") == key for part in parts)
                return _linked(parts, "sum_of_reference", Certainty.LIKELY if is_chance else Certainty.CERTAIN)
        for debtor in sorted(debtors):
            parts = _near(line, self._by_debtor.get((debtor, line.currency), ()), SAME, used)
            if sum(part.amount for part in parts) == line.amount:
                places, is_only = list(range(len(parts))), True
            else:
                places, is_only = subset([part.amount for part in parts], line.amount)
            if places:
                chosen = [parts[place] for place in places]
                proposal = _linked(chosen, "sum_and_day", Certainty.LIKELY if is_only else Certainty.POSSIBLE)
                if not is_only:
                    proposal.because("one_of_several_sums")
                return proposal
        return None


def _near(line: BankLine, parts: Iterable[_Part], days: int, used: Collection[uuid.UUID]) -> list[_Part]:
    return [
        part
        for part in parts
        if part.receipt not in used and part.amount < line.amount and abs((part.paid_at - line.day).days) <= days
    ]


def _linked(parts: Sequence[_Part], reason: str, certainty: Certainty) -> Proposal:
    ids = [str(part.receipt) for part in parts]
    proposal = Proposal(
        action=Action.LINK, certainty=certainty, debtor=str(parts[0].debtor), receipt=ids[0], receipts=ids
    )
    proposal.because(reason, count=len(parts))
    return proposal


def subset(amounts: Sequence[Decimal], target: Decimal) -> tuple[list[int], bool]:
    """Return the places of the first amounts that add up to the target, and True if no others do."""
    sums: dict[Decimal, tuple[tuple[int, ...], bool]] = {Decimal(0): ((), True)}
    for place, amount in enumerate(amounts[:_MOST_SUMMED]):
        for total, (chosen, is_only) in list(sums.items()):
            larger = total + amount
            if larger in sums:
                sums[larger] = (sums[larger][0], False)
            elif larger <= target:
                sums[larger] = ((*chosen, place), is_only)
        if len(sums) > _MOST_SUMS:
            return [], False
    places, is_only = sums.get(target, ((), False))
    return list(places), is_only
