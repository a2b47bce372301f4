"""Matching of bank lines with open invoices: by the invoice numbers in their texts, by amounts, and by the payer.

The account's open invoices are read once and indexed, so that the work grows with the lines and the invoices, not with
their product. The result is a proposal; `invoices.bank.posting` records it.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from inflow.accounts.models import Account
from invoices.bank import names, numbers, recorded, sums
from invoices.bank.proposals import Action, Proposal, store
from invoices.models import OPEN, Debtor, Invoice, ReceiptStatus, Status
from invoices.models.bank import TO_DO, BankLine, Certainty, LineState

# Lines that are matched again when a file arrives, newest first.
MOST_LINES = 5_000
_MOST_EQUAL = 3
# The most payers for whom a line has proposals.
_MOST_PAYERS = 3
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    id: uuid.UUID
    number: str
    debtor: uuid.UUID
    name: str
    company: str
    currency: str
    balance: Decimal
    due: dt.date


@dataclass(slots=True)
class _Payer:
    """A debtor who may have paid, and why."""

    debtor: uuid.UUID
    reason: str
    params: dict[str, str]
    is_strong: bool


class Books:
    """The account's open invoices, by number, balance and debtor."""

    def __init__(self, account: Account) -> None:
        self.account = account
        columns = ("id", "invoice_number", "debtor_id", "debtor_name", "debtor_company", "currency", "owed", "due_date")
        rows = Invoice.objects.for_account(account).filter(status__in=OPEN)
        owed = rows.annotate(owed=F("amount") - F("amount_paid") - F("amount_credited"))
        self.invoices = [OpenInvoice(*row) for row in owed.order_by("due_date", "id").values_list(*columns)]
        self.by_number: dict[str, list[OpenInvoice]] = defaultdict(list)
        self.by_balance: dict[tuple[str, Decimal], list[OpenInvoice]] = defaultdict(list)
        self.by_debtor: dict[tuple[uuid.UUID, str], list[OpenInvoice]] = defaultdict(list)
        self._keys: dict[uuid.UUID, int] = {}
        self._debtors: list[uuid.UUID] = []
        for invoice in self.invoices:
            self.by_number[numbers.key(invoice.number)].append(invoice)
            self.by_balance[invoice.currency, invoice.balance].append(invoice)
            self.by_debtor[invoice.debtor, invoice.currency].append(invoice)
        self.names = names.Names(self._names())
        # The line that pays the whole of an invoice, so that a second one is looked at by a person.
        self.claimed: dict[uuid.UUID, uuid.UUID] = {}

    def _names(self) -> Iterable[tuple[int, str]]:
        seen = {(each.debtor, text) for each in self.invoices for text in (each.name, each.company) if text}
        debtors = Debtor.objects.for_account(self.account).filter(merged_into=None)
        for debtor, name, company in debtors.values_list("id", "name", "company"):
            seen |= {(debtor, text) for text in (name, company) if text}
        for debtor, text in seen:
            yield self._key(debtor), text

    def _key(self, debtor: uuid.UUID) -> int:
        if debtor not in self._keys:
            self._keys[debtor] = len(self._debtors)
            self._debtors.append(debtor)
        return self._keys[debtor]

    def debtors(self, keys: Iterable[int]) -> list[uuid.UUID]:
        return [self._debtors[key] for key in keys]


def match(account: Account, lines: Sequence[BankLine]) -> None:
    """Set and save the proposals of lines that are to do. Lines that are already recorded are linked to the payment."""
    lines = sorted((line for line in lines if line.is_to_do), key=lambda line: (line.day, line.created_at, line.pk))
    if not lines:
        return
    books = Books(account)
    accounts = _debtors_by_account(account, lines)
    payments = recorded.Payments(account, lines)
    closed = _closed_numbers(account, lines, books)
    for line in lines:
        if line.amount < 0:
            _propose_reversal(line, payments)
            continue
        payers = [] if line.is_return else _payers(books, line, accounts.get(line.payer_account, ()))
        proposals = [] if line.is_return else _proposals(books, line, payers, closed)
        concerned = {each.debtor for each in proposals} | {str(payer.debtor) for payer in payers[:_MOST_PAYERS]}
        is_exact = any(each.certainty == Certainty.CERTAIN for each in proposals)
        if link := payments.link(line, concerned) or payments.link_sum(line, [] if is_exact else concerned):
            if link.certainty == Certainty.CERTAIN:
                proposals = []
            for each in proposals:
                each.certainty, each.is_exact = Certainty.POSSIBLE, False
            proposals = [link, *proposals]
        store(line, proposals)
        _claim(books, line, proposals)
    _save(lines)


def to_do(account: Account) -> list[BankLine]:
    """Return the newest lines that are to do."""
    return list(BankLine.objects.for_account(account).filter(state__in=TO_DO).order_by("-day", "-id")[:MOST_LINES])


def _save(lines: Sequence[BankLine]) -> None:
    """Save the proposals of the lines that nobody has handled meanwhile."""
    for start in range(0, len(lines), _BATCH):
        some = lines[start : start + _BATCH]
        free = BankLine.objects.filter(pk__in=[line.pk for line in some], state__in=TO_DO)
        with transaction.atomic():
            still = set(free.select_for_update().order_by("pk").values_list("pk", flat=True))
            changed = [line for line in some if line.pk in still]
            BankLine.objects.bulk_update(changed, ["state", "certainty", "proposals", "reason"], batch_size=500)


def _claim(books: Books, line: BankLine, proposals: Sequence[Proposal]) -> None:
    if proposals and proposals[0].certainty == Certainty.CERTAIN and proposals[0].action == Action.RECEIVE:
        for invoice_id, _amount in proposals[0].shares():
            books.claimed[invoice_id] = line.pk


def _propose_reversal(line: BankLine, payments: "recorded.Payments") -> None:
    """Propose the reversal of the payment that a debit takes back. Any other debit is not about a debtor."""
    store(line, payments.reversals(line))
    if line.state == LineState.OPEN and not line.is_return:
        line.state = LineState.IGNORED
        line.reason = ""


def _debtors_by_account(account: Account, lines: Iterable[BankLine]) -> dict[str, set[uuid.UUID]]:
    """Return the debtors for whom each payer's account has paid before."""
    wanted = {line.payer_account for line in lines} - {""}
    paid = BankLine.objects.for_account(account).filter(
        payer_account__in=wanted, amount__gt=0, state=LineState.POSTED, receipt__status=ReceiptStatus.STANDING
    )
    found: dict[str, set[uuid.UUID]] = defaultdict(set)
    rows = paid.order_by().values_list("payer_account", "receipt__debtor", "receipt__debtor__merged_into").distinct()
    for number, debtor, merged_into in rows:
        found[number].add(merged_into or debtor)
    return found


def searched_text(line: BankLine) -> str:
    """Return the texts of a line in which numbers are searched."""
    return " | ".join(filter(None, (line.text, line.end_to_end, line.bank_reference)))


def _closed_numbers(account: Account, lines: Sequence[BankLine], books: Books) -> dict[str, tuple[uuid.UUID, str]]:
    """Return the debtor and number of the closed invoices that texts without an open invoice spell exactly."""
    spelled: dict[str, str] = {}
    for line in lines:
        if line.amount > 0 and not numbers.known(searched_text(line), books.by_number):
            for word in searched_text(line).replace("|", " ").split()[:40]:
                plain = word.strip(".,;:()#")
                if any(map(str.isdecimal, plain)) and not numbers.is_weak(numbers.key(plain)):
                    spelled[plain[:64]] = numbers.key(plain)
    found = {}
    words = sorted(spelled)
    for start in range(0, len(words), _BATCH):
        some = words[start : start + _BATCH]
        closed = Invoice.objects.for_account(account).filter(invoice_number__in=some).exclude(status__in=OPEN)
        for number, debtor in closed.exclude(status=Status.CANCELLED).values_list("invoice_number", "debtor_id"):
            found[spelled[number]] = (debtor, number)
    return found


# --- Proposals for money that came in ----------------------------------------------------------------------------


def _proposals(
    books: Books, line: BankLine, payers: Sequence[_Payer], closed: dict[str, tuple[uuid.UUID, str]]
) -> list[Proposal]:
    by_number = _by_number(books, line, payers)
    if by_number:
        return by_number
    found = [proposal for payer in payers[:_MOST_PAYERS] if (proposal := _by_payer(books, line, payer))]
    if any(each.certainty != Certainty.POSSIBLE for each in found):
        return found
    weak = _by_weak_number(books, line)
    if weak:
        return [weak, *found]
    for candidate in numbers.known(searched_text(line), closed):
        debtor, number = closed[candidate.key]
        proposal = Proposal(debtor=str(debtor))
        proposal.because("closed", numbers=number)
        return [proposal, *found]
    return found or _by_balance(books, line)


def _by_number(books: Books, line: BankLine, payers: Sequence[_Payer]) -> list[Proposal]:
    """Return proposals for the invoices of the line's currency whose numbers its texts have."""
    text = searched_text(line)
    found = [
        each
        for each in numbers.known(text, books.by_number)
        if not numbers.is_weak(each.key) and any(_fits(invoice, line) for invoice in books.by_number[each.key])
    ]
    chosen, others = numbers.best(found)
    hits = {each.key: [one for one in books.by_number[each.key] if _fits(one, line)] for each in chosen}
    if not hits:
        return []
    invoices = list(dict.fromkeys(invoice for group in hits.values() for invoice in group))
    is_ambiguous = any(len(group) > 1 for group in hits.values())
    if is_ambiguous:
        paying = {payer.debtor for payer in payers}
        narrowed = [one for group in hits.values() for one in ([x for x in group if x.debtor in paying] or group)]
        invoices = list(dict.fromkeys(narrowed))
    proposal = _allocated(books, line, invoices, payers)
    if is_ambiguous:
        proposal.because("ambiguous")
    has_doubt = is_ambiguous or bool(others) or any(each.is_spaced for each in chosen)
    is_whole = sum(invoice.balance for invoice in invoices) == line.amount
    debtors = {invoice.debtor for invoice in invoices}
    claimed = [one for one in invoices if books.claimed.get(one.id, line.pk) != line.pk]
    if claimed:
        proposal.because("claimed")
        proposal.certainty = Certainty.POSSIBLE
    elif is_whole and len(debtors) == 1 and not is_ambiguous and not others:
        proposal.certainty = Certainty.CERTAIN
        proposal.is_exact = len(invoices) == 1 and not has_doubt
    else:
        proposal.certainty = Certainty.LIKELY
    return [proposal]


def _fits(invoice: OpenInvoice, line: BankLine) -> bool:
    return invoice.currency == line.currency and invoice.balance > 0


def _allocated(books: Books, line: BankLine, invoices: Sequence[OpenInvoice], payers: Sequence[_Payer]) -> Proposal:
    """Allocate the line over the invoices that it names, in that order. The rest is credit."""
    debtors = list(dict.fromkeys(invoice.debtor for invoice in invoices))
    paying = next((payer for payer in payers if payer.debtor in debtors), None)
    proposal = Proposal(debtor=str(paying.debtor if paying else debtors[0]))
    shown = ", ".join(invoice.number for invoice in invoices[:10])
    proposal.because("number" if len(invoices) == 1 else "numbers", numbers=shown)
    owed = sum((invoice.balance for invoice in invoices), Decimal(0))
    if owed == line.amount:
        proposal.because("exact")
    elif line.amount < owed:
        proposal.because("part", less=[str(owed - line.amount), line.currency])
    else:
        proposal.because("more", more=[str(line.amount - owed), line.currency])
    if len(debtors) > 1:
        proposal.because("several_debtors")
    if paying:
        proposal.because(paying.reason, **paying.params)
    _spread(proposal, line.amount, invoices)
    return proposal


def _spread(proposal: Proposal, amount: Decimal, invoices: Iterable[OpenInvoice]) -> None:
    for invoice in invoices:
        if part := min(amount, invoice.balance):
            proposal.allocations.append([str(invoice.id), f"{part:f}"])
            amount -= part


def _payers(books: Books, line: BankLine, by_account: Iterable[uuid.UUID]) -> list[_Payer]:
    """Return the debtors who may have paid, the most certain first."""
    found = [_Payer(debtor, "account", {}, True) for debtor in sorted(by_account)]
    same = books.debtors(sorted(books.names.same(line.payer_name)))
    found += [_Payer(debtor, "same_name", {}, len(same) == 1) for debtor in same]
    if not found and line.payer_name:
        for _score, key in books.names.similar(line.payer_name)[:3]:
            params = {"name": books.names.spelling(key, line.payer_name)}
            found.append(_Payer(books.debtors([key])[0], "similar_name", params, False))
    if not found:
        for _score, key in books.names.within(line.text)[:3]:
            found.append(_Payer(books.debtors([key])[0], "name_in_text", {}, False))
    return list({payer.debtor: payer for payer in reversed(found)}.values())[::-1]


def _by_payer(books: Books, line: BankLine, payer: _Payer) -> Proposal | None:
    """Return a proposal for a debtor's open invoices: those with the amount as balance or sum, else the oldest."""
    owed = [each for each in books.by_debtor.get((payer.debtor, line.currency), ()) if each.balance > 0]
    proposal = Proposal(debtor=str(payer.debtor))
    proposal.because(payer.reason, **payer.params)
    if not owed:
        return proposal if payer.is_strong else None
    equal = [each for each in owed if each.balance == line.amount and each.id not in books.claimed]
    if equal:
        proposal.because("exact") if len(equal) == 1 else proposal.because("equal_balances", count=len(equal))
        proposal.certainty = Certainty.LIKELY
        _spread(proposal, line.amount, equal[:1])
        return proposal
    if summed := _summed(owed, line.amount):
        is_all = len(summed) == len(owed)
        proposal.because("all") if is_all else proposal.because("sum", count=len(summed))
        proposal.certainty = Certainty.LIKELY
        _spread(proposal, line.amount, summed)
        return proposal
    proposal.because("oldest")
    _spread(proposal, line.amount, owed)
    return proposal


def _summed(owed: Sequence[OpenInvoice], amount: Decimal) -> Sequence[OpenInvoice]:
    """Return the only invoices whose balances add up to the amount: all, the oldest ones, or else any of the oldest."""
    total = Decimal(0)
    for count, invoice in enumerate(owed, 1):
        total += invoice.balance
        if total == amount:
            return owed[:count]
    places, is_only = sums.subset([invoice.balance for invoice in owed], amount)
    return [owed[place] for place in places] if is_only else ()


def _by_weak_number(books: Books, line: BankLine) -> Proposal | None:
    """Return a proposal for a number that may be there by chance, if the balance is the amount."""
    for each in numbers.known(searched_text(line), books.by_number):
        for invoice in books.by_number[each.key]:
            if _fits(invoice, line) and invoice.balance == line.amount and invoice.id not in books.claimed:
                proposal = _allocated(books, line, [invoice], ())
                proposal.because("weak")
                proposal.certainty = Certainty.LIKELY
                return proposal
    return None


def _by_balance(books: Books, line: BankLine) -> list[Proposal]:
    """Return proposals for the few invoices with the amount as their balance."""
    equal = [one for one in books.by_balance.get((line.currency, line.amount), ()) if one.id not in books.claimed]
    if not 1 <= len(equal) <= _MOST_EQUAL:
        return []
    found = []
    for invoice in equal:
        proposal = Proposal(debtor=str(invoice.debtor))
        if len(equal) == 1:
            proposal.because("one_balance")
        else:
            proposal.because("equal_balances", count=len(equal))
        _spread(proposal, line.amount, [invoice])
        found.append(proposal)
    return found
