"""Statements in CSV files. The headings, the decimal mark and the order of dates are detected from the whole file."""

import csv
import io
import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from invoices import money
from invoices.bank.parsing import figures
from invoices.bank.parsing.records import Entry, Record, Statement, account_number, is_iban, record, reference, refused
from invoices.imports.headings import folded, names
from invoices.imports.parsing import delimited
from invoices.imports.parsing.bounds import MAX_CELL

_HEADINGS_WITHIN = 40  # banks write the account and the period above them
_DELIMITERS = ",;\t|"
_HEAD = 20_000
_MAX_ROWS = 60_000
_IBAN = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}", re.ASCII)

_TABLE = tomllib.loads(Path(__file__).with_name("headings.toml").read_text(encoding="utf-8"))
_DIRECTIONS = {
    word: kind
    for kind, text in _TABLE.pop("directions").items()
    for word in (*filter(None, names(text)), *text.split("|"))
}
_UNBOOKED = frozenset(filter(None, names(_TABLE.pop("unbooked")["words"])))
_FIELDS = {name: field for field, text in reversed(_TABLE.items()) for name in names(text) if name}

Row = tuple[int, list[str]]


def encodings(content: bytes) -> tuple[str, ...]:
    """Return the encodings to try: Unicode first, then what Arabic Windows writes, or Western Windows."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ("utf-16",)
    return ("utf-8-sig", "cp1256" if _looks_arabic(content[:_HEAD]) else "cp1252")


def _looks_arabic(content: bytes) -> bool:
    """Return True if the bytes above ASCII are mostly letters of Windows-1256, in words of several letters."""
    words = re.findall(rb"[\x80-\xff]{3,}", content)
    return sum(map(len, words)) * 2 > sum(byte > 127 for byte in content) > 0


@dataclass(frozen=True, slots=True)
class _Table:
    columns: dict[str, list[int]]
    heading_line: int
    above: list[Row]
    rows: list[Row]

    def cell(self, row: Row, field: str) -> str:
        """Return the cells of a field, joined."""
        places = (place for place in self.columns.get(field, ()) if place < len(row[1]))
        return " ".join(filter(None, (row[1][place].strip() for place in places)))


def records(text: str, options: Mapping[str, Any]) -> Iterator[Record]:
    """Yield the entries and one statement for each account and currency of the file."""
    table = _table(text)
    rows = [row for row in table.rows if _is_entry(table, row)]
    for row in rows:  # the last row of a file that was cut ends before the columns of its amounts
        if _lacks(table, row):
            raise refused("short_row", row[0])
    account, currency = _named_above(table)
    currency = currency or options.get("currency", "")
    first = next((table.cell(row, "currency") for row in rows), "") or currency
    style = figures.Style.of(
        _numbers(table, rows),
        _dates(table, rows),
        options.get("date_order", ""),
        has_three_decimals=money.EXPONENTS.get(first[:3].upper()) == 3,
    )
    found: dict[tuple[str, str], list[tuple[int, Entry, Decimal | None]]] = {}
    unbooked: Counter[tuple[str, str]] = Counter()
    for row in rows:
        own_account = account_number(table.cell(row, "account")) or account or options.get("account", "")
        own_currency = (table.cell(row, "currency") or currency)[:3].upper()
        if not own_currency:
            raise refused("no_currency", row[0])
        if folded(table.cell(row, "status")) in _UNBOOKED:
            unbooked[own_account, own_currency] += 1
            continue
        entry, balance = _entry(table, row, style, own_currency)
        found.setdefault((own_account, own_currency), []).append((row[0], entry, balance))
    for (own_account, own_currency), entries in found.items():
        opening, closing = _balances(entries)
        for line, entry, _balance in entries:
            if entry.amount:
                yield record(line, entry)
        yield record(
            entries[-1][0],
            Statement(
                account=own_account,
                currency=own_currency,
                opening=opening,
                closing=closing,
                skipped=sum(not entry.amount for _line, entry, _balance in entries)
                + unbooked[own_account, own_currency],
            ),
        )
    if not found:
        raise refused("no_rows", table.heading_line)


def _table(text: str) -> _Table:
    declared = re.match(r"sep=([,;\t|])\r?\n", text)  # a first line for Excel
    head = text[: _HEAD + 1]
    delimiter = declared[1] if declared else max(_DELIMITERS, key=lambda each: _fit(head, each))
    lines = delimited.rows(io.StringIO(text, newline=""), delimiter, 1 if declared else 0)
    rows = []
    for line, cells in lines:
        if any(cell.strip() for cell in cells):
            if any(len(cell) > MAX_CELL for cell in cells):
                raise refused("long_line", line)
            rows.append((line, cells))
        if len(rows) > _MAX_ROWS:
            raise refused("many_entries", line)
    counts = [len(_columns(cells)) for _line, cells in rows[:_HEADINGS_WITHIN]]
    if not counts or max(counts) < 2:
        raise refused("no_statement", 1)
    place = counts.index(max(counts))
    line, headings = rows[place]
    columns = _columns(headings)
    if "day" not in columns or not columns.keys() & {"amount", "credit"}:
        shown = ", ".join(filter(None, (heading.strip() for heading in headings)))
        raise refused("headings", line, shown[:150])
    return _Table(columns, line, rows[:place], rows[place + 1 :])


def _fit(text: str, delimiter: str) -> tuple[int, int]:
    """Return the largest number of known headings, and of columns, with this delimiter."""
    known = widest = 0
    try:
        for cells in itertools.islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), _HEADINGS_WITHIN):
            known, widest = max(known, len(_columns(cells))), max(widest, len(cells))
    except csv.Error:
        return 0, 0
    return known, widest


def _columns(cells: Sequence[str]) -> dict[str, list[int]]:
    """Map the fields to the columns whose headings are known. Only texts may have several columns."""
    found: dict[str, list[int]] = {}
    for place, cell in enumerate(cells[:100]):
        field = _FIELDS.get(_heading(cell))
        if field and (field == "text" or field not in found):
            found.setdefault(field, []).append(place)
    return found


def _heading(cell: str) -> str:
    """Return a heading without the currency in brackets: "Debit (AED)" is "debit"."""
    return folded(re.sub(r"[(\[][^()\[\]]{0,20}[)\]]", " ", cell[:200]))


def _is_entry(table: _Table, row: Row) -> bool:
    """Return False for rows of totals and opening balances, which have no date or no amount."""
    day = table.cell(row, "day") or table.cell(row, "value_day")
    if not figures.is_date(day):
        return day[:1].isdecimal() and not _lacks(table, row)
    amounts = [table.cell(row, field) for field in ("amount", "debit", "credit")]
    return any(map(figures.has_digit, amounts)) or _lacks(table, row)


def _lacks(table: _Table, row: Row) -> bool:
    """Return True if the row ends before a column that entries need."""
    needed = [place for field in ("day", "amount", "debit", "credit") for place in table.columns.get(field, ())]
    return len(row[1]) <= max(needed)


def _numbers(table: _Table, rows: Sequence[Row]) -> Iterator[str]:
    return (table.cell(row, field) for row in rows for field in ("amount", "debit", "credit", "balance"))


def _dates(table: _Table, rows: Sequence[Row]) -> Iterator[str]:
    return (table.cell(row, field) for row in rows for field in ("day", "value_day"))


def _named_above(table: _Table) -> tuple[str, str]:
    """Return the account and the currency that the lines above the headings name."""
    account = currency = ""
    for _line, cells in table.above:
        joined = " ".join(cells)[:500]
        for match in _IBAN.finditer(joined.upper()):
            plain = match[0].replace(" ", "")
            whole = next((plain[:end] for end in range(len(plain), 14, -1) if is_iban(plain[:end])), "")
            account = account or whole
        label = folded(cells[0].rpartition(":")[0] or cells[0]) if cells else ""
        value = (cells[0].partition(":")[2] or " ".join(cells[1:])).strip() if cells else ""
        if _FIELDS.get(label) == "account" and figures.has_digit(value):
            account = account or account_number(value)
        if _FIELDS.get(label) == "currency" and value:
            currency = currency or value[:3].upper()
    return account, currency


def _entry(table: _Table, row: Row, style: figures.Style, currency: str) -> tuple[Entry, Decimal | None]:
    line = row[0]
    day, value_day = (table.cell(row, field) for field in ("day", "value_day"))
    balance = table.cell(row, "balance")
    entry = Entry(
        day=style.date(day or value_day, line),
        value_day=style.date(value_day, line) if value_day else "",
        amount=_amount(table, row, style),
        currency=currency,
        text=table.cell(row, "text"),
        payer_name=table.cell(row, "payer_name"),
        payer_account=account_number(table.cell(row, "payer_account")),
        end_to_end=reference(table.cell(row, "end_to_end")),
        bank_reference=reference(table.cell(row, "bank_reference")),
    )
    entry.is_return = bool(_RETURNED.search(entry.text[:500]))
    return entry, style.number(balance, line) if figures.has_digit(balance) else None


_RETURNED = re.compile(
    r"\b(?:return(?:ed)? (?:cheque|check|payment|item|transfer|direct debit)|(?:cheque|check|chq) return(?:ed)?"
    r"|reversal|ruecklastschrift|rücklastschrift|chargeback)\b|شيك مرتجع|حوالة مرتجعة|شيك راجع",
    re.IGNORECASE,
)


def _amount(table: _Table, row: Row, style: figures.Style) -> Decimal:
    """Return the signed amount: from one column, with a column for the direction or not, or from two columns."""
    line = row[0]
    debit, credit, amount = (table.cell(row, field) for field in ("debit", "credit", "amount"))
    if "credit" in table.columns:
        out = style.number(debit, line) if figures.has_digit(debit) else Decimal(0)
        into = style.number(credit, line) if figures.has_digit(credit) else Decimal(0)
        if out or into or not figures.has_digit(amount):
            return into - abs(out)
    number = style.number(amount, line)
    kind = _direction(table.cell(row, "direction"))
    if kind:
        return abs(number) if kind == "credit" else -abs(number)
    return number


def _direction(text: str) -> str | None:
    return _DIRECTIONS.get(folded(text)) or _DIRECTIONS.get(text.strip())


def _balances(entries: list[tuple[int, Entry, Decimal | None]]) -> tuple[Decimal | None, Decimal | None]:
    """Return the opening and the closing balance, if each row's balance follows from the one before.

    Rows from new to old are put into the order of the account.
    """
    for _try in range(2):
        rows = [(entry.amount, balance) for _line, entry, balance in entries]
        if all(balance is not None for _amount, balance in rows) and all(
            later[1] == before[1] + later[0]  # type: ignore[operator]
            for before, later in itertools.pairwise(rows)
        ):
            first, last = rows[0], rows[-1]
            assert first[1] is not None
            return first[1] - first[0], last[1]
        entries.reverse()
    return None, None
