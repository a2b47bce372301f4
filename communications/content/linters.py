"""Rules of regulators and carriers for messages, checked when a template is saved and before a message is sent.

The functions are pure: text in, problems out. Sources: TDRA's rules for SMS in the UAE (registered alphanumeric sender,
`AD-` for promotion only, one-way, no links or numbers to call), 3GPP TS 23.038 for the size of an SMS, WhatsApp's
business policy (opt-in, and approved templates outside of 24 hours after the debtor's last message).
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers
from django.utils.translation import gettext as _

from communications.models import Medium

MAX_SEGMENTS = 10
# The number of characters that are checked. A longer body has too many segments anyway.
_MAX_READ = 4_000
# Countries whose carriers refuse links and phone numbers in messages from an alphanumeric sender.
_ONE_WAY = frozenset({"AE"})

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")

_NAME = re.compile(r"[A-Za-z0-9 !.&'_-]{3,11}\Z")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}\Z")
_INTERNATIONAL = re.compile(r"(?:\+|\b00) ?\d[\d ().-]{5,}\d")
_AMOUNT = re.compile(r"(?<![\d.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d{2,3})(?![.,]?\d)")
_TLDS = (
    "business|company|finance|online|money|bank|cash|info|link|page|shop|site|store|app|biz|com|dev|net|org|pay|xyz"
    "|ae|ai|au|bh|ca|cc|cn|co|de|eg|eu|fr|gg|gl|hk|id|in|io|jo|jp|ke|kw|lb|ly|me|my|ng|om|ph|pk|qa|sa|sg|to|tr|tv|uk|us"
    "|za|امارات|السعودية|قطر|عمان"
)
_LINK = re.compile(
    r"[a-z][a-z0-9+.-]*://"
    r"|\bwww\."
    r"|\b(?:mailto|tel|sms):\S"
    rf"|[^\W_][\w-]*\.(?:{_TLDS})(?![\w-])"
    r"|[^\W_][\w-]*\.[a-z]{2,}/\S",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A violation: `code` for programs, `message` for the author of the template."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Size:
    """Size of an SMS: the encoding (gsm7 or ucs2), the length in its units, and the number of billed segments."""

    encoding: str
    units: int
    segments: int


def lint(
    channel: str,
    country: str,
    sender: str | None,
    body: str,
    *,
    ignored: Collection[str] = (),
    in_conversation: bool = False,
    has_template: bool = False,
    has_opted_in: bool = False,
) -> list[Problem]:
    """Return the problems of a message to `country` (ISO 3166, the debtor's). The list is empty if it may be sent.

    `sender` is None if it is not known yet. `ignored` are texts that only look like phone numbers, such as invoice
    numbers. `in_conversation` is True if the debtor wrote within 24 hours, `has_template` if WhatsApp approved the
    text, `has_opted_in` if the debtor agreed to WhatsApp messages.
    """
    if not body.strip():
        return [Problem("empty", _("The message is empty."))]
    if channel == Medium.SMS:
        return [*lint_sender(channel, country, sender), *_sms_body(country, body, ignored)]
    if channel == Medium.WHATSAPP:
        conversation = _whatsapp(in_conversation, has_template, has_opted_in)
        return [*lint_sender(channel, country, sender), *conversation]
    return []


def lint_sender(channel: str, country: str, sender: str | None) -> list[Problem]:
    """Return the problems of the sender of an SMS or WhatsApp message."""
    if channel == Medium.SMS:
        return _sms_sender(country, sender)
    if sender is not None and not _NUMBER.match(sender):
        return [Problem("sender_form", _("WhatsApp needs a phone number as the sender, such as +971501234567."))]
    return []


def size(body: str) -> Size:
    """Return the size of an SMS: 160 septets or 70 UTF-16 units in one segment, 153 or 67 in each of several.

    A character of the extension table takes two septets, a surrogate pair two units. Neither is split.
    """
    if all(character in _BASIC or character in _EXTENDED for character in body):
        widths = [2 if character in _EXTENDED else 1 for character in body]
        return Size("gsm7", sum(widths), _parts(widths, 160, 153))
    widths = [2 if ord(character) > 0xFFFF else 1 for character in body]
    return Size("ucs2", sum(widths), _parts(widths, 70, 67))


def _parts(widths: list[int], alone: int, among_others: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, filled = 1, 0
    for width in widths:
        if filled + width > among_others:
            parts, filled = parts + 1, 0
        filled += width
    return parts


def _sms_sender(country: str, sender: str | None) -> list[Problem]:
    if sender is None or (country not in _ONE_WAY and _NUMBER.match(sender)):
        return []
    if sender.upper().startswith("AD-"):
        message = _("The prefix AD- is for promotions: reminders need a sender registered without it.")
        return [Problem("promotional_sender", message)]
    if not _NAME.match(sender) or sender != sender.strip():
        return [Problem("sender_form", _("The sender must be a registered name of 3 to 11 Latin letters and digits."))]
    if not any(character.isalpha() for character in sender):
        return [Problem("sender_number", _("The sender must contain a letter: numbers are refused in this country."))]
    return []


def _sms_body(country: str, body: str, ignored: Collection[str]) -> list[Problem]:
    problems = []
    if country in _ONE_WAY:
        plain = _plain(body[:_MAX_READ])
        if link := _LINK.search(plain):
            message = _("Links are not allowed in SMS in this country: “%(link)s”.")
            problems.append(Problem("link", message % {"link": _around(plain, link)}))
        if number := _number_to_call(plain, country, ignored):
            message = _("Phone numbers are not allowed in SMS in this country: “%(number)s”.")
            problems.append(Problem("phone_number", message % {"number": number}))
    if size(body).segments > MAX_SEGMENTS:
        problems.append(Problem("too_long", _("An SMS can have at most %(count)s segments.") % {"count": MAX_SEGMENTS}))
    return problems


def _whatsapp(in_conversation: bool, has_template: bool, has_opted_in: bool) -> list[Problem]:
    if in_conversation:
        return []
    problems = []
    if not has_template:
        message = _("WhatsApp requires an approved template more than 24 hours after the debtor's last message.")
        problems.append(Problem("no_template", message))
    if not has_opted_in:
        problems.append(Problem("no_opt_in", _("The debtor has not agreed to WhatsApp messages.")))
    return problems


def _plain(body: str) -> str:
    """Return the text in compatibility form (NFKC) without invisible characters, such as bidi isolates in digits."""
    folded = unicodedata.normalize("NFKC", body)
    return "".join(character for character in folded if unicodedata.category(character) != "Cf")


def _around(text: str, found: "re.Match[str]") -> str:
    """Return the word that contains a link."""
    begin = max(text.rfind(space, 0, found.start()) for space in " \n\t") + 1
    return text[begin:].split(maxsplit=1)[0][:60]


def _number_to_call(plain: str, country: str, ignored: Collection[str]) -> str:
    for words in sorted(ignored, key=len, reverse=True):
        if words:
            plain = plain.replace(_plain(words), " · ")
    plain = _AMOUNT.sub(" · ", plain)
    if abroad := _INTERNATIONAL.search(plain):
        return abroad.group()
    for part in (plain, *re.split(r"[()\n]", plain)):  # brackets or digits on the next line may hide a number
        for match in phonenumbers.PhoneNumberMatcher(part, country, phonenumbers.Leniency.VALID):
            return str(match.raw_string)
    return ""
