"""Amounts, dates and counts in English and Arabic. The functions use no clock, database or active locale.

Both languages use Latin digits. In right-to-left texts, values with their own direction are wrapped in bidi isolates
(Unicode UAX #9), so that neither they nor their neighbours are reordered.
"""

# ruff: noqa: SIM905  (lists of words are easier to read without quotes)

import datetime as dt
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import re2
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from inflow.accounts.models import Language
from invoices import money

# Left-to-right isolate, first strong isolate, pop directional isolate.
LRI, FSI, PDI = "\u2066", "\u2068", "\u2069"
# Characters that are removed from values: controls, directional marks and embeddings, private-use characters.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff]"
)
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# An IBAN, a phone number, or an email or web address in a text.
_LEFT_TO_RIGHT = re2.compile(
    r"https?://\S+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,9}\b"
    r"|\+\d[\d ()-]{5,}\d"
)
_AMOUNT = re.compile(r"\b([A-Z]{3}) (?=\d)")
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر".split(),
}
# Forms after a preposition: one, two, few, many, other (and zero).
_DAYS_AR = ("يوم واحد", "يومين", "أيام", "يومًا", "يوم")
_INVOICES_AR = ("فاتورة واحدة", "فاتورتين", "فواتير", "فاتورة", "فاتورة")
_LABELS = tomllib.loads(Path(__file__).with_name("labels.toml").read_text(encoding="utf-8"))
LABELS = {
    language: {name: pair[place] for name, pair in _LABELS.items()} for place, language in enumerate(("en", "ar"))
}


def clean(value: str) -> str:
    """Return a value on one line, without characters that would affect the text around it."""
    return " ".join(_UNWANTED.sub("", value).split())


def clean_lines(text: str) -> str:
    return "\n".join(clean(line) for line in text.splitlines()).strip()


def plain(text: str) -> str:
    """Return a user's text without unwanted characters. Line breaks and spaces are kept."""
    return "\n".join(_UNWANTED.sub("", line.replace("\t", " ")).rstrip() for line in text.splitlines()).strip()


def is_rtl(language: str) -> bool:
    return language == Language.ARABIC


def left_to_right(value: str, language: str) -> str:
    """Isolate a number, amount or address, which always reads from left to right."""
    return f"{LRI}{value}{PDI}" if value and is_rtl(language) else value


def isolated_name(value: str, language: str) -> str:
    """Isolate a name: always in Arabic, and in English if it contains right-to-left letters."""
    turns = is_rtl(language) or _RIGHT_TO_LEFT.search(value)
    return f"{FSI}{value}{PDI}" if value and turns else value


def isolated_text(text: str, language: str) -> str:
    """Isolate each IBAN, phone number and address in a user's text."""
    if not is_rtl(language):
        return text
    found: str = _LEFT_TO_RIGHT.sub(_isolate, text)
    return found


def _isolate(found: Any) -> str:
    return str(found[0]) if found[0].startswith("http") else f"{LRI}{found[0]}{PDI}"


def without_isolates(text: str) -> str:
    return re.sub(f"[{LRI}{FSI}{PDI}]", "", text)


def as_html(text: str) -> SafeString:
    """Return a text as escaped HTML with <br> for line breaks and <bdi> for isolates.

    Unpaired isolates are removed. A non-breaking space joins amounts to their currency.
    """
    escaped = _AMOUNT.sub(r"\1&nbsp;", str(escape(text)))
    for opening, tag in ((LRI, '<bdi dir="ltr">'), (FSI, "<bdi>")):
        escaped = re.sub(f"{opening}([^{LRI}{FSI}{PDI}]*){PDI}", rf"{tag}\1</bdi>", escaped)
    return mark_safe(without_isolates(escaped).replace("\n", "<br>"))  # noqa: S308  (escaped above)


def amount(value: Decimal, currency: str, language: str) -> str:
    return left_to_right(money.display(value, currency), language)


def amounts(sums: dict[str, Decimal], language: str) -> str:
    """Return one amount for each currency. Currencies are never added up."""
    shown = " + ".join(money.display(total, currency) for currency, total in sorted(sums.items()))
    return left_to_right(shown, language)


def date(day: dt.date, language: str) -> str:
    """Return a date such as `5 June 2026`. Arabic uses the names of the months common in the Gulf."""
    shown = f"{day.day} {_MONTHS[language][day.month - 1]} {day.year}"
    return isolated_name(shown, language) if is_rtl(language) else shown


def days(count: int, language: str) -> str:
    if is_rtl(language):
        return _pluralize(count, *_DAYS_AR)
    return f"{count:,} day{'' if count == 1 else 's'}"


def invoices(count: int, language: str) -> str:
    if is_rtl(language):
        return _pluralize(count, *_INVOICES_AR)
    return f"{count:,} invoice{'' if count == 1 else 's'}"


def plural_form(count: int) -> str:
    """Return the CLDR plural category in Arabic: 103 is like 3, 111 like 11, and 100 to 102 are `other`."""
    if count < 3:
        return ("zero", "one", "two")[count]
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if 11 <= count % 100 <= 99 else "other"


def _pluralize(count: int, one: str, two: str, few: str, many: str, other: str) -> str:
    """Return a count with its noun. One and two are expressed by the noun alone."""
    form = plural_form(count)
    if form in ("one", "two"):
        return one if form == "one" else two
    return f"{count:,} {({'few': few, 'many': many}).get(form, other)}"
