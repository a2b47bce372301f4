"""Payments that are recorded already: those that a line is about, and those that a debit takes back."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal

from django.db.models import Exists, OuterRef

from inflow.accounts.models import Account
from invoices.bank import numbers, sums
from invoices.bank.proposals import Action, Proposal
from invoices.models import Allocation, Receipt, ReceiptStatus
from invoices.models.bank import BankLine, Certainty

# A direct debit can be returned within 13 months.
_RETURNED_WITHIN = dt.timedelta(days=400)


class Payments:
    """Standing payments that the lines may be about, each with the numbers of its invoices."""

    def __init__(self, account: Account, lines: Sequence[BankLine]) -> None:
        incoming = [line for line in lines if line.amount > 0]
        outgoing = [line for line in lines if line.amount < 0]
        own = BankLine.objects.filter(receipt=OuterRef("pk"), amount__gt=0)
        standing = Receipt.objects.for_account(account).filter(status=ReceiptStatus.STANDING).order_by("pk")
        free = standing.filter(~Exists(own), further_of=None)
        manual: list[Receipt] = []
        if incoming:
            since = min(line.day for line in incoming) - dt.timedelta(days=sums.NEAR + 1)
            amounts = {line.amount for line in incoming}
            manual = list(free.filter(recorded_at__date__gte=since, amount__in=amounts))
        self._sums = sums.Sums(incoming, free)
        taken: list[Receipt] = []
        if outgoing:
            since = min(line.day for line in outgoing) - _RETURNED_WITHIN
            taken = list(standing.filter(recorded_at__date__gte=since, amount__in={-line.amount for line in outgoing}))
        self._manual = _by_amount(manual)
        self._taken = _by_amount(taken)
        self._numbers = _numbers({receipt.pk for receipt in (*manual, *taken)})
        came = BankLine.objects.filter(receipt__in=[one.pk for one in taken], amount__gt=0)
        self._lines = {line.receipt_id: line for line in came}
        self._used: set[uuid.UUID] = set()

    def link(self, line: BankLine, debtors: Collection[str]) -> Proposal | None:
        """Return a proposal to link the line to a payment that was recorded by hand. A payment is linked once."""
        free = [one for one in self._manual.get((line.currency, line.amount), ()) if one.pk not in self._used]
        keys = {each.key for each in numbers.candidates(_texts(line))}
        for receipt in free:
            days = abs((receipt.paid_at - line.day).days)
            if receipt.bank_id and receipt.bank_id in (line.bank_reference, line.end_to_end, line.bank_id):
                return self._linked(receipt, "bank_id", Certainty.CERTAIN)
            if days <= sums.NEAR and _is_in(receipt.reference, keys):
                return self._linked(receipt, "reference", self._certainty(receipt))
        for receipt in free:
            is_about = str(receipt.debtor_id) in debtors or bool(self._numbers[receipt.pk] & keys)
            if is_about and not receipt.bank_id and abs((receipt.paid_at - line.day).days) <= sums.SAME:
                return self._linked(receipt, "amount_and_day", Certainty.LIKELY, day=receipt.paid_at.isoformat())
        return None

    def link_sum(self, line: BankLine, debtors: Collection[str]) -> Proposal | None:
        """Return a proposal to link the line to several payments that were recorded by hand, each linked once."""
        keys = {each.key for each in numbers.candidates(_texts(line))}
        proposal = self._sums.find(line, debtors, keys, self._used)
        if proposal:
            self._used.update(proposal.payments())
        return proposal

    def _certainty(self, receipt: Receipt) -> Certainty:
        """Return how certain the payment's reference makes it. An invoice number may be on several payments."""
        key = numbers.key(receipt.reference)
        is_chance = numbers.is_weak(key) or key in self._numbers[receipt.pk]
        return Certainty.LIKELY if is_chance else Certainty.CERTAIN

    def _linked(self, receipt: Receipt, reason: str, certainty: Certainty, **params: str) -> Proposal:
        self._used.add(receipt.pk)
        proposal = Proposal(
            action=Action.LINK, certainty=certainty, debtor=str(receipt.debtor_id), receipt=str(receipt.pk)
        )
        proposal.because(reason, **params)
        return proposal

    def reversals(self, line: BankLine) -> list[Proposal]:
        """Return proposals to reverse the payment that a debit takes back."""
        found = []
        keys = {each.key for each in numbers.candidates(_texts(line))}
        for receipt in self._taken.get((line.currency, -line.amount), ()):
            if receipt.paid_at > line.day or receipt.pk in self._used:
                continue
            reasons = self._reasons(line, receipt, keys)
            if not reasons:
                continue
            is_certain = line.is_return and "returned_reference" in reasons
            is_likely = "returned_reference" in reasons or (line.is_return and reasons != ["returned_amount"])
            certainty = (Certainty.LIKELY, Certainty.POSSIBLE)[not is_likely]
            proposal = Proposal(
                action=Action.REVERSE,
                certainty=Certainty.CERTAIN if is_certain else certainty,
                debtor=str(receipt.debtor_id),
                receipt=str(receipt.pk),
            )
            for reason in ["returned", *reasons] if line.is_return else reasons:
                proposal.because(reason)
            found.append(proposal)
        if sum(each.certainty == Certainty.CERTAIN for each in found) > 1:
            for each in found:
                each.certainty = Certainty.LIKELY
        elif certain := next((each for each in found if each.certainty == Certainty.CERTAIN), None):
            self._used.add(uuid.UUID(certain.receipt))
        return found

    def _reasons(self, line: BankLine, receipt: Receipt, keys: set[str]) -> list[str]:
        came = self._lines.get(receipt.pk)
        reasons = []
        references = {line.end_to_end, line.bank_reference} - {""}
        has_its_reference = came is not None and references & {came.end_to_end, came.bank_reference}
        if has_its_reference or _is_in(receipt.reference, keys):
            reasons.append("returned_reference")
        if came and line.payer_account and came.payer_account == line.payer_account:
            reasons.append("returned_account")
        if self._numbers[receipt.pk] & keys:
            reasons.append("returned_number")
        if reasons == ["returned_account"] and not line.is_return:
            return []  # money sent to a customer, such as a refund
        return reasons or (["returned_amount"] if line.is_return else [])


def _by_amount(receipts: Sequence[Receipt]) -> dict[tuple[str, Decimal], list[Receipt]]:
    found: dict[tuple[str, Decimal], list[Receipt]] = defaultdict(list)
    for receipt in sorted(receipts, key=lambda one: (one.paid_at, one.pk)):
        found[receipt.currency, receipt.amount].append(receipt)
    return found


def _numbers(receipt_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, set[str]]:
    """Return the numbers of the invoices that each payment pays."""
    found: dict[uuid.UUID, set[str]] = defaultdict(set)
    rows = Allocation.objects.filter(receipt__in=receipt_ids).order_by()
    for receipt, number in rows.values_list("receipt", "invoice__invoice_number").distinct():
        key = numbers.key(number)
        if not numbers.is_weak(key):
            found[receipt].add(key)
    return found


def _texts(line: BankLine) -> str:
    return " | ".join(filter(None, (line.text, line.end_to_end, line.bank_reference, line.return_reason)))


def _is_in(reference: str, keys: set[str]) -> bool:
    key = numbers.key(reference)
    return len(key) >= sums.MIN_REFERENCE and key in keys
