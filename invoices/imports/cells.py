"""Cells with amounts, dates and phones, converted to what the API's serializers accept.

What can be read in two ways is refused, never guessed. Text that can't be read at all is left to the serializers.
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
# Excel's, which its formulas leave where they fail.
_ERRORS = frozenset(["#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"])
_MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


# Characters of a cell with an amount, a date or a phone number. A longer one is none, and is left as it is.
LONGEST = 100


def refuse_errors(text: str) -> None:
    if text in _ERRORS:
        raise RowRefused(_("The cell holds an error of Excel: %(text)s.") % {"text": text})


def latin(text: str) -> str:
    """Arabic-Indic and Persian digits as 0 to 9."""
    return text.translate(_DIGITS)


def amount(text: str, currency: str) -> str:
    """`1,250.50`, `1 250.50`, `1.250,50`, `١٬٢٥٠٫٥٠`, `AED 1,250.50` as `1250.50`.

    With both marks the last one is the decimal one. One alone before three digits could be either: a comma separates
    thousands, unless the currency has three decimals; a point is refused where the currency has fewer.
    """
    if len(text) > LONGEST:
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
            raise _two_ways(text)
        return plain.replace(",", "")
    if re.fullmatch(r"-?[1-9]\d{0,2}\.\d{3}", plain, re.ASCII) and not is_three:
        raise _two_ways(text)
    return plain.replace(",", ".") if re.fullmatch(r"-?\d+,\d+", plain, re.ASCII) else plain


def without_time(text: str) -> str:
    """A date without the time of day that stands behind it."""
    return re.sub(r"[T ]{1,3}\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?[AaPp][Mm])?Z?$", "", text)


def date(text: str, order: str, conflict: str = "") -> str:
    """ISO, `31/12/2026`, `31.12.2026`, `31-Dec-2026`, `31-Dec-26`, with a time of day or without, as `2026-12-31`.

    `conflict` tells why the file as a whole does not say which comes first, day or month.
    """
    if len(text) > LONGEST:
        return text
    plain = without_time(latin(text))
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", plain, re.ASCII):
        return _day(*map(int, match.groups()), text=text)
    if match := re.fullmatch(r"(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ ,-]+(\d{4}|\d{2})", plain, re.ASCII):
        month = match[2].casefold()
        year = int(match[3]) if len(match[3]) == 4 else 2000 + int(match[3])  # Tally writes 1-Apr-26
        return _day(year, _MONTHS.index(month) if month in _MONTHS else 0, int(match[1]), text=text)
    if match := re.fullmatch(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", plain, re.ASCII):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if order == DateOrder.MONTH_FIRST:
            return _day(year, first, second, text=text)
        if order == DateOrder.DAY_FIRST or first > 12 or first == second:
            return _day(year, second, first, text=text)
        if second > 12:
            return _day(year, first, second, text=text)
        if conflict:
            raise RowRefused(_("%(text)s can be read in two ways. %(conflict)s") % {"text": text, "conflict": conflict})
        raise RowRefused(
            _("%(text)s can be read in two ways: say which comes first, day or month, and upload it again.")
            % {"text": text}
        )
    return plain


def phone(text: str, country: str) -> str:
    """As the serializer takes it; a sheet that took a number with its country code for a number lost the plus."""
    if len(text) > LONGEST:
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
    if len(text) > LONGEST:
        return text
    return {"english": "en", "arabic": "ar", "العربية": "ar", "عربي": "ar", "الإنجليزية": "en"}.get(
        text.casefold(), text.casefold()
    )


def _day(year: int, month: int, day: int, *, text: str) -> str:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError as error:
        raise RowRefused(_("%(text)s is no date.") % {"text": text}) from error


def _two_ways(text: str) -> RowRefused:
    return RowRefused(_("%(text)s can be read in two ways: write it without separators.") % {"text": text})
