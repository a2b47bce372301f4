"""Records of a bank statement, as every parser yields them, and the limits of a file."""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from invoices.imports.errors import FileRefused

MAX_ENTRIES = 50_000
MAX_STATEMENTS = 2_000
MAX_TEXT, MAX_NAME, MAX_REFERENCE, MAX_ACCOUNT = 1_000, 200, 100, 40
MAX_AMOUNT = Decimal(10) ** 15
# The days of any statement. Others are mistakes, and nobody can add to or subtract from the first and last of them.
FIRST_DAY, LAST_DAY = "1990-01-01", "2099-12-31"

# Texts that stand for "no reference".
_NO_REFERENCE = frozenset({"NOTPROVIDED", "NONREF", "NOREF", "NONE", "NA", "NIL", "UNKNOWN", "NULL"})

Record = tuple[int, dict[str, Any]]


@dataclass(kw_only=True)
class Entry:
    """One movement of money. The amount is negative if the money went out."""

    day: str
    amount: Decimal
    currency: str
    value_day: str = ""
    original_amount: Decimal | None = None
    original_currency: str = ""
    is_return: bool = False
    return_reason: str = ""
    payer_name: str = ""
    payer_account: str = ""
    text: str = ""
    end_to_end: str = ""
    bank_reference: str = ""
    # The bank gave one reference to several entries.
    is_shared: bool = False


@dataclass(kw_only=True)
class Statement:
    """A statement. Its `account` is empty if the file does not name one."""

    account: str = ""
    statement_id: str = ""
    sequence: str = ""
    from_date: str = ""
    to_date: str = ""
    currency: str = ""
    opening: Decimal | None = None
    closing: Decimal | None = None
    # Entries without an amount, and those that are not booked yet.
    skipped: int = 0


def record(line: int, row: Entry | Statement) -> Record:
    """Return the row as JSON can store it, with bounded texts. Raise `FileRefused` if an amount is too large, or a date
    is out of range."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        if isinstance(value, Decimal):
            if not value.is_finite() or abs(value) >= MAX_AMOUNT or value != value.quantize(Decimal("0.001")):
                raise refused("amount", line, str(value)[:40])
            value = f"{value:f}"
        values[field.name] = value
    for name in _DAYS & values.keys():
        if values[name] and not FIRST_DAY <= values[name] <= LAST_DAY:
            raise refused("date", line, values[name])
    for name, most in _LENGTHS.items():
        if name in values:
            values[name] = " ".join(values[name].replace("\x00", " ").split())[:most].strip()
    return line, {"kind": "entry" if isinstance(row, Entry) else "statement", **values}


_DAYS = {"day", "value_day", "from_date", "to_date"}
_LENGTHS = {
    "payer_name": MAX_NAME,
    "payer_account": MAX_ACCOUNT,
    "text": MAX_TEXT,
    "end_to_end": MAX_REFERENCE,
    "bank_reference": MAX_REFERENCE,
    "return_reason": MAX_REFERENCE,
    "account": MAX_ACCOUNT,
    "statement_id": MAX_REFERENCE,
    "sequence": MAX_REFERENCE,
}


def bounded(records: Iterator[Record]) -> Iterator[Record]:
    """Yield the records. Raise `FileRefused` if there are too many, or none."""
    entries = statements = 0
    for line, found in records:
        entries += found["kind"] == "entry"
        statements += found["kind"] == "statement"
        if entries > MAX_ENTRIES or statements > MAX_STATEMENTS:
            raise refused("many_entries", line)
        yield line, found
    if not statements:
        raise refused("no_statement", 1)


def refused(reason: str, line: int, text: str = "") -> FileRefused:
    """Return the refusal of a file because of one of its lines. `bank.reading` has the sentence."""
    return FileRefused(reason, f"{line}\t{text}")


def reference(text: str) -> str:
    """Return a reference, or "" for a text such as NOTPROVIDED or 000000 that stands for none."""
    plain = re.sub(r"[\W_]+", "", text[: 2 * MAX_REFERENCE]).upper()
    return "" if not plain.strip("0") or plain in _NO_REFERENCE else text.strip()


def account_number(text: str, currency: str = "") -> str:
    """Return an account number without spaces. Some banks append the currency to an IBAN."""
    plain = re.sub(r"\s+", "", text[: 4 * MAX_ACCOUNT]).upper()
    if currency and plain.endswith(currency) and is_iban(plain.removesuffix(currency)):
        return plain.removesuffix(currency)
    return plain[:MAX_ACCOUNT]


def is_iban(text: str) -> bool:
    """Return True if the text is an IBAN with correct check digits."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", text, re.ASCII):
        return False
    moved = text[4:] + text[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
