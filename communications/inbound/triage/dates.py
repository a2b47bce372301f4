"""Days that a text names, in English, Arabic and Arabizi, as people write them: 'Friday', '25th', '25/12', 'الخميس'.

Everything works on text as `spelling.normalise` leaves it. A day without a year is the nearest one: a day in the recent
past is never moved to next year. A day that can be read in two ways is left out.
"""

# Patterns and lists of words are easier to keep without breaks.
# ruff: noqa: E501

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from communications.inbound.triage import calendar_words as named

# Limits for promises in the future and payments in the past.
_HORIZON = dt.timedelta(days=400)
_RECENTLY = dt.timedelta(days=300)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mention:
    """A day in a text: `ahead` as the day of a promise, `back` as the day of a past payment. None if impossible."""

    start: int
    end: int
    ahead: dt.date | None = None
    back: dt.date | None = None
    is_weekday: bool = False


# The day of a promise, and the day of a past payment.
_Days = tuple[dt.date | None, dt.date | None]
_Read = Callable[[re.Match[str], dt.date], _Days]


def find(text: str, today: dt.date) -> dt.date | None:
    """Return the day, today or later, in a normalised text. None if there is none, or it is ambiguous."""
    return _one([(each, each.ahead) for each in mentions(text, today) if each.ahead], text)


def find_past(text: str, today: dt.date) -> dt.date | None:
    """Return the day, today or earlier, in a normalised text. None if there is none, or it is ambiguous."""
    return _one([(each, each.back) for each in mentions(text, today) if each.back], text)


def is_nothing_else(text: str, today: dt.date) -> bool:
    """Return True if a normalised text is hardly more than a day: 'on Friday', 'الخميس ان شاء الله'."""
    found = [each for each in mentions(text, today) if each.ahead]
    rest = text
    for each in reversed(found):
        rest = rest[: each.start] + " " + rest[each.end :]
    return bool(found) and not [word for word in rest.split() if word not in named.BESIDE_A_DAY]


def mentions(text: str, today: dt.date) -> list[Mention]:
    """Return the days in a normalised text, in order. The most exact interpretation of a passage counts."""
    found: list[Mention] = []
    for pattern, read in _FORMS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other.end and other.start < end for other in found):
                continue
            ahead, back = read(match, today)
            is_weekday = read in (_weekday, _last_weekday)
            found.append(Mention(start, end, _near(ahead, today), _near(back, today), is_weekday))
    return sorted(found, key=lambda each: each.start)


def _near(day: dt.date | None, today: dt.date) -> dt.date | None:
    return day if day and abs(day - today) <= _HORIZON else None


def _one(found: list[tuple[Mention, dt.date | None]], text: str) -> dt.date | None:
    """Choose one of the days: the later end of a range; none of an 'or'; else the first. A weekday beside a date only
    explains the date."""
    exact = [(each, day) for each, day in found if not (each.is_weekday and _is_beside(each, found))]
    if not exact:
        return None
    first, day = exact[0]
    for second, other in exact[1:2]:
        between = text[first.end : second.start].strip()
        if between in named.EITHER and other != day:
            return None
        if between in named.UNTIL and day and other and other > day:
            return other
    return day


def _is_beside(weekday: Mention, found: list[tuple[Mention, dt.date | None]]) -> bool:
    return any(
        not other.is_weekday and (abs(other.start - weekday.end) <= 4 or abs(weekday.start - other.end) <= 4)
        for other, _ in found
    )


# --- Interpretation of each form ------------------------------------------------------------------------------------


def _iso(match: re.Match[str], today: dt.date) -> _Days:
    return _both(_date(int(match["year"]), int(match["month"]), int(match["day"])), today)


def _numeric(match: re.Match[str], today: dt.date) -> _Days:
    """Interpret a date as day before month, as in the Gulf, unless only month before day is valid."""
    first, second = int(match["first"]), int(match["second"])
    day, month = (second, first) if first <= 12 < second else (first, second)
    return _read_day(day, month, match["year"], today)


def _named(match: re.Match[str], today: dt.date) -> _Days:
    month = _number(match, "m", range(1, 13))
    last = match.groupdict().get("until")
    return _read_day(int(last or match["day"]), month, match["year"], today)


def _end_of_named(match: re.Match[str], today: dt.date) -> _Days:
    month = _number(match, "m", range(1, 13))
    year = today.year if month >= today.month else today.year + 1
    return dt.date(year, month, calendar.monthrange(year, month)[1]), None


def _of_month(match: re.Match[str], today: dt.date) -> _Days:
    """Interpret 'the 25th': the next one, or the last one for a past payment."""
    day, until = (int(match[name] or 0) for name in ("day", "until"))
    ahead = _first_valid(_months(today, 1), until or day, lambda found: found >= today)
    back = _first_valid(_months(today, -1), day, lambda found: found <= today)
    if match["next"]:
        month = _next_month(today)
        return _date(month.year, month.month, until or day), None
    return ahead, back


def _weekday(match: re.Match[str], today: dt.date) -> _Days:
    """Interpret a weekday: 'Friday', on a Friday, is the next one, or today for a past payment."""
    wanted = _number(match, "d", range(7))
    ahead = today + dt.timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)
    back = today - dt.timedelta(days=(today.weekday() - wanted) % 7)
    return ahead, back


def _last_weekday(match: re.Match[str], today: dt.date) -> _Days:
    wanted = _number(match, "d", range(7))
    return None, today - dt.timedelta(days=(today.weekday() - wanted - 1) % 7 + 1)


def _weekday_of_next_week(match: re.Match[str], today: dt.date) -> _Days:
    """Interpret a weekday of next week. Weeks may begin on Sunday or Monday; both must give the same day."""
    wanted = _number(match, "d", range(7))
    by_monday = today - today.weekday() * _DAY + (7 + wanted) * _DAY
    by_sunday = today - (today.weekday() + 1) % 7 * _DAY + (7 + (wanted + 1) % 7) * _DAY
    return (by_monday if by_monday == by_sunday else None), None


def _counted(match: re.Match[str], today: dt.date) -> _Days:
    """Interpret 'in 3 days'. For 'in 2-3 days' use the later day."""
    count = _count(match["until"] or match["count"])
    if match["months"]:
        month = today
        for _ in range(min(count, 13)):
            month = _next_month(month)
        return _date(month.year, month.month, min(today.day, calendar.monthrange(month.year, month.month)[1])), None
    if match["hours"]:
        return today + dt.timedelta(days=-(-count // 24)), None
    return today + dt.timedelta(days=count * (7 if match["weeks"] else 1)), None


def _ago(match: re.Match[str], today: dt.date) -> _Days:
    return None, today - dt.timedelta(days=_count(match["count"]) * (7 if match["weeks"] else 1))


def _month_end(match: re.Match[str], today: dt.date) -> _Days:
    month = _next_month(today) if match["next"] or match["coming"] else today
    return month.replace(day=calendar.monthrange(month.year, month.month)[1]), None


def _next_month_start(match: re.Match[str], today: dt.date) -> _Days:
    return _next_month(today), None


def _year_end(match: re.Match[str], today: dt.date) -> _Days:
    return dt.date(today.year, 12, 31), None


def _unclear(match: re.Match[str], today: dt.date) -> _Days:
    return None, None


def _in(days: int) -> _Read:
    def read(match: re.Match[str], today: dt.date) -> _Days:
        day = today + dt.timedelta(days=days)
        return (day if days >= 0 else None), (day if days <= 0 else None)

    return read


# --- Helpers --------------------------------------------------------------------------------------------------------


def _both(day: dt.date | None, today: dt.date) -> _Days:
    return (day if day and day >= today else None), (day if day and day <= today else None)


def _read_day(day: int, month: int, year: str | None, today: dt.date) -> _Days:
    """Choose the year of a date without one: the nearer of future and past, and at most `_RECENTLY` in the past."""
    if year:
        return _both(_date(int(year) + (2000 if len(year) == 2 else 0), month, day), today)
    found = [each for difference in (-1, 0, 1) if (each := _date(today.year + difference, month, day))]
    nearest = min(found, key=lambda each: abs(each - today), default=None)
    back = max((each for each in found if today - _RECENTLY <= each <= today), default=None)
    return (nearest if nearest and nearest >= today else None), back


def _count(text: str) -> int:
    return int(text) if text.isdecimal() else named.NUMBERS[text]


def _number(match: re.Match[str], letter: str, numbers: range) -> int:
    return next(number for number in numbers if match[f"{letter}{number}"])


def _months(today: dt.date, step: int) -> Iterator[dt.date]:
    month = today.replace(day=1)
    for _ in range(3):
        yield month
        month = _next_month(month) if step > 0 else (month - _DAY).replace(day=1)


def _first_valid(months: Iterator[dt.date], day: int, fits: Callable[[dt.date], bool]) -> dt.date | None:
    found = (_date(month.year, month.month, day) for month in months)
    return next((each for each in found if each and fits(each)), None)


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=28) + dt.timedelta(days=7)).replace(day=1)


_M, _D, _N = named.MONTH, named.WEEKDAY, named.COUNT
_YEAR = r"(?P<year>\d{4}|\d{2})"
_APART = r"(?<![\w./-])"
_ENDS = r"(?![\w/-]|\.\d)"
_TH = "(?:st|nd|rd|th)"
# In this order: more exact forms first.
_FORMS: list[tuple[re.Pattern[str], _Read]] = [
    (re.compile(pattern), read)
    for pattern, read in (
        (rf"{_APART}(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_ENDS}", _iso),
        (rf"{_APART}(?P<first>\d{{1,2}})[-/.](?P<second>\d{{1,2}})[-/.]{_YEAR}{_ENDS}", _numeric),
        # Numbers that are not days: of an invoice or a flat, fractions, '24/7'.
        (rf"\b(?:{named.NUMBERED}) \d{{1,4}}[-/.]\d{{1,4}}{_ENDS}", _unclear),
        (rf"\b(?:{named.ON}) (?:the )?(?P<first>\d{{1,2}})[-/.](?P<second>\d{{1,2}})(?P<year>(?!)x)?{_ENDS}", _numeric),
        (rf"{_APART}(?:24/7|[1-3]/[2-4] (?:of|the|now|amount|payment|المبلغ)\b|1/2|50/50){_ENDS}", _unclear),
        (rf"{_APART}(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})(?P<year>(?!)x)?{_ENDS}", _numeric),
        (
            rf"{_APART}(?P<day>\d{{1,2}}){_TH}?(?:(?:-| to | till | until | and | or | الي | حتي )"
            rf"(?P<until>\d{{1,2}}){_TH}?)? ?(?:of |من |de |day of )?(?:شهر )?(?:{_M})(?: {_YEAR}(?!\d))?\b",
            _named,
        ),
        (rf"\b(?:end|نهايه|اخر|اواخر|fin) (?:of |de )?(?:شهر )?(?:{_M})\b", _end_of_named),
        (rf"\b(?:{_M}) (?:the )?(?P<day>\d{{1,2}}){_TH}?(?![\w./-])(?: (?P<year>\d{{4}}))?", _named),
        (rf"\b(?:{named.BEFORE_YESTERDAY})\b", _in(-2)),
        (rf"\b(?:{named.YESTERDAY})\b", _in(-1)),
        (rf"\b(?:{named.AFTER_TOMORROW})\b", _in(2)),
        (rf"\b(?:{named.TOMORROW})\b", _in(1)),
        (rf"\b(?:{_N}) (?:(?P<weeks>weeks?)|days?) ago\b", _ago),
        (rf"\b(?:{named.SINCE}) {_N} (?:(?P<weeks>{named.WEEKS})|{named.DAYS})\b", _ago),
        (rf"\b(?:{named.SINCE}) (?:يومين|yomen|yomain)\b", _in(-2)),
        (r"\b\d{1,2}(?:-\d{1,2})? (?:working|business|banking) days?\b", _unclear),
        (
            rf"\b(?:{named.IN}) (?:max |maximum |another |next |the next |about |around |اقصاها )*{_N}"
            rf"(?:(?:-| to | or | او | الي )(?P<until>\d{{1,2}}|{named.COUNTS}))? (?:more )?"
            rf"(?:(?P<weeks>{named.WEEKS})|(?P<months>months?|شهور|اشهر|شهر)|(?P<hours>hours?|hrs?|ساعه|ساعات)"
            rf"|{named.DAYS})\b",
            _counted,
        ),
        (rf"\b(?:{named.IN}) (?:يومين|yomen|yomain|youmein)(?: (?:او )?(?:تلاته|ثلاثه))?\b", _in(2)),
        (rf"\b(?:{named.IN}) اسبوعين\b", _in(14)),
        (
            rf"\b(?:{_D}) (?:of )?(?:the )?(?:next week|(?:من )?الاسبوع (?:القادم|المقبل|الجاي))\b",
            _weekday_of_next_week,
        ),
        (rf"\b(?:next week|الاسبوع (?:القادم|المقبل|الجاي))(?: on| يوم)? (?:{_D})\b", _weekday_of_next_week),
        (rf"\b(?:{named.NEXT_WEEK})\b", _in(7)),
        (
            r"\b(?:end|last day) of (?:the |this |each |every )?(?P<next>next )?month\b|\bmonth ?end\b|\beom\b"
            r"|\b(?:نهايه|اخر) (?:هذا |هاد |هاي )?(?:ال)?شهر(?: الحالي)?(?P<coming> (?:القادم|المقبل|الجاي))?\b"
            r"|\b(?:akher|a5er|akhir) (?:el |al )?(?:shahr|shaher|sha7r)\b",
            _month_end,
        ),
        (
            r"\b(?:(?:beginning|start|first) of (?:the )?next month|(?:اول|بدايه|مطلع) الشهر(?: القادم| الجاي| المقبل)?)\b",
            _next_month_start,
        ),
        (r"\bend of (?:the |this )?year\b|\byear ?end\b|\b(?:نهايه|اخر) (?:هذه )?السنه\b", _year_end),
        (rf"\b(?:last|past|previous) (?:{_D})\b", _last_weekday),
        (rf"\b(?:{_D}) (?:{named.PAST})\b", _last_weekday),
        (rf"\b(?:{_D})(?:s(?= (?:payment|pay|run|batch|transfer|cycle|bank)\b))?\b", _weekday),
        (rf"{_APART}\d{{1,2}}{_TH} (?:{named.COUNTED_THINGS})\b", _unclear),
        (
            rf"\b(?:(?:{named.ON}) (?:the )?(?:{named.DAY_WORD} )?|the |{named.DAY_WORD} )(?P<day>\d{{1,2}}){_TH}?"
            rf"(?:(?:-| to | till | until | and | الي | حتي )(?P<until>\d{{1,2}}){_TH}?)?"
            rf"(?P<next> of (?:the )?next month| الشهر (?:القادم|المقبل|الجاي))?"
            rf"(?! ?(?:am|pm|percent|aed|sar|usd|dhs|k)\b)(?=$| (?:{named.AFTER_A_DAY})\b|(?<=[a-z]) | و)",
            _of_month,
        ),
        (
            rf"{_APART}(?P<day>\d{{1,2}}){_TH}(?:(?:-| to | till | until )(?P<until>\d{{1,2}}){_TH}?)?"
            rf"(?P<next> of (?:the )?next month)?\b",
            _of_month,
        ),
        (
            rf"{_APART}(?P<day>\d{{1,2}})(?P<until>(?!)x)? (?:من |في |of )?(?:هذا |this |the )?(?:الشهر|month)(?P<next>(?!)x)?\b",
            _of_month,
        ),
        # 'يوم 25 بحول', '28 ko': these words show that the number is a day.
        (rf"(?<!كل )\b(?:يوم|بتاريخ) (?P<day>\d{{1,2}}){_ENDS}(?P<until>(?!)x)?(?P<next>(?!)x)?", _of_month),
        (rf"{_APART}(?P<day>\d{{1,2}})(?P<until>(?!)x)?(?P<next>(?!)x)? (?:ko|tarikh|tareekh)\b", _of_month),
        (rf"\b(?:{named.TODAY})\b", _in(0)),
    )
]
