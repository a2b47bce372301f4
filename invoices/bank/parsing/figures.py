"""Numbers and dates of a table, in the one style that all its rows share."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Self

from invoices import money
from invoices.bank.parsing.records import refused

_DIGITS = {ord(digit): str(value) for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹") for value, digit in enumerate(digits)}
_SIGNS = {**_DIGITS, ord("٫"): ".", ord("٬"): ",", ord("−"): "-", ord("–"): "-", ord("،"): ","}
_MONTH_NAMES = (
    "jan january januar يناير",
    "feb february februar فبراير",
    "mar march mär märz mrz مارس",
    "apr april أبريل ابريل",
    "may mai مايو",
    "jun june juni يونيو",
    "jul july juli يوليو",
    "aug august أغسطس اغسطس",
    "sep sept september سبتمبر",
    "oct october okt oktober أكتوبر اكتوبر",
    "nov november نوفمبر",
    "dec december dez dezember ديسمبر",
)
_MONTHS = {name: number for number, group in enumerate(_MONTH_NAMES, 1) for name in group.split()}
_MAX_LENGTH = 60
# Words beside a number.
_WORDS = {*money.EXPONENTS, "CR", "DR", "C", "D", "DHS", "DH", "RS", "SR", "KR", "US", "FR", "S", "H"}
_DAY_FIRST, _MONTH_FIRST = "dmy", "mdy"


def has_digit(text: str) -> bool:
    return any(sign.isdecimal() for sign in text)


def is_date(text: str) -> bool:
    return _date_parts(text) is not None


@dataclass(frozen=True, slots=True)
class Style:
    """The decimal mark and the order of day and month. An order of "" means that no date of the file shows it."""

    decimal_mark: str
    date_order: str

    @classmethod
    def of(
        cls, numbers: Iterable[str], dates: Iterable[str], date_order: str = "", *, has_three_decimals: bool = False
    ) -> Self:
        return cls(_decimal_mark(numbers, has_three_decimals), _date_order(dates) or date_order)

    def number(self, text: str, line: int) -> Decimal:
        """Return the number of a cell: negative with a minus sign, in brackets, or with "Dr"."""
        plain, is_negative = _stripped(text)
        if any(word.upper() not in _WORDS for word in re.findall("[A-Za-z]+", text[:_MAX_LENGTH])):
            raise refused("amount", line, text[:40])
        if not self.decimal_mark and re.search(r"[.,]", plain):
            raise refused("decimal_mark", line, text[:40])
        thousands = {".": ",", ",": "."}.get(self.decimal_mark, ",")
        plain = plain.replace(thousands, "").replace(self.decimal_mark or ".", ".")
        try:
            number = Decimal(plain) if re.fullmatch(r"\d{0,18}\.?\d{0,3}0{0,6}", plain, re.ASCII) else None
        except InvalidOperation:
            number = None
        if number is None:
            raise refused("amount", line, text[:40])
        return -number if is_negative else number

    def date(self, text: str, line: int) -> str:
        """Return a date such as 2026-11-30, 30.11.26, 30/11/2026 or 30-Nov-2026 in ISO format."""
        parts = _date_parts(text)
        if parts is None:
            raise refused("date", line, text[:40])
        year, first, second, is_fixed = parts
        if not is_fixed and first <= 12 and second <= 12 and first != second and not self.date_order:
            raise refused("date_order", line, text[:40])
        is_month_first = self.date_order == _MONTH_FIRST or (not self.date_order and second > 12)
        month_first = is_month_first and not is_fixed
        day, month = (second, first) if month_first else (first, second)
        try:
            return dt.date(year, month, day).isoformat()
        except ValueError as error:
            raise refused("date", line, text[:40]) from error


def _stripped(text: str) -> tuple[str, bool]:
    """Return the digits and marks of a number, and True if it is negative."""
    plain = text[:_MAX_LENGTH].translate(_SIGNS)
    plain = re.sub(r"[\s\u00a0\u202f\u200e\u200f\u2066-\u2069'’]+", "", plain)
    is_negative = plain.startswith(("-", "(")) or plain.rstrip(".").casefold().endswith(("-", "dr"))
    return re.sub(r"(?<!\d)[.,]|[^\d.,]+|[.,]$", "", plain), is_negative


def _decimal_mark(numbers: Iterable[str], has_three_decimals: bool) -> str:
    """Return the decimal mark that fits all numbers, or "" if they could be read in two ways.

    The last mark of a number with both is the decimal one. A mark before one or two digits is decimal; a mark that
    occurs twice separates thousands.
    """
    seen: set[str] = set()
    open_marks: set[str] = set()
    for text in numbers:
        plain = _stripped(text)[0]
        marks = [sign for sign in plain if sign in ".,"]
        if not marks:
            continue
        last = marks[-1]
        if len(set(marks)) == 2:
            seen.add(last)
        elif len(marks) > 1:
            seen.add("." if last == "," else ",")
        elif len(plain) - plain.rindex(last) - 1 != 3 or plain.startswith("0"):
            seen.add(last)
        else:
            open_marks.add(last)
    if len(seen) == 1:
        return seen.pop()
    if not seen and len(open_marks) == 1 and has_three_decimals:
        return open_marks.pop()
    return "" if seen or open_marks else "."


def _date_order(dates: Iterable[str]) -> str:
    """Return the order that some date of the file shows, or ""."""
    orders = set()
    for text in dates:
        parts = _date_parts(text) if text else None
        if parts is None or parts[3]:
            continue
        _year, first, second, _is_fixed = parts
        if "." in text and "/" not in text:
            orders.add(_DAY_FIRST)  # dates with points begin with the day everywhere
        elif first > 12:
            orders.add(_DAY_FIRST)
        elif second > 12:
            orders.add(_MONTH_FIRST)
    return orders.pop() if len(orders) == 1 else ""


def _date_parts(text: str) -> tuple[int, int, int, bool] | None:
    """Return the year and the other two numbers in their order. True means that they are day and month."""
    plain = text[:_MAX_LENGTH].translate(_DIGITS).strip(" \t\u200e\u200f\u202a-\u202e")
    plain = re.split(r"[T ]\d{1,2}:", plain)[0].strip()
    if match := re.fullmatch(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})", plain, re.ASCII):
        return int(match[1]), int(match[3]), int(match[2]), True
    if match := re.fullmatch(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})", plain, re.ASCII):
        return _year(match[3]), int(match[1]), int(match[2]), False
    if match := re.fullmatch(r"(\d{1,2})[-/. ]{1,2}([^\W\d]{3,12})[-/., ]{1,2}(\d{4}|\d{2})", plain):
        month = _MONTHS.get(match[2].casefold())
        return (_year(match[3]), int(match[1]), month, True) if month else None
    if match := re.fullmatch(r"([^\W\d]{3,12})[-/. ]{1,2}(\d{1,2})[-/., ]{1,2}(\d{4}|\d{2})", plain):
        month = _MONTHS.get(match[1].casefold())
        return (_year(match[3]), int(match[2]), month, True) if month else None
    return None


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)
