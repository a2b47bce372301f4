"""MT940 statements (SWIFT), with the fields of :86: as German, Dutch and Gulf banks write them, or free text."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from invoices.bank.parsing.records import Entry, Record, Statement, account_number, record, reference, refused

_TAG = re.compile(r":(\d{2}[A-Z]?|NS):", re.ASCII)
# Some banks write the sender and the type of the message above the first field.
_STARTS = re.compile(rb"\s*(?:[A-Z0-9 ]{1,40}\r?\n){0,6}\s*(?:\{1:|:940:|:\d\d[A-Z]?:)")
# Fields with which another statement begins, also below the reference (:20:) of the one before.
_BEGINNINGS = frozenset({"25", "25P", "28", "28C", "60F", "60M", "61"})
_MAX_FIELD = 4_000  # characters of a field with its continuations
_MAX_LINE = 2_000
# Lines of this length were broken anywhere; shorter ones at a word.
_FULL_LINE = 65
_FULL_SUBFIELD = 27

_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})(\d{1,15}[,.]\d{0,3})", re.ASCII)
_LINE = re.compile(
    r"(\d{6})(\d{4})?\s{0,4}(R?[CD])([A-Z])?\s?(\d{1,15}[,.]\d{0,3})(?:([NSF])([A-Z0-9]{3}))?(.*)", re.ASCII
)
# German business transaction codes of returned direct debits, cheques and transfers.
_RETURNS = frozenset({"108", "109", "111", "114", "159", "181", "183", "184"})
_STRUCTURED = re.compile(r"(\d{3})?([?<>|~^!])(?=\d{2})", re.ASCII)
# Identifiers at the beginning of purpose subfields.
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|OCMT|SVWZ|ABWA|ABWE|IBAN|BIC)[+:]")
# Code words between slashes.
_WORDS = (
    *("ACCW", "ADDR", "AREF", "BENM", "BIC", "BO1", "CHGS", "CNTP", "CREF", "CSID", "EREF", "EXCH", "IBAN", "ID"),
    *("INS", "ISDT", "KREF", "MARF", "NAME", "OCMT", "ORDP", "ORDR", "PREF", "PURP", "REMI", "RTRN", "STRD", "SVCL"),
    *("TRCD", "TRTP", "UBO", "ULTC", "ULTD", "USTD", "VACC"),
)
_WORD = re.compile(rf"/({'|'.join(_WORDS)})/")
_ORDERED_BY = re.compile(
    r"\b(?:B/O|BY ORDER OF|ORIG CO NAME|ORDERING CUSTOMER)[ :]{1,3}([^/:;\n]{3,70})", re.IGNORECASE
)
_AFTER_NAME = re.compile(r" {2,}| (?:REF|ORIG ID|ID)\b")


@dataclass
class _Field:
    tag: str
    line: int
    lines: list[str] = field(default_factory=list)

    def add(self, line: str, number: int) -> None:
        if len(line) > _MAX_LINE or sum(map(len, self.lines)) > _MAX_FIELD:
            raise refused("long_line", number)
        self.lines.append(line)

    @property
    def text(self) -> str:
        """Return the text without line breaks."""
        return _unbroken(self.lines, _FULL_LINE).replace("\n", " ")


def looks_like(start: bytes) -> bool:
    return bool(_STARTS.match(start))


def records(text: str) -> Iterator[Record]:
    entries: list[tuple[int, Entry]] = []
    opened: dict[str, _Field] = {}
    closed: dict[str, _Field] = {}  # the reference, account and number of the statement that ended
    line = 0
    for each in _fields(text):
        line = each.line
        if closed and each.tag in _BEGINNINGS:
            opened, entries, closed = closed, [], {}
        if each.tag == "20":
            if opened:
                raise refused("no_closing", each.line)
            opened, entries, closed = {"20": each}, [], {}
        elif closed:  # further balances and a text about the whole statement
            continue
        elif not opened:
            raise refused("no_reference", each.line, f":{each.tag}:")
        elif each.tag in ("60F", "60M", "25", "25P", "28C", "28"):
            opened[each.tag[:2]] = each
        elif each.tag == "61":
            entries.append((each.line, _entry(each, _balance(opened.get("60"), each.line)[2])))
            opened["61"] = each
        elif each.tag == "86" and "61" in opened:
            _explain(entries[-1][1], each)
            del opened["61"]
        elif each.tag in ("62F", "62M"):
            yield from (record(number, entry) for number, entry in entries if entry.amount)
            skipped = sum(not entry.amount for _number, entry in entries)
            yield record(each.line, _statement(opened, each, skipped))
            opened, closed = {}, {tag: opened[tag] for tag in ("20", "25", "28") if tag in opened}
    if opened:
        raise refused("cut", line)


def _fields(text: str) -> Iterator[_Field]:
    """Yield the fields with their continuation lines. Lines of the SWIFT envelope are left out."""
    found: _Field | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.rstrip("\r\n\x03\x01")
        if line.startswith("{"):  # {1:F01…}{2:O940…}{4:, with the first field after it in some files
            line = line.rpartition("{4:")[2] if "{4:" in line else ""
        if line.rstrip() in ("-}", "-", "") or line.startswith("-}"):
            if found and line and found.tag not in ("61", "86"):  # what follows is the header of another message
                yield found
                found = None
            continue
        if tag := _TAG.match(line):
            if found:
                yield found
            found = _Field(tag[1], number)
            found.add(line[tag.end() :], number)
        elif found:
            found.add(line, number)
    if found:
        yield found


def _statement(opened: dict[str, _Field], closing: _Field, skipped: int) -> Statement:
    opening = opened.get("60")
    _opened_on, first, currency = _balance(opening, closing.line)
    closed_on, last, _currency = _balance(closing, closing.line)
    number = opened["28"].text if "28" in opened else ""
    account = opened["25"].text if "25" in opened else ""
    return Statement(
        account=account_number(account, currency),
        statement_id=opened["20"].text,
        sequence=number,
        to_date=closed_on,
        currency=currency,
        opening=first,
        closing=last,
        skipped=skipped,
    )


def _balance(found: _Field | None, line: int) -> tuple[str, Decimal, str]:
    if found is None:
        raise refused("no_opening", line)
    match = _BALANCE.fullmatch(found.text.replace(" ", ""))
    if match is None:
        raise refused("balance", found.line, found.text[:40])
    sign = 1 if match[1] == "C" else -1
    return _day(match[2], found.line).isoformat(), sign * _number(match[4]), match[3]


def _entry(found: _Field, currency: str) -> Entry:
    match = _LINE.fullmatch(found.lines[0])
    if match is None:
        raise refused("entry", found.line, found.lines[0][:40])
    value_day = _day(match[1], found.line)
    mark = match[3]
    # A reversed credit takes money out; a reversed debit brings it back.
    sign = 1 if mark in ("C", "RD") else -1
    customer, _, bank = match[8].partition("//")
    customer, bank = reference(customer), reference(bank)
    return Entry(
        day=_booked(match[2], value_day, found.line).isoformat(),
        value_day=value_day.isoformat(),
        amount=sign * _number(match[5]),
        currency=currency,
        is_return=mark.startswith("R") or match[7] in ("RTI", "CHR"),
        text=" ".join(line.strip() for line in found.lines[1:] if not line.startswith("/")),
        end_to_end=customer,
        bank_reference=bank,
    )


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ".").rstrip("."))


def _day(text: str, line: int) -> dt.date:
    try:
        return dt.date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError as error:
        raise refused("date", line, text) from error


def _booked(month_and_day: str | None, value_day: dt.date, line: int) -> dt.date:
    """Return the booking day, whose year is the one that brings it closest to the value date."""
    if not month_and_day:
        return value_day
    days = []
    for year in (value_day.year - 1, value_day.year, value_day.year + 1):
        try:
            days.append(dt.date(year, int(month_and_day[:2]), int(month_and_day[2:])))
        except ValueError:
            continue
    if not days:
        raise refused("date", line, month_and_day)
    return min(days, key=lambda day: abs(day - value_day))


# --- :86: --------------------------------------------------------------------------------------------------------


def _explain(entry: Entry, found: _Field) -> None:
    """Add the information of :86: to its entry."""
    joined = _unbroken(found.lines, _FULL_LINE)
    if match := _STRUCTURED.match(joined):
        _explain_structured(entry, match, joined)
    elif _WORD.search(joined):
        _explain_words(entry, joined)
    else:
        _add_text(entry, " ".join(joined.split()))
        if by_order := _ORDERED_BY.search(joined):
            entry.payer_name = _AFTER_NAME.split(by_order[1])[0].strip()


def _explain_structured(entry: Entry, match: re.Match[str], text: str) -> None:
    """Read "166?00GUTSCHRIFT?20EREF+…?21SVWZ+…?30BIC?31IBAN?32NAME?33NAME"."""
    parts: dict[str, list[str]] = {}
    for part in text[match.end() :].replace("\n", "").split(match[2]):
        parts.setdefault(part[:2], []).append(part[2:])
    purpose = [value for code in sorted(parts) if code[0] in "26" for value in parts[code]]
    entry.payer_name = "".join(value for code in ("32", "33") for value in parts.get(code, [])).strip()
    entry.payer_account = account_number("".join(parts.get("31", [])))
    entry.is_return = entry.is_return or match[1] in _RETURNS
    if entry.is_return:
        entry.return_reason = " ".join(filter(None, ["".join(parts.get("34", [])), "".join(parts.get("00", []))]))
    joined = _unbroken(purpose, _FULL_SUBFIELD).replace("\n", " ")
    marks = list(_SEPA.finditer(joined))
    values = {
        mark[1]: joined[mark.end() : (marks[place + 1].start() if place + 1 < len(marks) else None)].strip()
        for place, mark in enumerate(marks)
    }
    before = joined[: marks[0].start()] if marks else joined
    entry.end_to_end = reference(values.get("EREF", "")) or entry.end_to_end
    entry.payer_name = values.get("ABWA") or entry.payer_name
    entry.payer_account = entry.payer_account or account_number(values.get("IBAN", "").partition(" ")[0])
    _set_original(entry, values.get("OCMT") or values.get("OAMT") or "")
    _add_text(entry, values.get("SVWZ") or before or "".join(parts.get("00", [])))


def _unbroken(lines: list[str], full: int) -> str:
    """Join lines. One of full length was broken anywhere; the end of a shorter one stays as a line break."""
    return "".join(line if len(line) == full else f"{line}\n" for line in lines).strip()


def _explain_words(entry: Entry, text: str) -> None:
    """Read "/EREF/…/ORDP//NAME/…/REMI/USTD//…" and its like."""
    text = text.replace("\n", " ")
    values: dict[str, list[str]] = {}
    mark = _WORD.search(text)
    before = text[: mark.start()].strip(" /") if mark else text
    while mark:
        # Two words may share a slash, as in "/REMI/USTD//text".
        following = _WORD.search(text, mark.end() - 1)
        end = max(following.start(), mark.end()) if following else len(text)
        values.setdefault(mark[1], []).append(text[mark.end() : end].strip(" /"))
        mark = following
    first = {word: next(filter(None, found), "") for word, found in values.items()}
    party = first.get("CNTP", "").split("/")
    entry.payer_name = first.get("ULTD") or first.get("NAME") or first.get("ORDP") or first.get("BO1", "")
    entry.payer_name = entry.payer_name or (party[2] if len(party) > 2 else "")
    entry.payer_name = entry.payer_name.split("/")[0].strip()
    entry.payer_account = account_number(first.get("IBAN") or party[0] if party[0] or "IBAN" in first else "")
    entry.end_to_end = reference(first.get("EREF", "")) or entry.end_to_end
    entry.is_return = entry.is_return or "RTRN" in values
    entry.return_reason = first.get("RTRN", "")[:100]
    _set_original(entry, first.get("OCMT", ""))
    texts = [text for word in ("REMI", "USTD", "STRD") for text in values.get(word, []) if text]
    _add_text(entry, " ".join(filter(None, [before, *texts])))


def _set_original(entry: Entry, text: str) -> None:
    """Set the amount before its conversion, such as "USD1000,00", if it is in another currency."""
    match = re.match(r"([A-Z]{3}) ?(\d{1,15}(?:[,.]\d{0,3})?)", text, re.ASCII)
    if match and match[1] != entry.currency:
        entry.original_currency, entry.original_amount = match[1], _number(match[2])


def _add_text(entry: Entry, text: str) -> None:
    entry.text = " ".join(filter(None, [text.strip(), entry.text]))
