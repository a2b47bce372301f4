"""What may be sent by SMS and WhatsApp: senders, links, numbers to call, segments, consent."""

import random
from math import ceil

import pytest

from communications.content.linters import lint, size

SENDER = "FalconCo"
EURO, ARABIC, FACE = "€", "ب", "😀"


def codes(body: str = "Your invoice is due.", *, country: str = "AE", sender: str | None = SENDER) -> list[str]:
    return [problem.code for problem in lint("sms", country, sender, body)]


@pytest.mark.parametrize("sender", ["FalconCo", "ABC", "A1234567890", "Al-Safa & Co", "F.T.LLC", "123Pay", "a b"])
def test_a_registered_name_may_send(sender: str) -> None:
    assert codes(sender=sender[:11]) == []


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("", "sender_form"),
        ("AB", "sender_form"),
        ("ABCDEFGHIJKL", "sender_form"),
        ("Falcon\n", "sender_form"),
        (" Falcon", "sender_form"),
        ("فالكون", "sender_form"),
        ("Falcon_€", "sender_form"),
        ("12345", "sender_number"),
        ("123-456", "sender_number"),
        ("+971501234567", "sender_form"),
        ("AD-Falcon", "promotional_sender"),
        ("ad-falcon", "promotional_sender"),
    ],
)
def test_another_sender_may_not(sender: str, code: str) -> None:
    assert codes(sender=sender) == [code]


def test_a_number_may_send_where_the_law_lets_it() -> None:
    assert codes(sender="+447700900123", country="GB") == []
    assert codes("Call +44 20 7946 0018 or see example.com/pay", country="GB") == []


@pytest.mark.parametrize(
    "body",
    [
        "Pay AED 25,000.00 for invoice INV-2026-0001, due 2026-02-14, 17 days late.",
        "IBAN AE07 0331 2345 6789 0123 456, reference 4711",
        "IBAN AE070331234567890123456",
        "AED 1,234,567.89 due 14/02/2026; KWD 12.345; AED 971,501,234,567",
        "Al Safa Co. L.L.C, P.O. Box 1234, U.A.E.",
        "Payment received.Thank you",
        "الفاتورة INV-7 بمبلغ \u2066AED 25,000.00\u2069 متأخرة 17 يومًا.",
        "Please pay within 3 days (by 9 March at 18:00).",
    ],
)
def test_amounts_dates_accounts_and_names_are_neither_links_nor_phones(body: str) -> None:
    assert codes(body) == []


@pytest.mark.parametrize(
    "body",
    [
        *("https://falcon.example/pay", "HTTP://x", "www.falcon", "falcon.com", "Falcon.AE", "pay.falcon.ae/i/7"),
        *("bit.ly/7", "wa.me/971501234567", "pay@falcon.ae", "falcon.shop.", "(falcon.com)", "فالكون.امارات"),
        *("fal\u200bcon.com", "ｆａｌｃｏｎ．ｃｏｍ", "see\u2066falcon.com\u2069", "upi://pay", "mailto:a", "x.zz/pay"),
    ],
)
def test_a_link_is_found_however_it_is_written(body: str) -> None:
    assert "link" in codes(f"Pay at {body} today")
    assert "link" in codes(body)


@pytest.mark.parametrize(
    "body",
    [
        *("+971501234567", "+971 50 123 4567", "050 123 4567", "0501234567", "050-123-4567", "(050) 1234567"),
        *("800 12345", "600 540000", "٠٥٠١٢٣٤٥٦٧", "00971501234567", "+44 20 7946 0018", "050.123.4567"),
        *("\u2066+971\u206950\u2066123\u20694567", "+971\u200b501234567", "０５０１２３４５６７"),
    ],
)
def test_a_number_to_call_is_found_however_it_is_written(body: str) -> None:
    assert codes(f"Call {body} today") == ["phone_number"]


def test_the_account_s_own_words_are_no_phone_number() -> None:
    body = "Invoice 0501234567 is due."
    assert codes(body) == ["phone_number"]
    assert lint("sms", "AE", SENDER, body, ignored=["0501234567"]) == []


@pytest.mark.parametrize(
    ("body", "encoding", "units", "segments"),
    [
        ("", "gsm7", 0, 1),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        (EURO * 80, "gsm7", 160, 1),
        (EURO * 81, "gsm7", 162, 2),
        ("a" * 152 + EURO + "a" * 152, "gsm7", 306, 3),  # the euro does not fit into the rest of the first
        ("a" * 151 + EURO + "a" * 153, "gsm7", 306, 2),
        ("[]{}~^|\\\f", "gsm7", 18, 1),
        ("@£$¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà\n\r", "gsm7", 43, 1),
        ("ç", "ucs2", 1, 1),
        ("`", "ucs2", 1, 1),
        (ARABIC * 70, "ucs2", 70, 1),
        (ARABIC * 71, "ucs2", 71, 2),
        (ARABIC * 134, "ucs2", 134, 2),
        (ARABIC * 135, "ucs2", 135, 3),
        ("a" * 70 + ARABIC, "ucs2", 71, 2),
        (FACE * 35, "ucs2", 70, 1),
        (FACE * 36, "ucs2", 72, 2),
        (FACE * 67, "ucs2", 134, 3),  # 33 in each: no pair is cut in two
        ("a\u2066b", "ucs2", 3, 1),
    ],
)
def test_the_segments_of_an_sms(body: str, encoding: str, units: int, segments: int) -> None:
    counted = size(body)
    assert (counted.encoding, counted.units, counted.segments) == (encoding, units, segments)


def test_more_than_ten_segments_are_too_long() -> None:
    assert codes("a " * 765) == []
    assert codes("a " * 766) == ["too_long"]
    assert codes("ب " * 336) == ["too_long"]


def test_nothing_is_no_message_on_any_channel() -> None:
    for channel in ("email", "sms", "whatsapp"):
        assert [problem.code for problem in lint(channel, "AE", None, " \n")] == ["empty"]


def test_whatsapp_takes_an_approved_template_and_consent_or_a_conversation() -> None:
    def asked(*, in_conversation: bool = False, has_template: bool = False, has_opted_in: bool = False) -> list[str]:
        found = lint(
            "whatsapp",
            "AE",
            "+971501234567",
            "See https://x.example",
            in_conversation=in_conversation,
            has_template=has_template,
            has_opted_in=has_opted_in,
        )
        return [problem.code for problem in found]

    assert asked() == ["no_template", "no_opt_in"]
    assert asked(has_template=True) == ["no_opt_in"]
    assert asked(has_opted_in=True) == ["no_template"]
    assert asked(has_template=True, has_opted_in=True) == []
    assert asked(in_conversation=True) == []
    assert [problem.code for problem in lint("whatsapp", "AE", "Falcon", "x", in_conversation=True)] == ["sender_form"]


TEXT = """Invoice is overdue please pay today thank you balance reminder final notice [ref] € {x} 100%
الفاتورة متأخرة يرجى السداد اليوم شكرا الرصيد تذكير إشعار أخير"""
FACTS = ("AED 25,000.00", "KWD 12.345", "SAR 1,150.50", "INV-2026-0042", "2026-02-14", "14/02/2026", "17 days", "#4711")
LINKS = ("https://f.example/p", "falcon.ae", "www.falcon", "wa.me/97150", "pay@falcon.com", "http://١.example")
PHONES = ("+971501234567", "050 123 4567", "04-2345678", "800 12345", "٠٥٠١٢٣٤٥٦٧", "+966 50 123 4567")


@pytest.mark.properties
def test_six_thousand_messages_are_read_right() -> None:
    chance, plain = random.Random(20260301), TEXT.split()  # noqa: S311  (nothing is secret here)
    for number in range(6_000):
        words = chance.choices(plain, k=chance.randint(1, 40))
        words[::5] = [f"{word} {chance.choice(FACTS)} {word}" for word in words[::5]]
        planted = {"link": chance.choice(LINKS), "phone_number": chance.choice(PHONES)}
        wrong = {code: text for code, text in planted.items() if chance.random() < 0.3}
        for text in wrong.values():
            words.insert(chance.randint(0, len(words)), f"({text})")
        body = chance.choice([" ", "\n", "، "]).join(words)
        counted = size(body)
        found = set(codes(body))
        assert found - {"too_long"} == wrong.keys(), (number, body)
        assert ("too_long" in found) == (counted.segments > 10)
        alone, among = (160, 153) if counted.encoding == "gsm7" else (70, 67)
        assert (counted.segments == 1) == (counted.units <= alone)
        if counted.segments > 1:
            assert ceil(counted.units / among) <= counted.segments <= ceil(counted.units / (among - 1))
        assert size(body + "a").segments in (counted.segments, counted.segments + 1)
        assert counted.encoding == "gsm7" or counted.units == len(body.encode("utf-16-le")) // 2
