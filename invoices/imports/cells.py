"""Conversion of amounts, dates, phones and languages in cells to the formats that the API's serializers accept.

Ambiguous text raises `RowRefused`. Text in an unknown format is returned unchanged for the serializers to reject.
"""

import datetime as dt
import re

import phonenumbers
from django.utils.translation import gettext as _

from invoices import money
from invoices.imports.errors import RowRefused
from invoices.models.imports import DateOrder

_DIGITS = {ord(digit): str(value) for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹") for value, digit in enumerate(digits)}
_AMOUNT_MARKS = {ord("٫"): ".", ord("٬"): ","}
_EXCEL_ERRORS = frozenset(["#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"])
_MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Longer cells hold no amount, date, phone or language, and are returned unchanged.
MAX_LENGTH = 100


def refuse_errors(text: str) -> None:
    """Raise `RowRefused` if the cell holds an error of Excel."""
    if text in _EXCEL_ERRORS:
        raise RowRefused(_("The cell holds an error of Excel: %(text)s.") % {"text": text})


def latin(text: str) -> str:
    """Return the text with Arabic-Indic and Persian digits as 0 to 9."""
    return text.translate(_DIGITS)


def amount(text: str, currency: str) -> str:
    """Return "1,250.50", "1 250.50", "1.250,50", "١٬٢٥٠٫٥٠" or "AED 1,250.50" as "1250.50".

    The last of a comma and a point is the decimal mark. A single comma before three digits separates thousands. It is
    ambiguous if the currency has three decimals; a single point before three digits is ambiguous if it has fewer.
    """
    if len(text) > MAX_LENGTH:
        return text
    plain = re.sub(r"[\s\u00a0\u202f'’]", "", latin(text).translate(_AMOUNT_MARKS))
    if currency:
        plain = re.sub(rf"^{currency}|{currency}$", "", plain, flags=re.IGNORECASE)
    is_three = money.EXPONENTS.get(currency, 2) == 3
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+\.\d*|-?\d{1,3}(,\d{3}){2,}", plain, re.ASCII):
        return plain.replace(",", "")
    if re.fullmatch(r"-?\d{1,3}(\.\d{3})+,\d*|-?\d{1,3}(\.\d{3}){2,}", plain, re.ASCII):
        return plain.replace(".", "").replace(",", ".")
    if re.fullmatch(r"-?[1-9]\d{0,2},\d{3}", plain, re.ASCII):
        if is_three:
            raise _ambiguous(text)
        return plain.replace(",", "")
    if re.fullmatch(r"-?[1-9]\d{0,2}\.\d{3}", plain, re.ASCII) and not is_three:
        raise _ambiguous(text)
    return plain.replace(",", ".") if re.fullmatch(r"-?\d+,\d+", plain, re.ASCII) else plain


def without_time(text: str) -> str:
    """Return a date without the time of day after it."""
    return re.sub(r"[T ]{1,3}\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?[AaPp][Mm])?Z?$", "", text)


def date(text: str, order: str, conflict: str = "") -> str:
    """Return "31/12/2026", "31.12.2026", "31-Dec-2026" or "31-Dec-26", with or without time, as "2026-12-31".

    `order` is a `DateOrder`. `conflict` explains why the file's order of day and month is unknown.
    """
    if len(text) > MAX_LENGTH:
        return text
    if _ISO_DATE.fullmatch(text):
        return _day(*map(int, text.split("-")), text=text)
    plain = without_time(latin(text))
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", plain, re.ASCII):
        return _day(*map(int, match.groups()), text=text)
    if match := re.fullmatch(r"(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ ,-]+(\d{4}|\d{2})", plain, re.ASCII):
        month = match[2].casefold()
        year = int(match[3]) if len(match[3]) == 4 else 2000 + int(match[3])  # Tally writes 1-Apr-26
        return _day(year, _MONTHS.index(month) if month in _MONTHS else 0, int(match[1]), text=text)
    if match := re.fullmatch(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", plain, re.ASCII):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if order == DateOrder.DAY_FIRST or (order != DateOrder.MONTH_FIRST and (first > 12 or first == second)):
            return _day(year, second, first, text=text)
        if order == DateOrder.MONTH_FIRST or second > 12:
            return _day(year, first, second, text=text)
        if conflict:
            raise RowRefused(_("%(text)s is ambiguous. %(conflict)s") % {"text": text, "conflict": conflict})
        message = _(
            "%(text)s is ambiguous: choose whether the day or the month comes first, and upload the file again."
        )
        raise RowRefused(message % {"text": text})
    return plain


def moment(text: str, zone: dt.tzinfo, order: str, conflict: str = "") -> str:
    """Return a date with or without a time of day as RFC 3339. Without an offset, it is in the time zone."""
    if len(text) > MAX_LENGTH or re.search(r"\d[Tt ]\d{1,2}:\d{2}.*([Zz]|[+-]\d{2}:\d{2})$", text, re.ASCII):
        return text.replace(" ", "T", 1) if len(text) <= MAX_LENGTH else text
    plain = latin(text)
    day = date(text, order, conflict)
    clock = re.search(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d{1,9})?(?: ?([AaPp])[Mm])?$", plain, re.ASCII)
    hour, minute, second = (int(part or 0) for part in clock.groups()[:3]) if clock else (0, 0, 0)
    if clock and clock[4]:
        hour = hour % 12 + (12 if clock[4] in "Pp" else 0)
    try:
        return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour, minute, second), zone).isoformat()
    except ValueError:
        return text


def tags(text: str) -> list[str]:
    """Return the tags of a cell, which are separated by commas, semicolons or line breaks."""
    return [tag for tag in map(str.strip, re.split(r"[,;،؛|\n]", text)) if tag]


def phone(text: str, country: str) -> str:
    """Return a phone number with the plus sign that spreadsheets remove from a number with country code."""
    if len(text) > MAX_LENGTH:
        return text
    plain = latin(text)
    digits = re.sub(r"[\s().-]", "", plain)
    is_without_plus = re.fullmatch(r"[1-9]\d{10,14}", digits, re.ASCII)
    return f"+{digits}" if is_without_plus and not _exists(plain, country) and _exists(f"+{digits}", country) else plain


def _exists(number: str, country: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, country))
    except phonenumbers.NumberParseException:
        return False


def language(text: str) -> str:
    if len(text) > MAX_LENGTH:
        return text
    return {"english": "en", "arabic": "ar", "العربية": "ar", "عربي": "ar", "الإنجليزية": "en"}.get(
        text.casefold(), text.casefold()
    )


def _day(year: int, month: int, day: int, *, text: str) -> str:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError as error:
        raise RowRefused(_("%(text)s is not a date.") % {"text": text}) from error


def _ambiguous(text: str) -> RowRefused:
    return RowRefused(_("%(text)s is ambiguous: write it without separators for thousands.") % {"text": text})
