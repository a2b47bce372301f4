"""A labelled set of replies, and how often the rules read them as a person would. Today is Sunday, 22 November 2026.

A line of `replies.tsv` is: what a person makes of it, the day that it names, the channel, and the text. `stop` is a
request to stop and nothing else; `stop_among` one among other things, for a person. 'Stop it' and 'stop sending this'
end what goes on, which is our messages alone; 'don't send this' may mean goods that have not left, and is for a person.
"""

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest

from communications.inbound import quoting, texts
from communications.inbound.triage import classification
from communications.models import Triage

TODAY = dt.date(2026, 11, 22)
ROWS = [
    line.split("\t")
    for line in (Path(__file__).parent / "replies.tsv").read_text(encoding="utf-8").splitlines()
    if line
]


def read(channel: str, text: str) -> tuple[str, dt.date | None]:
    text = text.replace("\\n", "\n")
    found = classification.read(texts.shown(quoting.without_quote(text) if channel == "email" else text), TODAY)
    if found.is_unmistakable:
        return "stop", None
    what = "stop_among" if found.triage == Triage.STOP else str(found.triage)
    return what, found.paid_on if found.triage == Triage.PAID else found.promised_on


@pytest.fixture(scope="module")
def readings() -> list[tuple[str, str, dt.date | None, dt.date | None]]:
    """Label, reading, the day that is named, and the day that was read."""
    found = []
    for label, day, channel, text in ROWS:
        what, read_day = read(channel, text)
        found.append((label, what, dt.date.fromisoformat(day) if day else None, read_day))
    return found


Readings = list[tuple[str, str, dt.date | None, dt.date | None]]


def test_the_set_is_large_and_holds_every_kind() -> None:
    assert len(ROWS) >= 400
    assert set(Counter(row[0] for row in ROWS)) == {*Triage.values, "stop_among"}
    assert len({row[3] for row in ROWS}) == len(ROWS)


@pytest.mark.properties
def test_nobody_is_opted_out_by_mistake_and_few_requests_are_missed(readings: Readings) -> None:
    automatic = [label for label, what, *_ in readings if what == "stop"]
    assert set(automatic) == {"stop"}
    assert len(automatic) >= 0.9 * sum(label == "stop" for label, *_ in readings)


@pytest.mark.parametrize("kind", ["paid", "promise"])
def test_what_is_proposed_is_seldom_wrong(readings: Readings, kind: str) -> None:
    proposed = [label for label, what, *_ in readings if what == kind]
    assert sum(label != kind for label in proposed) <= 0.1 * len(proposed)


@pytest.mark.parametrize("kind", ["paid", "promise", "dispute", "wrong_person", "other"])
def test_most_of_each_kind_is_found(readings: Readings, kind: str) -> None:
    labelled = [what for label, what, *_ in readings if label == kind]
    assert sum(what == kind for what in labelled) >= 0.9 * len(labelled)


def test_a_day_is_read_as_it_is_meant_or_left_empty(readings: Readings) -> None:
    both = [(named, found) for label, what, named, found in readings if label == what and label in ("paid", "promise")]
    assert [pair for pair in both if pair[1] and pair[0] != pair[1]] == []
    assert sum(named == found for named, found in both) >= 0.95 * len(both)
