"""Classification of replies by rules, in English, Arabic and Arabizi. The result is a proposal that staff confirm.

Only a message that is nothing but a request to stop takes effect automatically. The rules read the beginning of the
message without its signature, clause by clause. Questions and denied statements are not claims.
"""

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal

from communications.inbound.triage import claims, dates, figures, signatures, stops
from communications.inbound.triage.spelling import Clause, clauses, normalise
from communications.models import Triage

__all__ = ["MAX_READ", "Reading", "normalise", "read"]

# Maximum number of characters that the rules read.
MAX_READ = 6_000
_FEW_WORDS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """Result of the classification.

    `promised_on` is the day of a promised payment. `paid_on`, `reference` and `amount` belong to a reported payment.
    `is_unmistakable` is True if the message is a request to stop and nothing else.
    """

    triage: Triage
    promised_on: dt.date | None = None
    paid_on: dt.date | None = None
    reference: str = ""
    amount: Decimal | None = None
    asks_to_stop: bool = False
    is_unmistakable: bool = False


def read(text: str, today: dt.date) -> Reading:
    """Classify a message without quoted text. `today` is in the account's time zone."""
    written = signatures.without(text[:MAX_READ])
    parts = clauses(written)
    reading = _substance(written, parts, today)
    if stops.is_unmistakable(parts, may_lead_to_it=reading is None):
        return Reading(Triage.STOP, asks_to_stop=True, is_unmistakable=True)
    asks_to_stop = stops.is_mentioned(parts)
    if reading is None:
        return Reading(Triage.STOP if asks_to_stop else Triage.OTHER, asks_to_stop=asks_to_stop)
    return replace(reading, asks_to_stop=asks_to_stop)


def _substance(written: str, parts: list[Clause], today: dt.date) -> Reading | None:
    """Return the first match of: wrong person, refusal, promise, payment, dispute, a day alone. None if none."""
    words = " ".join(part.words for part in parts)
    disputes = any(_disputes(part) for part in parts)
    if any(claims.WRONG_PERSON.search(part.words) for part in parts) or signatures.denies_identity(written):
        return Reading(Triage.WRONG_PERSON)
    promises = [part for part in parts if _promises(part, today)]
    paid = [part for part in parts if _claims_payment(part)]
    until = [part for part in parts if _can_only_later(part) and dates.find(part.words, today)]
    if any(_refuses(part) for part in parts) and not until and not paid:
        return Reading(Triage.DISPUTE)
    if paid and not until and all(claims.ARRIVES.search(part.words) for part in promises):
        promises = []  # what was sent, and will arrive
    if promises or until:
        day = _day_of(promises + until, parts, today)
        is_conditional = any(claims.CONDITION.search(part.words) for part in promises) and day is None
        if not (disputes and (is_conditional or not day)) and not (disputes and is_conditional):
            return Reading(Triage.PROMISE, day)
        if not disputes:
            return Reading(Triage.PROMISE, day)
    if paid:
        found = figures.of_payment(written)
        return Reading(Triage.PAID, None, _past_day_of(paid, parts, today), found.reference, found.amount)
    if disputes:
        return Reading(Triage.DISPUTE)
    if not any(part.asks for part in parts) and _names_a_day_to_pay(words, parts, today):
        return Reading(Triage.PROMISE, dates.find(words, today))
    return None


def _names_a_day_to_pay(words: str, parts: list[Clause], today: dt.date) -> bool:
    """Return the day of a message that is hardly more than a day, or a few words about money: 'Salary, so 1st Dec'."""
    if dates.is_nothing_else(words, today):
        return True
    is_short = len(words.split()) <= _FEW_WORDS and not any(_demands(part) or _denies(part) for part in parts)
    return bool(is_short and claims.MONEY_AHEAD.search(words) and dates.find(words, today))


def _denies(part: Clause) -> bool:
    denials = (claims.REFUSES, claims.CANNOT, claims.DENIED_PROMISE, claims.DENIED_PAYMENT)
    return any(denial.search(part.words) for denial in denials)


def _disputes(part: Clause) -> bool:
    return bool(claims.DISPUTE.search(part.words)) and not (part.asks and claims.DOUBTS.search(part.words))


def _claims_payment(part: Clause) -> bool:
    words = claims.CONDITION.split(part.words, maxsplit=1)[0]
    if part.asks and not words.startswith(
        ("i paid", "we paid", "i have paid", "we have paid", "i already", "we already")
    ):
        return False
    return bool(claims.HAS_PAID.search(" ".join(claims.DENIED_PAYMENT.sub(" - ", words).split())))


def _promises(part: Clause, today: dt.date) -> bool:
    if part.asks:
        return False
    words = part.words
    for denied in (claims.REFUSES, claims.CANNOT, claims.DENIED_PROMISE):
        words = denied.sub(" - ", words)
    words = " ".join(words.split())
    if claims.WILL_PAY.search(words):
        return True
    if claims.CAN_ON_A_DAY.search(words) and dates.find(part.words, today):
        return True
    is_of_money = claims.MONEY_AHEAD.search(words) and not _claims_payment(part) and not _demands(part)
    return bool(is_of_money and dates.find(part.words, today) and "-" not in words.split())


def _demands(part: Clause) -> bool:
    """Return True for requests by the sender, such as 'Please send it before Thursday'."""
    return part.words.startswith(
        ("please", "kindly", "pls", "send", "can ", "could ", "ارسل", "ارجو", "نرجو", "الرجاء")
    )


def _refuses(part: Clause) -> bool:
    return bool(claims.REFUSES.search(part.words)) and not part.words.startswith(("if ", "when "))


def _can_only_later(part: Clause) -> bool:
    """Match 'We can't pay before Sunday', 'I will not pay until the 5th'."""
    found = claims.CANNOT.search(part.words) or claims.REFUSES.search(part.words)
    return bool(found and claims.UNTIL.search(part.words[found.end() - 1 :])) and not part.asks


def _day_of(claiming: list[Clause], parts: list[Clause], today: dt.date) -> dt.date | None:
    """Return the day in the clause of the promise, else in the adjacent clauses."""
    for part in claiming:
        words = part.words
        following = parts[parts.index(part) + 1 :]
        if following and dates.is_nothing_else(following[0].words, today):  # 'on Monday, 30 November'
            words = f"{words} {following[0].words}"
        if dates.mentions(words, today):
            if day := dates.find(words, today):
                return day
            if any(each.ahead is None and each.back is None for each in dates.mentions(words, today)):
                return None  # a day that can be read in two ways
    beside = [part for part in parts if part not in claiming and not _claims_payment(part)]
    found = {day for part in beside if (day := dates.find(part.words, today))}
    return found.pop() if len(found) == 1 else None


def _past_day_of(claiming: list[Clause], parts: list[Clause], today: dt.date) -> dt.date | None:
    for part in claiming:
        if day := dates.find_past(part.words, today):
            return day
    found = {day for part in parts if part not in claiming and (day := dates.find_past(part.words, today))}
    return found.pop() if len(found) == 1 else None
