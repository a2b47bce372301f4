"""How an account introduces itself: what arrives at a real mail server, and what a profile refuses."""

import struct
import zlib
from email.message import EmailMessage

import pytest

from communications.content import profiles
from communications.content.profiles import InvalidLogo
from communications.delivery import sender
from communications.models import Communication, SenderProfile
from inflow.accounts.models import Account
from tests import make
from tests.mailserver import MailServer

IBAN = "AE07 0331 2345 6789 0123 456"


def png(width: int = 300, height: int = 100) -> bytes:
    """A picture in one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\x00" + b"\x0f\x76\x6e" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg(width: int = 300, height: int = 100) -> bytes:
    """As much of a picture as says its size."""
    application = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00" + bytes(9)
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + application + frame + b"\xff\xd9"


def profile(account: Account, **given: object) -> SenderProfile:
    made: SenderProfile = SenderProfile.objects.create(account=account, **given)
    return made


def send(account: Account, **given: object) -> None:
    invoice = make.overdue_invoice(account, place=make.open_place(), **given)  # type: ignore[arg-type]
    assert sender.send(make.reminder_due(invoice).pk)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")


@pytest.mark.django_db
def test_an_arabic_mail_arrives_whole_at_a_real_server(mail: MailServer) -> None:
    account = make.account("صقر للتجارة")
    profile(
        account,
        reply_to="accounts@falcon.example",
        phone="+971 4 555 0100",
        payment_ar=f"رقم الآيبان {IBAN}",
        logo=png(),
    )
    send(
        account,
        language="ar",
        invoice_number="INV-7",
        amount="1234.5",
        currency="KWD",
        debtor_name="خالد المزروعي",
        due_in=-3,
    )
    (sent,) = mail.mails
    assert str(sent["Subject"]).strip() == "تذكير: الفاتورة \u2066INV-7\u2069 متأخرة السداد (\u2066KWD 1,234.500\u2069)"
    assert sent["From"].addresses[0].display_name == "صقر للتجارة"
    assert sent["From"].addresses[0].addr_spec == "no-reply@inflow.example"
    assert sent["Reply-To"] == "accounts@falcon.example"
    assert sent["Content-Language"] == "ar"
    assert sent["Auto-Submitted"] == "auto-generated"
    text, html = part(sent, "plain"), part(sent, "html")
    assert text.startswith("السيد/السيدة \u2068خالد المزروعي\u2069،\n")
    assert "أي منذ 3 أيام" in text
    assert f"\u2066{IBAN}\u2069" in text
    assert text.partition("\n\n--\n")[0].endswith("\u2068صقر للتجارة\u2069\n\u2066+971 4 555 0100\u2069")
    assert '<html lang="ar" dir="rtl">' in html
    assert '<bdi dir="ltr">KWD&nbsp;1,234.500</bdi>' in html
    assert f'<bdi dir="ltr">{IBAN}</bdi>' in html
    assert "text-align: right" in html
    assert sent.get_content_type() == "multipart/related"
    (picture,) = sent.iter_attachments()
    assert (picture.get_content_type(), picture["Content-ID"]) == ("image/png", "<logo@inflow>")
    assert picture.get_content() == png()
    assert 'src="cid:logo@inflow"' in html
    row = Communication.objects.get()
    assert (row.subject, row.language) == (str(sent["Subject"]).strip(), "ar")


@pytest.mark.django_db
def test_without_a_profile_a_mail_goes_in_the_account_s_name(mail: MailServer) -> None:
    send(make.account("Falcon, Oryx & Sons"))
    (sent,) = mail.mails
    assert sent["From"].addresses[0].display_name == "Falcon, Oryx & Sons"
    assert sent["Reply-To"] is None
    assert sent.get_content_type() == "multipart/alternative"


@pytest.mark.django_db
def test_a_long_arabic_name_arrives_whole(mail: MailServer) -> None:
    name = "شركة " + "صقر الخليج للتجارة العامة والمقاولات " * 4
    send(make.account(name.strip()))
    (sent,) = mail.mails
    # Python 3.13.0 puts spaces where it folds a name.
    assert sent["From"].addresses[0].display_name.replace(" ", "") == name.replace(" ", "")
    assert sent["From"].addresses[0].addr_spec == "no-reply@inflow.example"


@pytest.mark.django_db
def test_a_name_brings_no_header_of_its_own_along(mail: MailServer) -> None:
    account = make.account()
    profile(account, display_name="Falcon\r\nBcc: someone@example.com")
    send(account)
    (sent,) = mail.mails
    assert sent["Bcc"] is None
    assert sent["From"].addresses[0].display_name == "Falcon Bcc: someone@example.com"


@pytest.mark.parametrize(
    ("width", "height", "shown"), [(300, 100, (168, 56)), (900, 90, (220, 22)), (40, 20, (40, 20))]
)
def test_a_logo_is_shown_in_its_shape_and_never_larger_than_its_place(
    width: int, height: int, shown: tuple[int, int]
) -> None:
    for data, kind in ((png(width, height), "png"), (jpeg(width, height), "jpeg")):
        logo = profiles.logo(data)
        assert ((logo.width, logo.height), logo.kind) == (shown, kind)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a" + bytes(40),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        png()[:20],
        png(3_000, 10),
        jpeg(0, 10),
        jpeg()[:24],
        b"\xff\xd8\xff" + b"\xff" * 500,
        b"\xff\xd8" + b"\xff\xe0\x00\x00" * 100,
        png() + bytes(profiles.LOGO_BYTES),
    ],
)
def test_what_is_no_small_picture_is_no_logo(data: bytes) -> None:
    with pytest.raises(InvalidLogo):
        profiles.logo(data)


def test_a_mistyped_iban_is_found_and_what_only_looks_like_one_is_not() -> None:
    assert profiles.invalid_ibans(f"Bank\nIBAN {IBAN} BIC EBILAEAD, or GB29 NWBK 6016 1331 9268 19") == []
    assert profiles.invalid_ibans(f"IBAN {IBAN[:-1]}7") == ["AE070331234567890123457"]
    assert profiles.invalid_ibans(f"IBAN {IBAN[:-4]}") == ["AE07033123456789 0123".replace(" ", "")]
    assert profiles.invalid_ibans("AE07 is our code, FR76 1234 5678 9012 3456 our account") == []
