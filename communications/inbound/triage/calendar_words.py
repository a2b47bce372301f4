"""Words for days, weeks and months, from `calendar_words.toml`."""

import tomllib
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_name("calendar_words.toml").read_text(encoding="utf-8"))


def _words(name: str) -> str:
    """Return the alternatives of an entry as one pattern."""
    return str(_TABLE[name]).strip().replace("\n", "|")


def _weekday(english: str, arabic: str, arabizi: str) -> str:
    """Return the pattern of a weekday. In Arabic the article or the word for 'day' is required before it."""
    with_article = rf"(?:يوم )?(?:[وفبل]?ال|لل)(?:{arabic})|يوم (?:{arabic})"
    return rf"{english}|{with_article}|(?:el|al|il|l) ?(?:{arabizi})|(?:yom|youm|yawm|nhar) (?:el |al |l)?(?:{arabizi})"


MONTH = "|".join(f"(?P<m{number}>{names})" for number, names in enumerate(_TABLE["months"], start=1))
WEEKDAY = "|".join(f"(?P<d{number}>{_weekday(*names)})" for number, names in enumerate(_TABLE["weekdays"]))
NUMBERS: dict[str, int] = {
    word: number for number, words in enumerate(_TABLE["numbers"], start=1) for word in words.split("|")
}
COUNTS = "|".join(sorted(NUMBERS, key=len, reverse=True))
COUNT = rf"(?P<count>\d{{1,2}}|{COUNTS})"
PAST = _words("past")
DAYS = _words("days")
WEEKS = _words("weeks")
IN = _words("in")
SINCE = _words("since")
TOMORROW = _words("tomorrow")
AFTER_TOMORROW = _words("after_tomorrow")
YESTERDAY = _words("yesterday")
BEFORE_YESTERDAY = _words("before_yesterday")
TODAY = _words("today")
NEXT_WEEK = _words("next_week")
ON = _words("on")
DAY_WORD = _words("day_word")
NUMBERED = _words("numbered")
COUNTED_THINGS = _words("counted_things")
AFTER_A_DAY = _words("after_a_day")
EITHER = frozenset(_words("either").split("|"))
UNTIL = frozenset(_words("until").split("|"))
BESIDE_A_DAY = frozenset(_TABLE["beside_a_day"].split())
