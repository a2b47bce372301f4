"""Readers of replies take any text: they raise nothing, and their work grows with the text, not faster."""

import datetime as dt
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from communications.inbound import markup, quoting, texts
from communications.inbound.triage import classification, dates, figures, signatures, spelling

TODAY = dt.date(2026, 11, 22)
WORDS = [
    *(
        "25th",
        "1st",
        "31/02",
        "29/2",
        "5/3",
        "24/7",
        "99/99/9999",
        "in",
        "2-3",
        "days",
        "weeks",
        "ago",
        "sat",
        "الخميس",
    ),
    *("بعد", "يومين", "٢٥", "يناير", "of", "month", "end", "next", "last", "paid", "pay", "will", "not", "ref", "123"),
    *("stop", "لا", "ترسلوا", "<br>", "<blockquote>", "> ", "From:", "Sent:", "On", "wrote:", "\n", "\u200f", "\u202e"),
    *(
        "AED",
        "1,000",
        "5k",
        "\x00",
        "\ud800",
        "🙏",
        "؟",
        "?",
        ".",
        ",",
        "--",
        "Regards",
        "قبل",
        "اول",
        "امس",
        "or",
        "او",
    ),
]
TEXT = st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_no_text_makes_a_reader_raise(text: str) -> None:
    shown = texts.shown(quoting.without_quote(text))
    classification.read(shown, TODAY)
    classification.read(text, TODAY)
    figures.of_payment(text)
    signatures.without(text)
    markup.to_text(text)
    words = spelling.normalise(text)
    for day in (dt.date(2024, 2, 29), TODAY, dt.date(2026, 12, 31)):
        dates.find(words, day)
        dates.find_past(words, day)
    texts.storable(text).encode()


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<head",
            "<style ",
            "<blockquote>",
            "<!--",
            "<div a=",
            "> ",
            "On x wrote ",
            "From: a@b.c\n",
            "a: b\n",
            "mail mail ",
            "_" * 9,
        ),
        *(
            "stop ",
            "25th ",
            "2-3 ",
            "ref 1 ",
            "1,000 ",
            "لا ترسل ",
            "will ",
            "to to ",
            "\n\n",
            "aaaaaaaaaa",
            "http://",
            "a@",
            "- ",
        ),
    ],
)
def test_work_is_bounded_whatever_is_repeated(piece: str) -> None:
    """Ten times what any of these takes here; a pattern that is quadratic takes minutes."""
    text = piece * (1_000_000 // len(piece))
    started = time.perf_counter()
    shown = texts.shown(quoting.without_quote(text))
    classification.read(shown, TODAY)
    figures.of_payment(shown[: classification.MAX_READ])
    assert time.perf_counter() - started < 20


def test_a_word_of_any_length_is_read() -> None:
    classification.read("وب" * classification.MAX_READ + " stop" + "stopx" * classification.MAX_READ, TODAY)


@pytest.mark.parametrize(
    ("text", "today", "day"),
    [
        ("Transferred on 5/3", dt.date(2026, 3, 10), dt.date(2026, 3, 5)),
        ("Paid on the 28th", dt.date(2026, 3, 10), dt.date(2026, 2, 28)),
        ("Paid on Sunday", TODAY, TODAY),
        ("We paid on 31 Dec", dt.date(2027, 1, 4), dt.date(2026, 12, 31)),
        ("تم التحويل قبل 3 أيام", TODAY, dt.date(2026, 11, 19)),
        ("Paid, we are open 24/7", TODAY, None),
    ],
)
def test_the_day_of_a_payment_lies_in_the_past(text: str, today: dt.date, day: dt.date | None) -> None:
    found = classification.read(text, today)
    assert (found.triage, found.paid_on, found.promised_on) == ("paid", day, None)


@pytest.mark.parametrize(
    ("text", "today", "day"),
    [
        ("in 2-3 days", dt.date(2026, 3, 10), dt.date(2026, 3, 13)),
        ("We will pay 25th", dt.date(2026, 11, 26), dt.date(2026, 12, 25)),
        ("We will pay on the 31st", dt.date(2026, 11, 30), dt.date(2026, 12, 31)),
        ("will pay on 5/3", dt.date(2026, 3, 10), None),
        ("will pay on 5 January", dt.date(2026, 12, 30), dt.date(2027, 1, 5)),
        ("will pay on Thursday or Friday", TODAY, None),
        ("will pay between 1 and 5 December", TODAY, dt.date(2026, 12, 5)),
        ("will pay, call our hotline 24/7", TODAY, None),
        ("will pay on 24/7", dt.date(2026, 7, 1), dt.date(2026, 7, 24)),
        ("will pay 1/2 now", TODAY, None),
        ("We will pay invoice 12/11 soon", TODAY, None),
        ("will pay on Monday, 30 November", TODAY, dt.date(2026, 11, 30)),
        ("سندفع في خلال ٢-٣ أيام", TODAY, dt.date(2026, 11, 25)),
        ("سندفع يوم 28", TODAY, dt.date(2026, 11, 28)),
    ],
)
def test_the_day_of_a_promise_lies_ahead_or_is_left_empty(text: str, today: dt.date, day: dt.date | None) -> None:
    found = classification.read(text, today)
    assert (found.triage, found.promised_on, found.paid_on) == ("promise", day, None)


@pytest.mark.parametrize(
    ("text", "reference", "amount"),
    [
        ("Paid AED 12,500.50 ref no. FT-99/1", "FT-99/1", Decimal("12500.50")),
        ("we transferred 5,000 yesterday, reference number: 88-1029", "88-1029", Decimal(5000)),
        ("paid 5k AED", "", Decimal(5000)),
        ("دفعنا ٢٥٠٠ درهم، رقم الحوالة 778812", "778812", Decimal(2500)),
        ("Paid AED 100 and USD 200", "", None),
        ("Paid 3 invoices on 12/11", "", None),
        ("Paid. Ref attached", "", None),
    ],
)
def test_the_figures_of_a_payment_are_found(text: str, reference: str, amount: Decimal | None) -> None:
    assert figures.of_payment(text) == figures.Figures(reference, amount)
