"""First pass over a whole file: columns that a person must choose, and the order of day and month.

Each cell is read once, and memory does not grow with the file.
"""

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from invoices import money
from invoices.imports import amounts, cells, columns, statuses
from invoices.imports.headings import folded
from invoices.imports.products import TABLE
from invoices.models.imports import DateOrder

# Words in headings of money, status and currency: whole words, and parts of words.
_WHOLE_WORDS = frozenset(TABLE["financial_words"].split())
_PARTS_OF_WORDS: list[str] = TABLE["financial_parts"].split()
_DATE_COLUMNS = ("issue_date", "due_date", "paid_at", "source_updated_at")
_DATE_WORDS = ("date", "تاريخ")
# Fields whose headings may mean something else.
_AMBIGUOUS = ("document_type", "amount_paid")
_SAMPLES, _SAMPLE_LENGTH = 5, 60
_HEARTBEAT_EVERY = 2_000

_NUMBER = re.compile(r"\(?[-+]?\s*[0-9][0-9.,٫٬'’\s\u00a0\u202f]*\)?\s*(%|[DdCc][Rr]\.?)?-?")
_NUMBER_CHARACTERS = re.compile(r"[0-9,٫٬'’\s\u00a0\u202f()+-]|(?<=[0-9])\.|\.(?=[0-9])")
_DAY = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")


# Kinds of cells.
_NUMBERS, _DATES, _STATES, _CURRENCIES, _DOCUMENTS, _FLAGS = range(6)


@dataclass(slots=True)
class _Facts:
    """Contents of a column: the number of filled cells, and of those of each kind."""

    filled: int = 0
    kinds: Counter[int] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)
    day_first: tuple[int, str] | None = None
    month_first: tuple[int, str] | None = None


def survey(
    kind: str,
    headings: Sequence[str],
    mapping: columns.ColumnMapping,
    chosen: Mapping[str, str],
    rows: Iterable[tuple[int, list[str]]],
    date_order: str,
    heartbeat: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Read all rows and return the findings for `Import.survey`. `heartbeat` is called from time to time."""
    facts = [_Facts() for _heading in headings]
    keys = columns.keys(headings)
    decided = {position for position, key in enumerate(keys) if key in chosen}
    examined = _examined(headings, mapping, decided)
    for count, (line, texts) in enumerate(rows, 1):
        for position in examined:
            if position < len(texts) and texts[position]:
                _count(facts[position], line, texts[position])
        if count % _HEARTBEAT_EVERY == 0:
            heartbeat()
    positions = dict(mapping.columns)
    moved = _moved(positions, facts, decided)
    return {
        "product": mapping.product,
        "headings": [heading[:100] for heading in headings],
        "columns": positions,
        "unknown": [
            {
                "place": position,
                "key": keys[position],
                "heading": headings[position][:100] or _("Column %(number)d") % {"number": position + 1},
                "samples": facts[position].samples,
                "waits": position not in decided and _looks_financial(kind, headings[position], facts[position]),
            }
            for position in sorted({*mapping.unknown, *moved, *decided})
            if headings[position] or facts[position].filled
        ],
        "unused": [headings[position][:100] for position in mapping.unused if headings[position]],
        "is_whole": columns.is_whole(kind, headings, mapping),
        "in_company_currency": columns.in_company_currency(headings, positions),
        "headings_of": {name: headings[position][:100] for name, position in positions.items()},
        **_dates(facts, positions, date_order),
    }


def undecided(survey: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the unknown columns for which a person must decide."""
    return [column for column in survey["unknown"] if column["waits"]]


def _examined(headings: Sequence[str], mapping: columns.ColumnMapping, decided: set[int]) -> list[int]:
    """Return the positions of unknown, decided, ambiguous and date columns."""
    mapped = {mapping.columns[name] for name in (*_DATE_COLUMNS, *_AMBIGUOUS) if name in mapping.columns}
    dates = {each for each in mapping.unused if any(word in folded(headings[each]) for word in _DATE_WORDS)}
    return sorted({*mapping.unknown, *decided, *mapped, *dates})


def _count(facts: _Facts, line: int, text: str) -> None:
    kinds, order = _cell(text[:100])
    facts.filled += 1
    facts.kinds.update(kinds)
    sample = text[:_SAMPLE_LENGTH]
    if order == DateOrder.DAY_FIRST:
        facts.day_first = facts.day_first or (line, sample)
    elif order == DateOrder.MONTH_FIRST:
        facts.month_first = facts.month_first or (line, sample)
    if len(facts.samples) < _SAMPLES and sample not in facts.samples:
        facts.samples.append(sample)


@functools.lru_cache(maxsize=20_000)
def _cell(text: str) -> tuple[tuple[int, ...], str]:
    """Return the kinds of a cell, and the order of day and month if it shows one."""
    plain = cells.latin(text)
    plain = cells.without_time(plain) if ":" in plain else plain
    day = _DAY.fullmatch(plain)
    is_word = statuses.may_be_word(text)
    kinds = {
        _NUMBERS: not day and bool(_NUMBER.fullmatch(plain)),
        _DATES: bool(day) or bool(re.fullmatch(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}", plain)),
        _STATES: is_word and statuses.state_of(text) is not None,
        _CURRENCIES: len(plain) <= 40 and (_has_currency(plain) or amounts.is_currency_name(text)),
        _DOCUMENTS: is_word and statuses.document_of(text) is not None,
        _FLAGS: len(text) <= 5 and statuses.paid_flag(text) is not None,
    }
    return tuple(kind for kind, applies in kinds.items() if applies), _order(int(day[1]), int(day[3])) if day else ""


def _has_currency(plain: str) -> bool:
    """Return True for "AED 1,250.50", "1,250.50 AED", "$5", "١٬٢٥٠ د.إ", and a symbol alone."""
    left = _NUMBER_CHARACTERS.sub("", plain).strip(". ")
    return left in amounts.SYMBOLS or (left != plain and left.upper() in money.EXPONENTS)


def _order(first: int, second: int) -> str:
    if first > 12 >= second >= 1:
        return DateOrder.DAY_FIRST
    return DateOrder.MONTH_FIRST if second > 12 >= first >= 1 else ""


def _moved(positions: dict[str, int], facts: Sequence[_Facts], decided: set[int]) -> list[int]:
    """Return the columns whose cells contradict their headings, and remove them from `positions`.

    A "Type" without names of documents is not a document type, and a "Paid" with Y and N is a status. Columns that a
    person chose are not changed.
    """
    moved = []
    position = positions.get("document_type")
    if position is not None and position not in decided:
        seen = facts[position]
        if seen.filled and not seen.kinds[_DOCUMENTS]:
            moved.append(positions.pop("document_type"))
    position = positions.get("amount_paid")
    if position is not None and position not in decided:
        seen = facts[position]
        if seen.filled and not seen.kinds[_NUMBERS] and seen.kinds[_FLAGS] + seen.kinds[_STATES] == seen.filled:
            del positions["amount_paid"]
            if free := next((name for name in ("status", "payment_status") if name not in positions), None):
                positions[free] = position
            else:
                moved.append(position)
    return moved


def _looks_financial(kind: str, heading: str, seen: _Facts) -> bool:
    """Return True if a column may hold money, a status or a currency."""
    text = folded(heading)
    words = [word.removeprefix("ال") for word in text.split()]
    return bool(seen.filled) and (
        text in columns.financial_names(kind)
        or any(word in _WHOLE_WORDS for word in words)
        or any(part in word for word in words for part in _PARTS_OF_WORDS)
        or seen.kinds[_NUMBERS] == seen.filled
        or seen.kinds[_STATES] > 0
        or 2 * seen.kinds[_CURRENCIES] >= seen.filled
    )


def _dates(facts: Sequence[_Facts], positions: dict[str, int], chosen: str) -> dict[str, Any]:
    """Return the file's order of day and month. It is unknown if cells contradict each other or the person's choice;
    `date_conflict` then names them."""
    own = {positions[name] for name in _DATE_COLUMNS if name in positions}
    dates = [
        each
        for position, each in enumerate(facts)
        if position in own or (each.filled and each.kinds[_DATES] == each.filled)
    ]
    day_first = min((each.day_first for each in dates if each.day_first), default=None)
    month_first = min((each.month_first for each in dates if each.month_first), default=None)
    order, conflict = chosen, ""
    if day_first and month_first:
        conflict = _("Line %(line)d has %(text)s, but line %(other_line)d has %(other)s.")
        conflict %= {"line": day_first[0], "text": day_first[1], "other_line": month_first[0], "other": month_first[1]}
    elif chosen == DateOrder.MONTH_FIRST and day_first:
        conflict = _("You chose that the month comes first, but line %(line)d has %(text)s.")
        conflict %= {"line": day_first[0], "text": day_first[1]}
    elif chosen == DateOrder.DAY_FIRST and month_first:
        conflict = _("You chose that the day comes first, but line %(line)d has %(text)s.")
        conflict %= {"line": month_first[0], "text": month_first[1]}
    elif not chosen:
        order = DateOrder.DAY_FIRST if day_first else DateOrder.MONTH_FIRST if month_first else DateOrder.DETECT
    return {"date_order": str(DateOrder.DETECT if conflict else order), "date_conflict": conflict}
