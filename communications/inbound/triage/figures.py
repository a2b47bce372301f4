"""Reference and amount of a payment that a reply reports."""

# Patterns and lists of words are easier to keep without breaks.
# ruff: noqa: E501

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹٫٬", "01234567890123456789.,")
_CURRENCY = (
    r"AED|SAR|QAR|KWD|BHD|OMR|EGP|JOD|MAD|TND|DZD|IQD|LBP|USD|EUR|GBP|INR|PKR|dhs?\.?|dirhams?|riyals?|rials?|dinars?"
    r"|dollars?|euros?|pounds?|rs\.?|درهم|دراهم|ريال|ريالات|دينار|دنانير|جنيه|دولار|يورو|د\.إ\.?|ر\.س\.?|\$|€|£"
)
_NUMBER = r"\d{1,3}(?:[,\u00a0 ]\d{3}){1,3}(?:\.\d{1,3})?|\d{1,9}(?:\.\d{1,3})?"
_WITH_CURRENCY = re.compile(
    rf"(?:(?<![^\W\d_])(?:{_CURRENCY}) ?({_NUMBER})(?![\d,./-]*\d)|(?<![\w.,/-])({_NUMBER})(k)? ?(?:{_CURRENCY})(?![^\W\d_]))",
    re.IGNORECASE,
)
_AFTER_VERB = re.compile(
    rf"(?:\bpaid|\btransferred|\bdeposited|\bsent|\bremitted|دفعت|دفعنا|حولت|حولنا|سددت|سددنا|مبلغ)(?: you| an amount of| لكم| لك| مبلغ)?"
    rf" ({_NUMBER})(k)?(?![\w/-]|[.,]\d|(?:st|nd|rd|th)\b| (?:days?|weeks?|invoices?|times|months?|%|ايام|فواتير|مرات))",
    re.IGNORECASE,
)
_TOKEN = r"([A-Za-z0-9][A-Za-z0-9/_-]{0,39})"  # noqa: S105
_REFERENCE = re.compile(
    r"(?:\b(?:ref(?:erence)?|transaction|txn|trx|utr|rrn|swift|confirmation|transfer|payment|cheque|check|chq|receipt|slip|voucher|tt)"
    r"|(?:ال)?(?:مرجع|مرجعي|رقم المرجع|رقم الحوالة|رقم التحويل|رقم العملية|رقم الشيك|رقم الإيصال|رقم الايصال|حوالة|شيك|العملية|الحوالة))"
    r"(?:[ .:#-]{1,3}(?:ref(?:erence)?|no|nr|number|id|code|is|was|رقم|هو|هي))*[ .:#-]{1,3}" + _TOKEN,
    re.IGNORECASE,
)
_BANK_TOKEN = re.compile(
    r"(?<![\w-])((?:FT|TT|UTR|TRX|TXN|CHQ|TRF|RTGS|NEFT|IMPS|SWF|IPP|EFT|BT)[-/ ]?\d[A-Z0-9/-]{0,30})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Figures:
    reference: str = ""
    amount: Decimal | None = None


def of_payment(text: str) -> Figures:
    """Return the reference and the amount in a text. The amount is None if there are several."""
    text = text.translate(_DIGITS)
    return Figures(_reference(text), _amount(text))


def _reference(text: str) -> str:
    for match in _REFERENCE.finditer(text):
        token = match[1].strip("-/_")
        if any(character.isdecimal() for character in token) and not _is_a_day(token):
            return token
    found = _BANK_TOKEN.search(text)
    return found[1].strip("-/ ") if found else ""


def _is_a_day(token: str) -> bool:
    return bool(
        re.fullmatch(
            r"\d{1,2}[/-]\d{1,2}(?:[/-]\d{2,4})?|\d{4}-\d{2}-\d{2}|\d{1,2}(?:st|nd|rd|th)", token, re.IGNORECASE
        )
    )


def _amount(text: str) -> Decimal | None:
    found = {_value(match[1] or match[2], match[3]) for match in _WITH_CURRENCY.finditer(text)}
    found = found or {_value(match[1], match[2]) for match in _AFTER_VERB.finditer(text)}
    known = {value for value in found if value}
    return known.pop() if len(known) == 1 else None


def _value(number: str, thousands: str | None) -> Decimal | None:
    try:
        value = Decimal(re.sub(r"[,\u00a0 ]", "", number)) * (1000 if thousands else 1)
    except InvalidOperation:
        return None
    return value if 0 < value < 1_000_000_000_000 else None
