"""Storing of statements, so that each movement of money is one line, however many statements show it.

The bank's words about an entry make its `base`: its reference, else its texts. A statement that shows a base twice has
two lines of it. Two statements show the same lines, unless they follow each other on one day (`_apart`): then each has
lines of its own. The number of lines of a base is therefore the largest number that statements which are apart show
together. It does not depend on the order in which statements are uploaded.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from inflow.accounts import locks
from invoices.bank.parsing.records import account_number
from invoices.bank.reading import ParsedEntry, ParsedStatement
from invoices.models.bank import BankFile, BankLine, BankStatement, BankStatementLine

# Statements that are compared for one base. More of them show it only in constructed files.
_MOST_COMPARED = 10
# A reference of fewer characters is a counter, not an identifier.
_MIN_REFERENCE = 4
_BATCH = 2_000


@dataclass(slots=True)
class Stored:
    """Result of storing the statements of a file."""

    statements: int = 0
    lines: int = 0
    added: int = 0


def store(file: BankFile, parsed: Sequence[ParsedStatement]) -> Stored:
    """Store the statements that are not known yet, and their new lines, in the caller's transaction."""
    locks.acquire(f"bank statements {file.account_id}")
    result = Stored()
    for each in parsed:
        result.lines += len(each.entries)
        bases = [_base(each, entry) for entry in each.entries]
        fingerprint = _digest([each.account, each.statement_id, each.sequence, each.currency, bases, _figures(each)])
        known = BankStatement.objects.filter(account=file.account_id, fingerprint=fingerprint)
        if known.exists():
            continue
        statement = BankStatement.objects.create(
            account_id=file.account_id,
            file=file,
            bank_account=account_number(each.account),
            statement_id=each.statement_id,
            sequence=each.sequence,
            from_date=each.from_date,
            to_date=each.to_date,
            currency=each.currency,
            opening_balance=each.opening,
            closing_balance=each.closing,
            lines_total=sum(entry.amount for entry in each.entries),
            skipped=each.skipped,
            fingerprint=fingerprint,
        )
        result.statements += 1
        result.added += _store_lines(statement, each.entries, bases)
    return result


def _figures(each: ParsedStatement) -> list[str]:
    return [str(value) for value in (each.from_date, each.to_date, each.opening, each.closing)]


def _base(statement: ParsedStatement, entry: ParsedEntry) -> str:
    """Return a digest of what identifies the entry on its account, besides its repetitions."""
    words = [entry.payer_name, entry.payer_account, entry.end_to_end, _plain(entry.text)]
    what = [entry.bank_reference] if len(entry.bank_reference) >= _MIN_REFERENCE else words
    if entry.is_shared:
        what += words
    return _digest(
        [account_number(statement.account), entry.currency, entry.day.isoformat(), f"{entry.amount:.3f}", *what]
    )


def _plain(text: str) -> str:
    """Return a text without spaces, which banks break in different places."""
    return "".join(text.split()).casefold()


def _digest(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()


def _store_lines(statement: BankStatement, entries: Sequence[ParsedEntry], bases: Sequence[str]) -> int:
    """Insert the lines that are new, and show all lines of the statement. Return the number of new ones."""
    counts = Counter(bases)
    needed = _needed(statement, counts)
    lines = _lines(statement, counts)
    added = []
    shown = []
    seen: Counter[str] = Counter()
    for position, (entry, base) in enumerate(zip(entries, bases, strict=True), 1):
        seen[base] += 1
        # The statement's lines are the last ones of the base, the new ones among them.
        ordinal = needed[base] - counts[base] + seen[base]
        line = lines.get((base, ordinal))
        if line is None:
            line = lines[base, ordinal] = _line(statement, entry, base, ordinal)
            added.append(line)
        shown.append(BankStatementLine(statement=statement, line=line, position=position))
    BankLine.objects.bulk_create(added, batch_size=_BATCH)
    BankStatementLine.objects.bulk_create(shown, batch_size=_BATCH)
    return len(added)


def _lines(statement: BankStatement, bases: Iterable[str]) -> dict[tuple[str, int], BankLine]:
    known = BankLine.objects.filter(account=statement.account_id, base__in=list(bases)).only("pk", "base", "ordinal")
    return {(line.base, line.ordinal): line for line in known}


def _line(statement: BankStatement, entry: ParsedEntry, base: str, ordinal: int) -> BankLine:
    return BankLine(
        account_id=statement.account_id,
        bank_account=statement.bank_account,
        base=base,
        ordinal=ordinal,
        **{
            name: getattr(entry, name)
            for name in (
                *("day", "value_day", "amount", "currency", "original_amount", "original_currency", "is_return"),
                *("return_reason", "payer_name", "payer_account", "text", "end_to_end", "bank_reference"),
            )
        },
    )


def _needed(statement: BankStatement, counts: Counter[str]) -> dict[str, int]:
    """Return, by base, how many lines there are with this statement."""
    shown = BankStatementLine.objects.filter(line__account=statement.account_id, line__base__in=list(counts))
    found = shown.order_by().values_list("line__base", "statement").annotate(times=Count("pk"))
    others = BankStatement.objects.in_bulk({statement_id for _base, statement_id, _times in found})
    by_base: dict[str, list[tuple[BankStatement, int]]] = {base: [(statement, counts[base])] for base in counts}
    for base, statement_id, times in found:
        by_base[base].append((others[statement_id], times))
    return {base: _largest(each) for base, each in by_base.items()}


def _largest(shown: list[tuple[BankStatement, int]]) -> int:
    """Return the largest number of lines that statements which are apart show together."""
    shown = sorted(shown, key=lambda each: (-each[1], each[0].fingerprint))[:_MOST_COMPARED]
    apart = _apart([statement for statement, _times in shown])

    def best(rest: list[int]) -> int:
        if not rest:
            return 0
        first, *others = rest
        beside = [place for place in others if (first, place) in apart]
        return max(shown[first][1] + best(beside), best(others))

    return best(list(range(len(shown))))


def _apart(statements: Sequence[BankStatement]) -> set[tuple[int, int]]:
    """Return the pairs of statements that show no entry twice: pages of one number, and those of a chain in which each
    begins with the balance and on the day on which the one before it ended."""
    places = range(len(statements))
    chained = {(a, b) for a in places for b in places if a != b and _leads_to(statements[a], statements[b])}
    for middle in places:
        chained |= {(a, b) for a in places for b in places if {(a, middle), (middle, b)} <= chained}
    pages = {(a, b) for a in places for b in places if _are_pages(statements[a], statements[b])}
    return {pair for a, b in chained | pages if a != b for pair in ((a, b), (b, a))}


def _leads_to(one: BankStatement, other: BankStatement) -> bool:
    has_balances = None not in (one.closing_balance, other.opening_balance)
    is_move = one.opening_balance != one.closing_balance
    meets = one.to_date == other.from_date and one.closing_balance == other.opening_balance
    return has_balances and is_move and meets


def _are_pages(one: BankStatement, other: BankStatement) -> bool:
    number, slash, page = one.sequence.partition("/")
    other_number, _slash, other_page = other.sequence.partition("/")
    return bool(slash) and number == other_number and page != other_page and one.statement_id == other.statement_id


# --- Gaps --------------------------------------------------------------------------------------------------------


def with_gaps(statements: "QuerySet[BankStatement]") -> "QuerySet[BankStatement]":
    """Annotate what `gap` needs: the closing balance of the statement before, and whether any statement leads here."""
    same = BankStatement.objects.filter(
        account=OuterRef("account"), bank_account=OuterRef("bank_account"), currency=OuterRef("currency")
    ).exclude(pk=OuterRef("pk"))
    before = same.filter(
        from_date__lt=OuterRef("from_date"), to_date__lte=OuterRef("from_date"), closing_balance__isnull=False
    )
    # Statements that cover the first day of this one.
    around = same.filter(from_date__lt=OuterRef("from_date"), to_date__gt=OuterRef("from_date"))
    leads_here = same.filter(to_date__lte=OuterRef("to_date"), closing_balance=OuterRef("opening_balance"))
    begins_alike = same.filter(
        from_date=OuterRef("from_date"),
        opening_balance=OuterRef("opening_balance"),
        created_at__lt=OuterRef("created_at"),
    )
    newest = before.order_by("-to_date", "-from_date", "-created_at").values("closing_balance")[:1]
    return statements.annotate(
        previous_closing=Subquery(newest),
        is_connected=Exists(leads_here) | Exists(around) | Exists(begins_alike),
    )


def gap(statement: Any) -> Any:
    """Return the missing amount between the statement before and this one, or None. `statement` is annotated."""
    if statement.previous_closing is None or statement.opening_balance is None or statement.is_connected:
        return None
    difference = statement.opening_balance - statement.previous_closing
    return difference or None
