"""What the law and the carriers let a message be, checked before it is kept as a template and before it is sent.

Pure: text in, problems out. Sources: TDRA's rules for SMS in the UAE (registered alphanumeric sender, `AD-` for
promotion only, one-way, no links or numbers to call), 3GPP TS 23.038 for the size of an SMS, WhatsApp's
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
# Of a longer body, which has too many segments whatever it says, the rest is not looked through.
_MAX_READ = 4_000
# Carriers there refuse links and numbers to call in what comes from an alphanumeric sender.
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
    """`code` for programs, `message` for whoever writes the template."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Size:
    """How an SMS is sent: `encoding` gsm7 or ucs2, its length in that encoding's units, and the parts that are paid."""

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
    """What is wrong with `body` on its way to `country` (ISO 3166, the debtor's); nothing if it may go.

    `sender` is who it comes from, None where that is not known yet. `spared` are the account's own words, such as an
    invoice's number, that may look like a phone number and are none. `in_conversation`: the debtor wrote to us within
    24 hours; `has_template`: the body is one that WhatsApp approved; `has_opted_in`: the debtor agreed to WhatsApp.
    """
    if not body.strip():
        return [Problem("empty", _("There is nothing in the message."))]
    if channel == Medium.SMS:
        return [*lint_sender(channel, country, sender), *_sms_body(country, body, ignored)]
    if channel == Medium.WHATSAPP:
        conversation = _whatsapp(in_conversation, has_template, has_opted_in)
        return [*lint_sender(channel, country, sender), *conversation]
    return []


def lint_sender(channel: str, country: str, sender: str | None) -> list[Problem]:
    """What is wrong with who an SMS or a WhatsApp message comes from."""
    if channel == Medium.SMS:
        return _sms_sender(country, sender)
    if sender is not None and not _NUMBER.match(sender):
        return [Problem("sender_form", _("WhatsApp is sent from a number: +971501234567."))]
    return []


def size(body: str) -> Size:
    """How many SMS a body is: 160 septets or 70 UTF-16 units in one, 153 or 67 in each of several.

    A character of the extension table is two septets and a surrogate pair two units: neither is cut in two.
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
        return [
            Problem("promotional_sender", _("AD- is for promotion: reminders need a sender registered without it."))
        ]
    if not _NAME.match(sender) or sender != sender.strip():
        return [Problem("sender_form", _("The sender has 3 to 11 Latin letters and digits, as it was registered."))]
    if not any(character.isalpha() for character in sender):
        return [Problem("sender_number", _("The sender must be a name with a letter in it: a number is refused here."))]
    return []


def _sms_body(country: str, body: str, ignored: Collection[str]) -> list[Problem]:
    problems = []
    if country in _ONE_WAY:
        plain = _plain(body[:_MAX_READ])
        if link := _LINK.search(plain):
            problems.append(
                Problem("link", _("No link may stand in an SMS here: “%(link)s”.") % {"link": _around(plain, link)})
            )
        if number := _number_to_call(plain, country, ignored):
            problems.append(
                Problem(
                    "phone_number", _("No phone number may stand in an SMS here: “%(number)s”.") % {"number": number}
                )
            )
    if size(body).segments > MAX_SEGMENTS:
        problems.append(
            Problem(
                "too_long",
                _("An SMS of more than %(count)s segments is refused.") % {"count": MAX_SEGMENTS},
            )
        )
    return problems


def _whatsapp(in_conversation: bool, has_template: bool, has_opted_in: bool) -> list[Problem]:
    problems: list[Problem] = []
    if in_conversation:
        return problems
    if not has_template:
        problems.append(
            Problem("no_template", _("More than 24 hours after the debtor wrote, only an approved one may."))
        )
    if not has_opted_in:
        problems.append(Problem("no_opt_in", _("The debtor has not agreed to be written to on WhatsApp.")))
    return problems


def _plain(body: str) -> str:
    """As a phone reads it: compatible forms made one, what can't be seen left out (bidi isolates among digits)."""
    folded = unicodedata.normalize("NFKC", body)
    return "".join(character for character in folded if unicodedata.category(character) != "Cf")


def _around(text: str, found: "re.Match[str]") -> str:
    """The word in which a link was found."""
    begin = max(text.rfind(space, 0, found.start()) for space in " \n\t") + 1
    return text[begin:].split(maxsplit=1)[0][:60]


def _number_to_call(plain: str, country: str, ignored: Collection[str]) -> str:
    for words in sorted(ignored, key=len, reverse=True):
        if words:
            plain = plain.replace(_plain(words), " · ")
    plain = _AMOUNT.sub(" · ", plain)
    if abroad := _INTERNATIONAL.search(plain):
        return abroad.group()
    for part in (plain, *re.split(r"[()\n]", plain)):  # a bracket, or the next line's digits, may hide one
        for match in phonenumbers.PhoneNumberMatcher(part, country, phonenumbers.Leniency.VALID):
            return str(match.raw_string)
    return ""
