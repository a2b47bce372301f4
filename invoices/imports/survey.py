"""A first look at a whole file: the columns that a person must decide about, and the order of day and month.

Each cell is looked at once, and what is kept of a column does not grow with the file.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from invoices import money
from invoices.imports import amounts, cells, columns, statuses
from invoices.imports.headings import folded
from invoices.models.imports import DateOrder

# Words in headings of money, status and currency. A short one must stand alone, a longer one may be part of a word.
_WHOLE_WORDS = frozenset(
    [
        *("amt", "bal", "due", "net", "vat", "tax", "ccy", "cur", "curr", "fx", "sum", "paid", "left", "owed", "owing"),
        *("fee", "fees", "debit", "credit", "dr", "cr", "gross", "price", "cost", "value", "rate", "exch", "open"),
        *("void", "stage", "draft", "closed", "usd", "aed", "sar", "eur", "gbp", "kwd", "omr", "qar", "bhd", "egp"),
    ]
)
_PARTS_OF_WORDS = (
    *("amount", "balance", "payment", "received", "receivable", "outstanding", "total", "residual", "pending"),
    *("remaining", "unpaid", "settle", "currency", "status", "state", "overdue", "discount", "retention", "deposit"),
    *("money", "dollar", "dirham", "riyal", "dinar", "devise", "valuta"),
    *("advance", "refund", "cancel", "posted", "approved", "writeoff", "written", "withh", "exchange"),
    *("مبلغ", "قيمه", "رصيد", "متبقي", "باقي", "مسدد", "مدفوع", "اجمالي", "صافي", "عمله", "حاله", "مستحق", "ضريب"),
    *("خصم", "دائن", "مدين", "محصل", "سداد", "مرتجع", "ملغ", "دفع", "مجموع", "سعر", "تحصيل", "موقف"),
)
_DATE_COLUMNS = ("issue_date", "due_date", "paid_at")
_DATE_WORDS = ("date", "تاريخ")
_DOUBTFUL = ("document_type", "amount_paid")
_SAMPLES, _SAMPLE_LENGTH = 5, 60
_HEARTBEAT_EVERY = 2_000

_NUMBER = re.compile(r"\(?[-+]?\s*[0-9][0-9.,٫٬'’\s\u00a0\u202f]*\)?\s*(%|[DdCc][Rr]\.?)?-?")
_OF_NUMBERS = re.compile(r"[0-9,٫٬'’\s\u00a0\u202f()+-]|(?<=[0-9])\.|\.(?=[0-9])")
_DAY = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")


@dataclass(slots=True)
class _Facts:
    """A column's cells, counted."""

    filled: int = 0
    numbers: int = 0
    dates: int = 0
    states: int = 0
    currencies: int = 0
    documents: int = 0
    flags: int = 0
    samples: list[str] = field(default_factory=list)
    day_first: tuple[int, str] | None = None
    month_first: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class _Cell:
    is_number: bool
    is_date: bool
    is_state: bool
    is_currency: bool
    is_document: bool
    is_flag: bool
    order: str


def survey(
    kind: str,
    headings: Sequence[str],
    understood: columns.ColumnMapping,
    chosen: Mapping[str, str],
    rows: Iterable[tuple[int, list[str]]],
    date_order: str,
    heartbeat: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Read all rows. `heartbeat` is called now and then, so that a worker keeps its claim."""
    facts = [_Facts() for _heading in headings]
    keys = columns.keys(headings)
    decided = {position for position, key in enumerate(keys) if key in chosen}
    looked_at = _looked_at_closely(headings, understood, decided)
    for count, (line, texts) in enumerate(rows, 1):
        for position in looked_at:
            if position < len(texts) and texts[position]:
                _count(facts[position], line, texts[position])
        if count % _HEARTBEAT_EVERY == 0:
            heartbeat()
    positions = dict(understood.columns)
    moved = _moved(positions, facts, decided)
    unknown = sorted({*understood.unknown, *moved, *decided})
    return {
        "product": understood.product,
        "headings": [heading[:100] for heading in headings],
        "columns": positions,
        "unknown": [
            _described(kind, headings, facts, position, is_decided=position in decided)
            for position in unknown
            if headings[position] or facts[position].filled
        ],
        "unused": [headings[position][:100] for position in understood.unused if headings[position]],
        "is_whole": columns.is_whole(kind, headings, understood),
        "in_company_currency": columns.in_company_currency(headings, positions),
        "headings_of": {name: headings[position][:100] for name, position in positions.items()},
        **_dates(facts, positions, date_order),
    }


def undecided(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The unknown columns that stop the import until somebody decides."""
    return [column for column in found["unknown"] if column["waits"]]


def _looked_at_closely(headings: Sequence[str], understood: columns.ColumnMapping, decided: set[int]) -> list[int]:
    """Unknown columns and those that were once, dates, and those whose headings can mean two things."""
    named = {understood.columns[name] for name in (*_DATE_COLUMNS, *_DOUBTFUL) if name in understood.columns}
    dates = {
        position for position in understood.unused if any(word in folded(headings[position]) for word in _DATE_WORDS)
    }
    return sorted({*understood.unknown, *decided, *named, *dates})


def _count(facts: _Facts, line: int, text: str) -> None:
    seen = _cell(text[:100])
    facts.filled += 1
    facts.numbers += seen.is_number
    facts.dates += seen.is_date
    facts.states += seen.is_state
    facts.currencies += seen.is_currency
    facts.documents += seen.is_document
    facts.flags += seen.is_flag
    if seen.order == DateOrder.DAY_FIRST:
        facts.day_first = facts.day_first or (line, text[:_SAMPLE_LENGTH])
    elif seen.order == DateOrder.MONTH_FIRST:
        facts.month_first = facts.month_first or (line, text[:_SAMPLE_LENGTH])
    if len(facts.samples) < _SAMPLES and text[:_SAMPLE_LENGTH] not in facts.samples:
        facts.samples.append(text[:_SAMPLE_LENGTH])


@functools.lru_cache(maxsize=20_000)
def _cell(text: str) -> _Cell:
    plain = cells.latin(text)
    plain = cells.without_time(plain) if ":" in plain else plain
    day = _DAY.fullmatch(plain)
    is_word = statuses.may_be_word(text)
    return _Cell(
        is_number=bool(_NUMBER.fullmatch(plain)) and not day,
        is_date=bool(day) or bool(re.fullmatch(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}", plain)),
        is_state=is_word and statuses.state_of(text) is not None,
        is_currency=len(plain) <= 40 and (_has_currency(plain) or amounts.is_currency_name(text)),
        is_document=is_word and statuses.document_of(text) is not None,
        is_flag=len(text) <= 5 and statuses.paid_flag(text) is not None,
        order=_order(int(day[1]), int(day[3])) if day else "",
    )


def _has_currency(plain: str) -> bool:
    """`AED 1,250.50`, `1,250.50 AED`, `$5`, `١٬٢٥٠ د.إ`, and a sign alone."""
    left = _OF_NUMBERS.sub("", plain).strip(". ")
    return left in amounts.SIGNS or (left != plain and left.upper() in money.EXPONENTS)


def _order(first: int, second: int) -> str:
    if first > 12 >= second >= 1:
        return DateOrder.DAY_FIRST
    return DateOrder.MONTH_FIRST if second > 12 >= first >= 1 else ""


def _moved(positions: dict[str, int], facts: Sequence[_Facts], decided: set[int]) -> list[int]:
    """Columns whose cells don't hold what their headings promise; `positions` loses them, unless a person chose them.

    "Type" with other words than documents' is no kind of document, and "Paid" with Y and N is a status.
    """
    moved = []
    position = positions.get("document_type")
    if position is not None and position not in decided and facts[position].documents == 0 and facts[position].filled:
        moved.append(positions.pop("document_type"))
    position = positions.get("amount_paid")
    if position is not None and position not in decided and _is_all_words(facts[position]):
        positions.pop("amount_paid")
        free = next((name for name in ("status", "payment_status") if name not in positions), None)
        if free:
            positions[free] = position
        else:
            moved.append(position)
    return moved


def _is_all_words(facts: _Facts) -> bool:
    return facts.filled > 0 and not facts.numbers and facts.flags + facts.states == facts.filled


def _described(
    kind: str, headings: Sequence[str], facts: Sequence[_Facts], position: int, *, is_decided: bool
) -> dict[str, Any]:
    seen, text = facts[position], folded(headings[position])
    return {
        "place": position,
        "key": columns.keys(headings)[position],
        "heading": headings[position][:100] or _("Column %(number)d") % {"number": position + 1},
        "samples": seen.samples,
        "waits": not is_decided and bool(seen.filled) and _looks_financial(kind, text, seen),
    }


def _looks_financial(kind: str, text: str, seen: _Facts) -> bool:
    """Tell whether a column may hold money, a status or a currency."""
    words = [word.removeprefix("ال") for word in text.split()]
    return (
        text in columns.financial_names(kind)
        or any(word in _WHOLE_WORDS for word in words)
        or any(part in word for word in words for part in _PARTS_OF_WORDS)
        or seen.numbers == seen.filled
        or seen.states > 0
        or 2 * seen.currencies >= seen.filled
    )


def _dates(facts: Sequence[_Facts], positions: dict[str, int], chosen: str) -> dict[str, Any]:
    """The one order of day and month in the file. The cells that show it are kept; where they contradict each other,
    or the person's choice, no order is taken, and `date_conflict` says so."""
    own = {positions[name] for name in _DATE_COLUMNS if name in positions}
    dates = [
        each for position, each in enumerate(facts) if position in own or (each.filled and each.dates == each.filled)
    ]
    day_first = min((each.day_first for each in dates if each.day_first), default=None)
    month_first = min((each.month_first for each in dates if each.month_first), default=None)
    order, conflict = chosen, ""
    if day_first and month_first:
        order = DateOrder.DETECT
        conflict = _("Line %(line)d has %(text)s, but line %(other_line)d has %(other)s.")
        conflict %= {"line": day_first[0], "text": day_first[1], "other_line": month_first[0], "other": month_first[1]}
    elif chosen == DateOrder.MONTH_FIRST and day_first:
        order = DateOrder.DETECT
        conflict = _("You chose that the month comes first, but line %(line)d has %(text)s.")
        conflict %= {"line": day_first[0], "text": day_first[1]}
    elif chosen == DateOrder.DAY_FIRST and month_first:
        order = DateOrder.DETECT
        conflict = _("You chose that the day comes first, but line %(line)d has %(text)s.")
        conflict %= {"line": month_first[0], "text": month_first[1]}
    elif not chosen:
        order = DateOrder.DAY_FIRST if day_first else DateOrder.MONTH_FIRST if month_first else DateOrder.DETECT
    return {"date_order": str(order), "date_conflict": conflict}
