"""The day that a text names, in English or Arabic, as people write it: 'Friday', 'tomorrow', '25/12', 'الخميس'."""

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterator

_WEEKDAYS = [
    ("monday|mon", "الاثنين|اثنين"),
    ("tuesday|tues|tue", "الثلاثاء|ثلاثاء|الثلاثا"),
    ("wednesday|wed", "الاربعاء|اربعاء|الاربعا"),
    ("thursday|thurs|thu", "الخميس|خميس"),
    ("friday|fri", "الجمعه|جمعه"),
    ("saturday|sat", "السبت|سبت"),
    ("sunday|sun", "الاحد|احد"),
]
_MONTHS = [
    ("january|jan", "يناير|كانون الثاني"),
    ("february|feb", "فبراير|شباط"),
    ("march|mar", "مارس|اذار"),
    ("april|apr", "ابريل|نيسان"),
    ("may", "مايو|ايار"),
    ("june|jun", "يونيو|حزيران"),
    ("july|jul", "يوليو|تموز"),
    ("august|aug", "اغسطس|اب"),
    ("september|sept|sep", "سبتمبر|ايلول"),
    ("october|oct", "اكتوبر|تشرين الاول"),
    ("november|nov", "نوفمبر|تشرين الثاني"),
    ("december|dec", "ديسمبر|كانون الاول"),
]
_MONTH = "|".join(f"(?P<m{number}>{'|'.join(names)})" for number, names in enumerate(_MONTHS, start=1))
_WEEKDAY = "|".join(f"(?P<d{number}>{'|'.join(names)})" for number, names in enumerate(_WEEKDAYS))
_NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            "one|a|an",
            "two|couple of|a couple of",
            "three|ثلاثه|ثلاث",
            "four|اربعه|اربع",
            "five|خمسه|خمس",
            "six|سته|ست",
            "seven|سبعه|سبع",
            "eight|ثمانيه|ثماني",
            "nine|تسعه|تسع",
            "ten|عشره|عشر",
        ),
        start=1,
    )
    for word in words.split("|")
}
_COUNT = rf"(?P<count>\d{{1,2}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
# No promise is further away than this.
_HORIZON = dt.timedelta(days=400)

_Found = Callable[[re.Match[str], dt.date], dt.date | None]


def _numeric(match: re.Match[str], today: dt.date) -> dt.date | None:
    """Day before month, as in the Gulf, unless only the other reading is a date."""
    first, second = int(match["first"]), int(match["second"])
    if first <= 12 < second:
        first, second = second, first
    return _dated(first, second, match["year"], today)


def _named(match: re.Match[str], today: dt.date) -> dt.date | None:
    month = next(number for number in range(1, 13) if match[f"m{number}"])
    return _dated(int(match["day"]), month, match["year"], today)


def _dated(day: int, month: int, year: str | None, today: dt.date) -> dt.date | None:
    if year:
        return _date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    this_year = _date(today.year, month, day)
    return this_year if this_year and this_year >= today else _date(today.year + 1, month, day)


def _of_month(match: re.Match[str], today: dt.date) -> dt.date | None:
    day = int(match["day"])
    for month in (today.replace(day=1), _next_month(today)):
        found = _date(month.year, month.month, day)
        if found and found >= today:
            return found
    return None


def _weekday(match: re.Match[str], today: dt.date) -> dt.date:
    """The next one: who says Friday on a Friday means the one to come."""
    wanted = next(number for number in range(7) if match[f"d{number}"])
    return today + dt.timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)


def _counted(match: re.Match[str], today: dt.date) -> dt.date:
    text = match["count"]
    count = int(text) if text.isdecimal() else _NUMBERS[text]
    return today + dt.timedelta(days=count * (7 if match["weeks"] else 1))


def _month_end(match: re.Match[str], today: dt.date) -> dt.date:
    month = _next_month(today) if match["next"] else today
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def _in(days: int) -> _Found:
    return lambda match, today: today + dt.timedelta(days=days)


# In this order: what is said more exactly comes first. On text as `triage.normalise` leaves it.
_FORMS: list[tuple[re.Pattern[str], _Found]] = [
    (
        re.compile(r"\b(?P<year>\d{4})[-/.](?P<second>\d{1,2})[-/.](?P<first>\d{1,2})\b"),
        lambda match, today: _date(int(match["year"]), int(match["second"]), int(match["first"])),
    ),
    (re.compile(r"\b(?P<first>\d{1,2})[-/.](?P<second>\d{1,2})(?:[-/.](?P<year>\d{4}|\d{2}))?\b"), _numeric),
    (re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of |من )?(?:{_MONTH})(?: (?P<year>\d{{4}}))?\b"), _named),
    (re.compile(rf"\b(?:{_MONTH}) (?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: (?P<year>\d{{4}}))?\b"), _named),
    (re.compile(r"\bday after tomorrow\b|\bبعد (?:غد|بكره|بكرا|باكر)\b"), _in(2)),
    (re.compile(r"\b(?:tomorrow|tmrw|tmw|tomorow|غدا|الغد|بكره|بكرا|باكر)\b"), _in(1)),
    (
        re.compile(rf"\b(?:in|within|after|بعد|خلال) {_COUNT} (?:(?P<weeks>weeks?|اسابيع|اسبوع)|days?|ايام|يوم)\b"),
        _counted,
    ),
    (re.compile(r"\b(?:بعد|خلال) يومين\b"), _in(2)),
    (re.compile(r"\b(?:بعد|خلال) اسبوعين\b"), _in(14)),
    (re.compile(r"\bnext week\b|\b(?:الاسبوع (?:القادم|المقبل|الجاي)|بعد اسبوع|خلال اسبوع)\b"), _in(7)),
    (
        re.compile(r"\bend of (?:the |this )?(?P<next>next )?month\b|\bmonth end\b|\b(?:نهايه|اخر) (?:هذا )?الشهر\b"),
        _month_end,
    ),
    (re.compile(rf"\b(?:{_WEEKDAY})\b"), _weekday),
    (re.compile(r"\b(?:the|on|by) (?P<day>\d{1,2})(?:st|nd|rd|th)?\b|\b(?P<bare>\d{1,2})(?:st|nd|rd|th)\b"), _of_month),
    (re.compile(r"\b(?:today|tonight|اليوم|الليله)\b"), _in(0)),
]


def find(text: str, today: dt.date) -> dt.date | None:
    """The first day, today or later, that a normalised text names."""
    return next((day for day, _ in _named_days(text, today)), None)


def is_nothing_else(text: str, today: dt.date) -> bool:
    """Whether a normalised text is a date and hardly a word more: 'on Friday', 'الخميس ان شاء الله'."""
    return any(len((text[: match.start()] + text[match.end() :]).split()) <= 3 for _, match in _named_days(text, today))


def _named_days(text: str, today: dt.date) -> Iterator[tuple[dt.date, re.Match[str]]]:
    for pattern, read in _FORMS:
        for match in pattern.finditer(text):
            day = read(match, today)
            if day and today <= day <= today + _HORIZON:
                yield day, match


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=28) + dt.timedelta(days=7)).replace(day=1)
