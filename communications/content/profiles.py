"""Sender profiles: name, logo, reply address and payment instructions of an account."""

import base64
import re
import struct
from dataclasses import dataclass
from email.mime.image import MIMEImage
from email.utils import formataddr, parseaddr

from django.conf import settings
from django.utils.translation import gettext as _

from communications.content import phrases
from communications.models import SenderProfile
from inflow.accounts.models import Account

LOGO_BYTES, LOGO_PIXELS = 200 * 1024, 2_000
# The Content-ID of the logo in a mail.
LOGO_CID = "logo@inflow"
_SHOWN_WIDTH, _SHOWN_HEIGHT = 220, 56
# IBAN lengths of common countries. IBANs of other countries are not checked.
_IBAN_LENGTHS = {"AE": 23, "BH": 22, "EG": 29, "GB": 22, "JO": 30, "KW": 30, "LB": 28, "OM": 23, "QA": 29, "SA": 24}
_IBAN = re.compile(rf"\b(?:{'|'.join(_IBAN_LENGTHS)})\d\d(?: ?[A-Z0-9]){{11,}}")


class InvalidLogo(Exception):
    """The file cannot be used as a logo. The message gives the reason."""


@dataclass(frozen=True, slots=True)
class Logo:
    """Size of the logo in a mail, in CSS pixels, and its type: png or jpeg."""

    width: int
    height: int
    kind: str


def of(account: Account) -> SenderProfile:
    """Return the account's profile, or an empty one. It is cached on the `Account` instance."""
    try:
        profile: SenderProfile = account.sender_profile
    except SenderProfile.DoesNotExist:
        profile = SenderProfile(account=account)
        account.sender_profile = profile
    return profile


def name(profile: SenderProfile) -> str:
    return phrases.clean(profile.display_name or profile.account.name)


def from_header(profile: SenderProfile) -> str:
    """Return the From header: the account's name with the installation's address."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return formataddr((name(profile), address))


def payment_instructions(profile: SenderProfile, language: str) -> str:
    """Return the payment instructions in this language, else in the other one."""
    first, second = profile.payment_en, profile.payment_ar
    if phrases.is_rtl(language):
        first, second = second, first
    return phrases.clean_lines(first or second)


def invalid_ibans(text: str) -> list[str]:
    """Return the IBANs in a text whose length or check digits are wrong (ISO 13616)."""
    invalid = []
    for found in _IBAN.finditer(text):
        iban = found[0].replace(" ", "")[: _IBAN_LENGTHS[found[0][:2]]]
        number = "".join(str(int(character, 36)) for character in iban[4:] + iban[:4])
        if len(iban) < _IBAN_LENGTHS[iban[:2]] or int(number) % 97 != 1:
            invalid.append(iban)
    return invalid


def logo(data: bytes) -> Logo:
    """Return size and type of a picture, read from its content. Raise `InvalidLogo`."""
    if len(data) > LOGO_BYTES:
        raise InvalidLogo(_("The picture is larger than %(size)s KiB.") % {"size": LOGO_BYTES // 1024})
    kind, (width, height) = _measure(data)
    if not (0 < width <= LOGO_PIXELS and 0 < height <= LOGO_PIXELS):
        raise InvalidLogo(
            _("Width and height of the picture must be 1 to %(most)s pixels.") % {"most": f"{LOGO_PIXELS:,}"}
        )
    scale = min(1, _SHOWN_WIDTH / width, _SHOWN_HEIGHT / height)
    return Logo(max(1, round(width * scale)), max(1, round(height * scale)), kind)


def logo_part(data: bytes) -> MIMEImage:
    """Return the logo as a MIME part, so that mail programs load nothing from outside."""
    kind = logo(data).kind
    part = MIMEImage(data, kind)
    part.add_header("Content-ID", f"<{LOGO_CID}>")
    part.add_header("Content-Disposition", "inline", filename=f"logo.{kind}")
    return part


def with_logo(html: str, profile: SenderProfile) -> str:
    """Return the HTML of a mail with the logo as a data URL, for display in the dashboard."""
    if not profile.logo or LOGO_CID not in html:
        return html
    data = bytes(profile.logo)
    return html.replace(f"cid:{LOGO_CID}", f"data:image/{logo(data).kind};base64,{base64.b64encode(data).decode()}")


def _measure(data: bytes) -> tuple[str, tuple[int, int]]:
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return "png", struct.unpack(">II", data[16:24])
        if data.startswith(b"\xff\xd8\xff"):
            return "jpeg", _measure_jpeg(data)
    except (struct.error, IndexError) as error:
        raise InvalidLogo(_("The picture is damaged.")) from error
    raise InvalidLogo(_("The logo must be a PNG or a JPEG picture."))


def _measure_jpeg(data: bytes) -> tuple[int, int]:
    """Return width and height from the start-of-frame (SOF) segment of a JPEG."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    raise InvalidLogo(_("The picture is damaged."))
