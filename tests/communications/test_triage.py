"""What an answer seems to say, in English and Arabic. Today is Sunday, 22 November 2026."""

import datetime as dt

import pytest

from communications.inbound import texts
from communications.inbound.triage import classification, dates

TODAY = dt.date(2026, 11, 22)

ROWS = [
    # Stop: alone, or in so many words.
    ("STOP", "stop", None),
    ("Stop.", "stop", None),
    ("please stop", "stop", None),
    ("Stop messaging me!", "stop", None),
    ("UNSUBSCRIBE", "stop", None),
    ("Don’t text me again", "stop", None),
    ("remove me from your list", "stop", None),
    ("stop these reminders please", "stop", None),
    ("إلغاء", "stop", None),
    ("الغاء", "stop", None),
    ("إيقاف", "stop", None),
    ("إيــقاف", "stop", None),
    ("أوقف الرسائل", "stop", None),
    ("لا تراسلني", "stop", None),
    ("إلغاء الاشتراك من فضلك", "stop", None),
    ("لا ترسلوا لي رسائل", "stop", None),
    # Not stop, whatever words are in it.
    ("I will stop by your office tomorrow to pay", "promise", "2026-11-23"),
    ("We stopped the order, the goods are damaged", "dispute", None),
    ("Can you cancel the late fee?", "other", None),
    # Paid.
    ("I already paid", "paid", None),
    ("Paid yesterday, ref TT-4471", "paid", None),
    ("We have paid this invoice on 12/11", "paid", None),
    ("Payment was made last week", "paid", None),
    ("transfer receipt attached", "paid", None),
    ("This is wrong, I already settled it", "paid", None),
    ("دفعت", "paid", None),
    ("لقد دفعتُ المبلغ أمس", "paid", None),
    ("تم الدفع", "paid", None),
    ("تمّ التحويل البنكي اليوم", "paid", None),
    ("سددنا الفاتورة", "paid", None),
    # Will pay, with the day.
    ("I will pay on Friday", "promise", "2026-11-27"),
    ("Friday", "promise", "2026-11-27"),
    ("will transfer tomorrow", "promise", "2026-11-23"),
    ("I'll pay 25/12", "promise", "2026-12-25"),
    ("we'll settle by 12/25/2026", "promise", "2026-12-25"),
    ("Going to pay on the 30th", "promise", "2026-11-30"),
    ("will be paid on December 1st", "promise", "2026-12-01"),
    ("I can pay in two weeks", "promise", "2026-12-06"),
    ("We will pay at the end of the month", "promise", "2026-11-30"),
    ("I have not paid yet, will pay on 2026-12-03", "promise", "2026-12-03"),
    ("Can't today. I can pay on Thursday", "promise", "2026-11-26"),
    ("give me 10 days", "promise", None),
    ("will pay next week inshallah", "promise", "2026-11-29"),
    ("I will pay", "promise", None),
    ("سأدفع يوم الخميس", "promise", "2026-11-26"),
    ("الخميس", "promise", "2026-11-26"),
    ("سوف أدفع غداً", "promise", "2026-11-23"),
    ("سأسدد ١٥ ديسمبر", "promise", "2026-12-15"),
    ("سندفع بتاريخ ٢٥/١٢", "promise", "2026-12-25"),
    ("بدفع بكرة", "promise", "2026-11-23"),
    ("راح أدفع بعد ٣ أيام", "promise", "2026-11-25"),
    ("سيتم السداد نهاية الشهر", "promise", "2026-11-30"),
    ("سنحوّل المبلغ الأسبوع القادم", "promise", "2026-11-29"),
    ("إن شاء الله الأحد", "promise", "2026-11-29"),
    # Disputes.
    ("I dispute this invoice", "dispute", None),
    ("Wrong amount, we agreed on 900", "dispute", None),
    ("The goods arrived damaged", "dispute", None),
    ("We never received the goods", "dispute", None),
    ("I will not pay for this", "dispute", None),
    ("This is incorrect", "dispute", None),
    ("أعترض على هذه الفاتورة", "dispute", None),
    ("المبلغ غير صحيح", "dispute", None),
    ("لم أستلم البضاعة", "dispute", None),
    ("البضاعة تالفة", "dispute", None),
    ("لن أدفع", "dispute", None),
    ("في خطأ في الفاتورة", "dispute", None),
    # Somebody else.
    ("Wrong number", "wrong_person", None),
    ("You have the wrong person", "wrong_person", None),
    ("I no longer work there", "wrong_person", None),
    ("I don't know this person", "wrong_person", None),
    ("رقم خطأ", "wrong_person", None),
    ("الرقم غلط", "wrong_person", None),
    ("لست أنا", "wrong_person", None),
    # All else.
    ("ok", "other", None),
    ("Who is this?", "other", None),
    ("How can I pay?", "other", None),
    ("I can't pay now", "other", None),
    ("I did not receive the invoice", "other", None),
    ("شكرا", "other", None),
    ("أرسل لي نسخة من الفاتورة", "other", None),
    ("كيف يمكنني الدفع؟", "other", None),
    ("", "other", None),
    ("👍", "other", None),
]


@pytest.mark.parametrize(("text", "what", "day"), ROWS)
def test_an_answer_is_read(text: str, what: str, day: str | None) -> None:
    reading = classification.read(text, TODAY)
    assert (reading.triage, reading.promised_on and reading.promised_on.isoformat()) == (what, day)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("22/11", "2026-11-22"),
        ("21/11", None),
        ("21/11/2026", None),
        ("31/02", None),
        ("1.12.26", "2026-12-01"),
        ("day after tomorrow", "2026-11-24"),
        ("sunday", "2026-11-29"),
        ("15th of dec", "2026-12-15"),
        ("on the 5th", "2026-12-05"),
        ("بعد غد", "2026-11-24"),
        ("بعد يومين", "2026-11-24"),
        ("١ كانون الثاني", "2027-01-01"),
        ("01/01/2099", None),
        ("in 99999999 days", None),
        ("99/99/9999", None),
    ],
)
def test_a_day_is_the_first_that_is_named_and_not_past(text: str, day: str | None) -> None:
    found = dates.find(classification.normalise(text), TODAY)
    assert (found and found.isoformat()) == day


def test_one_spelling_is_as_good_as_another() -> None:
    assert classification.normalise("إِلْغَــاء!") == classification.normalise("الغاء") == "الغاء"
    assert classification.normalise("I’LL  Pay — ٢٥/١٢.") == "ill pay 25/12"


def test_what_is_shown_turns_no_page_around_and_what_is_stored_is_whole() -> None:
    assert texts.shown("paid\x00\x1b[31m \u202eoot\u2066\r\nthanks ") == "paid[31m oot\nthanks"
    assert texts.storable("a\x00b\ud800\u202ec\r\n ") == "ab\u202ec\r\n "
    assert texts.storable("ت" * 50_000) == "ت" * 50_000
    assert len(texts.storable("ت" * 2_000_000)) == texts.MAX_STORED
