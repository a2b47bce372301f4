"""Thousands of amounts, dates and counts, read back by other means than they were written with."""

import datetime as dt
import random
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from communications.content import phrases
from invoices import money

ROWS = 6_000
LANGUAGES = ("en", "ar")
# The numbers of which CLDR's rules speak, and their forms; each hundred repeats them.
TWO_DIGITS = ["other"] * 3 + ["few"] * 8 + ["many"] * 89
MONTHS_AR = [
    *("يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو"),
    *("يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"),
]
DAYS_AR = {"few": "أيام", "many": "يومًا", "other": "يوم", "zero": "يوم"}


def rows() -> Iterator[tuple[random.Random, str]]:
    draw = random.Random(20_261_122)  # noqa: S311
    for number in range(ROWS):
        yield draw, LANGUAGES[number % 2]


def unwrapped(text: str, language: str, opening: str) -> str:
    """What stands in the isolate. An English text has none."""
    if language == "en":
        assert not re.search("[\u2066-\u2069]", text)
        return text
    assert (text[0], text[-1], len(re.findall("[\u2066-\u2069]", text))) == (opening, "\u2069", 2)
    return text[1:-1]


def test_an_amount_has_its_currency_s_decimals_and_latin_digits() -> None:
    for draw, language in rows():
        currency = draw.choice(sorted(money.EXPONENTS))
        exponent = money.EXPONENTS[currency]
        amount = Decimal(draw.randrange(0, 10 ** draw.randint(1, 15))).scaleb(-exponent)
        shown = unwrapped(phrases.amount(amount, currency, language), language, "\u2066")
        code, _, number = shown.partition(" ")
        assert code == currency
        assert re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})*" + (rf"\.[0-9]{{{exponent}}}" if exponent else ""), number)
        assert Decimal(number.replace(",", "")) == amount


def test_a_date_reads_back_as_the_same_day_in_both_languages() -> None:
    for draw, language in rows():
        day = dt.date(2000, 1, 1) + dt.timedelta(days=draw.randrange(36_500))
        shown = unwrapped(phrases.date(day, language), language, "\u2068")
        number, month, year = shown.split(" ")
        assert all(re.fullmatch("[0-9]+", part) for part in (number, year))
        named = dt.datetime.strptime(month, "%B").month if language == "en" else MONTHS_AR.index(month) + 1  # noqa: DTZ007
        assert dt.date(int(year), named, int(number)) == day


def test_days_and_invoices_are_counted_by_the_language_s_own_forms() -> None:
    for draw, language in rows():
        count = draw.choice((draw.randrange(130), draw.randrange(5_000)))
        days, invoices = phrases.days(count, language), phrases.invoices(count, language)
        if language == "en":
            assert days == (f"{count:,} days" if count != 1 else "1 day")
            assert invoices == (f"{count:,} invoices" if count != 1 else "1 invoice")
            continue
        form = {0: "zero", 1: "one", 2: "two"}.get(count) or TWO_DIGITS[count % 100]
        assert phrases.plural_form(count) == form
        if form in ("one", "two"):
            assert not re.search(r"\d", days + invoices)
        else:
            assert days == f"{count:,} {DAYS_AR[form]}"
            assert invoices == f"{count:,} {'فواتير' if form == 'few' else 'فاتورة'}"


def test_one_and_two_are_said_by_the_noun() -> None:
    assert (phrases.days(1, "ar"), phrases.days(2, "ar")) == ("يوم واحد", "يومين")
    assert (phrases.invoices(1, "ar"), phrases.invoices(2, "ar")) == ("فاتورة واحدة", "فاتورتين")


@pytest.mark.parametrize(
    "address", ["AE07 0331 2345 6789 0123 456", "AE070331234567890123456", "+971 4 555 0100", "pay@gulf.example"]
)
def test_an_address_within_an_arabic_text_is_isolated(address: str) -> None:
    assert phrases.isolated_text(f"الحساب {address}، شكرًا", "ar") == f"الحساب \u2066{address}\u2069، شكرًا"
    assert phrases.isolated_text(f"Pay to {address}, please", "en") == f"Pay to {address}, please"


def test_nothing_is_put_around_a_web_address_that_would_become_part_of_it() -> None:
    assert phrases.isolated_text("https://pay.example/+97145550100", "ar") == "https://pay.example/+97145550100"


def test_an_arabic_name_in_an_english_text_is_isolated_and_a_latin_one_is_not() -> None:
    assert phrases.isolated_name("أحمد", "en") == "\u2068أحمد\u2069"
    assert phrases.isolated_name("Ahmed", "en") == "Ahmed"
    assert phrases.isolated_name("Ahmed", "ar") == "\u2068Ahmed\u2069"


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\u2069", "\u200f", "\x07", "\ue000", "\ufeff"])
def test_a_value_brings_no_sign_along_that_turns_its_neighbours(sign: str) -> None:
    assert phrases.clean(f"Ah{sign}med\r\nLLC") == "Ahmed LLC"
    assert phrases.plain(f"Ah{sign}med\r\n\r\nLLC ") == "Ahmed\n\nLLC"


def test_html_has_its_own_isolates_and_nobody_s_markup() -> None:
    html = phrases.as_html("<b>\u2066AED 5.00\u2069\n\u2068أحمد & Co\u2069\u2066")
    assert html == '&lt;b&gt;<bdi dir="ltr">AED&nbsp;5.00</bdi><br><bdi>أحمد &amp; Co</bdi>'
