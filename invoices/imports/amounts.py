"""Amounts and currencies in cells. Every error says what to send instead."""

import re
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from invoices import money
from invoices.imports import cells
from invoices.imports.errors import RowRefused
from invoices.imports.headings import folded, names, table

_TABLE = table("currencies.toml")
_SYMBOLS: dict[str, frozenset[str]] = {symbol: frozenset(codes.split()) for symbol, codes in _TABLE["symbols"].items()}
SYMBOLS = frozenset(symbol.strip(".") for symbol in _SYMBOLS)
_BY_LENGTH = sorted(_SYMBOLS, key=len, reverse=True)
_NAMES: dict[str, str] = {name: code for code, text in _TABLE["names"].items() for name in names(text) if name}
# Most amounts are written so, and only in one way.
_PLAIN = re.compile(r"[0-9]{1,15}(\.[0-9]{1,2})?")
_EMPTY = ("-", "–", "—", "nil")


def currency_code(text: str) -> str:
    """Return the code of a currency, such as AED for "aed", "AED - UAE Dirham", "UAE Dirham" and "Dhs".

    An unknown text is returned in upper case.
    """
    upper = text[: cells.MAX_LENGTH].strip().upper()
    if upper in money.EXPONENTS:
        return upper
    if match := re.match(r"([A-Z]{3})[\s:(\-–]", upper):
        return match[1] if match[1] in money.EXPONENTS else upper
    if upper in ("€", "₹", "US$"):
        return {"€": "EUR", "₹": "INR", "US$": "USD"}[upper]
    return _NAMES.get(folded(text), upper)


def is_currency_name(text: str) -> bool:
    """Return True if the text is a currency, such as "USD", "US Dollars" or "AED - UAE Dirham".

    Codes must be in upper case, so that the word "all" is not taken for the Albanian lek.
    """
    if len(text) > cells.MAX_LENGTH:
        return False
    code = re.match(r"[A-Z]{3}(?=[\s:(\-–]|$)", text)
    return bool(code and code[0] in money.EXPONENTS) or folded(text) in _NAMES


def known_currency(text: str, label: str) -> str:
    """Return the code of a currency. Raise `RowRefused` if it is unknown. `label` is the column's name."""
    code = currency_code(text)
    if code not in money.EXPONENTS:
        message = _("%(label)s: “%(text)s” is not a known currency. Use its ISO 4217 code, such as AED.")
        raise RowRefused(message % {"label": label, "text": text[:40]})
    return code


def amount(text: str, currency: str, label: str) -> Decimal | None:
    """Return the number in a cell, which may be negative, or None for a dash.

    `currency` is the row's currency, or "" if any is accepted. `label` is the column's name. Raise `RowRefused` if the
    text is not a number, is ambiguous, or is in another currency.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if len(text) > cells.MAX_LENGTH:
        raise _not_a_number(text, label)
    plain = cells.latin(text).replace("−", "-").replace("\u200f", "").replace("\u200e", "")
    if plain.casefold() in _EMPTY:
        return None
    plain, is_negative = _without_sign(plain)
    plain = _without_currency(plain, currency, text, label)
    if not is_negative:
        plain, is_negative = _without_sign(plain)
    plain = _without_indian_commas(plain)
    try:
        number = Decimal(cells.amount(plain, currency))
    except InvalidOperation as error:
        raise _not_a_number(text, label) from error
    if not re.fullmatch(r"[0-9.,٫٬\s\u00a0\u202f'’]+", plain):
        raise _not_a_number(text, label)
    return -number if is_negative else number


def refuse_negative(number: Decimal, text: str, label: str) -> None:
    """Raise `RowRefused` if the amount of an invoice is negative."""
    if number < 0:
        message = _(
            "%(label)s: %(text)s is below 0, which looks like a credit note. An import registers invoices only:"
            " leave the row out, or correct the amount to a number above 0."
        )
        raise RowRefused(message % {"label": label, "text": text[:40]})


def _without_sign(plain: str) -> tuple[str, bool]:
    """Return the text without its sign, and True if it is negative: "-5", "5-", "(5)", or "5 Cr" as in Tally."""
    if match := re.fullmatch(r"(.*\S)\s*(dr|cr)\.?", plain, re.IGNORECASE | re.DOTALL):
        return match[1].strip(), match[2].casefold() == "cr"
    if plain.startswith("(") and plain.endswith(")"):
        return plain[1:-1].strip(), True
    if plain.startswith("-"):
        return plain[1:].strip(), True
    if plain.endswith("-"):
        return plain[:-1].strip(), True
    return plain.removeprefix("+").strip(), False


def _without_currency(plain: str, currency: str, text: str, label: str) -> str:
    """Return the text without its currency code or symbol. Raise `RowRefused` if that is of another currency."""
    for code in (plain[:3].upper(), plain[-3:].upper()):
        if code in money.EXPONENTS:
            _refuse_another(frozenset([code]), currency, text, label)
            return plain[3:].strip() if plain[:3].upper() == code else plain[:-3].strip()
    for symbol in _BY_LENGTH:
        if plain.startswith(symbol) or plain.endswith(symbol):
            _refuse_another(_SYMBOLS[symbol], currency, text, label)
            rest = plain[len(symbol) :] if plain.startswith(symbol) else plain[: -len(symbol)]
            return rest.strip(" .\u00a0\u202f") if symbol[-1].isalpha() else rest.strip()
    return plain


def _refuse_another(codes: frozenset[str], currency: str, text: str, label: str) -> None:
    if currency and currency not in codes:
        message = _("%(label)s: %(text)s is not in the row's currency, %(currency)s. Send both in one currency.")
        raise RowRefused(message % {"label": label, "text": text[:40], "currency": currency})


def _without_indian_commas(plain: str) -> str:
    """Return Indian numbers without commas, which are unambiguous: "1,28,500.00" becomes "128500.00"."""
    if re.fullmatch(r"\d{1,2}(,\d{2})+,\d{3}(\.\d{1,3})?", plain, re.ASCII):
        return plain.replace(",", "")
    return plain


def _not_a_number(text: str, label: str) -> RowRefused:
    message = _("%(label)s: “%(text)s” is not a number. Send digits, such as 1250.50.")
    return RowRefused(message % {"label": label, "text": text[:40]})
