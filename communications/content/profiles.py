"""How an account introduces itself: its name, logo, reply address, and how to pay it."""

import base64
import re
import struct
from dataclasses import dataclass
from email.mime.image import MIMEImage
from email.utils import parseaddr

from django.conf import settings
from django.core.mail.message import sanitize_address
from django.utils.translation import gettext as _

from communications.content import phrases
from communications.models import SenderProfile
from inflow.accounts.models import Account

LOGO_BYTES, LOGO_PIXELS = 200 * 1024, 2_000
# The picture's name within its mail.
LOGO_CID = "logo@inflow"
_SHOWN_WIDTH, _SHOWN_HEIGHT = 220, 56
# Of the places our customers bank in. An IBAN of another country is taken as it is.
_IBAN_LENGTHS = {"AE": 23, "BH": 22, "EG": 29, "GB": 22, "JO": 30, "KW": 30, "LB": 28, "OM": 23, "QA": 29, "SA": 24}
_IBAN = re.compile(rf"\b(?:{'|'.join(_IBAN_LENGTHS)})\d\d(?: ?[A-Z0-9]){{11,}}")


class NoLogo(Exception):
    """This is no picture that can stand in a mail, and why."""


@dataclass(frozen=True, slots=True)
class Logo:
    """Its size in the mail, in CSS pixels, and of which kind it is: png or jpeg."""

    width: int
    height: int
    kind: str


def of(account: Account) -> SenderProfile:
    """The account's profile, or an empty one; read once for this account in memory."""
    try:
        profile: SenderProfile = account.sender_profile
    except SenderProfile.DoesNotExist:
        profile = SenderProfile(account=account)
        account.sender_profile = profile
    return profile


def name(profile: SenderProfile) -> str:
    return phrases.clean(profile.display_name or profile.account.name)


def from_header(profile: SenderProfile) -> str:
    """The account's name before the installation's own address, which alone may send."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return sanitize_address((name(profile), address), "utf-8")


def payment_instructions(profile: SenderProfile, language: str) -> str:
    """In that language, else in the other: an IBAN reads the same in both."""
    first, second = profile.payment_en, profile.payment_ar
    if phrases.is_rtl(language):
        first, second = second, first
    return phrases.clean_lines(first or second)


def wrong_ibans(text: str) -> list[str]:
    """Those in the text whose check digits do not fit (ISO 13616): a typing error that would cost the money."""
    wrong = []
    for found in _IBAN.finditer(text):
        said = found[0].replace(" ", "")[: _IBAN_LENGTHS[found[0][:2]]]
        number = "".join(str(int(character, 36)) for character in said[4:] + said[:4])
        if len(said) < _IBAN_LENGTHS[said[:2]] or int(number) % 97 != 1:
            wrong.append(said)
    return wrong


def logo(data: bytes) -> Logo:
    """What the picture's own bytes say of it, not its name. Raises `NoLogo`."""
    if len(data) > LOGO_BYTES:
        raise NoLogo(_("The picture has more than %(size)s KiB.") % {"size": LOGO_BYTES // 1024})
    kind, (width, height) = _measure(data)
    if not (0 < width <= LOGO_PIXELS and 0 < height <= LOGO_PIXELS):
        raise NoLogo(_("The picture must have 1 to %(most)s pixels each way.") % {"most": f"{LOGO_PIXELS:,}"})
    scale = min(1, _SHOWN_WIDTH / width, _SHOWN_HEIGHT / height)
    return Logo(max(1, round(width * scale)), max(1, round(height * scale)), kind)


def logo_part(data: bytes) -> MIMEImage:
    """The picture as a part of its mail: nothing is fetched from anywhere when it is read."""
    kind = logo(data).kind
    part = MIMEImage(data, kind)
    part.add_header("Content-ID", f"<{LOGO_CID}>")
    part.add_header("Content-Disposition", "inline", filename=f"logo.{kind}")
    return part


def with_logo(html: str, profile: SenderProfile) -> str:
    """The HTML of a mail as the dashboard shows it: with the picture inside."""
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
        raise NoLogo(_("The picture is broken.")) from error
    raise NoLogo(_("The logo must be a PNG or a JPEG picture."))


def _measure_jpeg(data: bytes) -> tuple[int, int]:
    """A JPEG is a list of segments; those of the start of a frame, SOF, hold its size."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    raise NoLogo(_("The picture is broken."))
