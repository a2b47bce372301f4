"""Text from outside is read in time that grows with its length and no faster.

Here the steps of Python's code are counted, and the patterns are compared with the list of those that were reviewed.
`make nightly` measures all readers with all texts.
"""

import contextlib
import sys
import time

import pytest

from tests import patterns
from tests.readers import FEW, READERS, WORST, Read, long

LENGTH = 100_000
# Twice the text, with what does not grow.
MOST_TIMES, SLACK = 2.3, 2_000
# A pattern that is quadratic takes four times as long. Below this a measurement says nothing.
MOST_TIMES_LONGER, LEAST_S = 3.2, 0.1


def steps(read: Read, text: str) -> int:
    """Calls of functions, Python's own among them."""
    count = 0

    def tick(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(tick)
    try:
        with contextlib.suppress(Exception):
            read(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.properties
@pytest.mark.parametrize("name", READERS)
def test_twice_the_text_takes_at_most_twice_the_steps(name: str) -> None:
    for word in FEW:
        half, whole = (steps(READERS[name], long(word, length)) for length in (LENGTH // 2, LENGTH))
        assert whole <= MOST_TIMES * half + SLACK, word


def test_each_pattern_of_re_was_reviewed() -> None:
    """`python -m tests.patterns` adds one that was reviewed: see there."""
    assert patterns.found() == patterns.reviewed()


def seconds(read: Read, text: str) -> float:
    started = time.process_time()
    with contextlib.suppress(Exception):
        read(text)
    return time.process_time() - started


@pytest.mark.nightly
@pytest.mark.parametrize("word", WORST)
@pytest.mark.parametrize("name", READERS)
def test_twice_the_text_takes_about_twice_the_time(name: str, word: str) -> None:
    whole = seconds(READERS[name], long(word, LENGTH))
    if whole > LEAST_S:
        half = min(seconds(READERS[name], long(word, LENGTH // 2)) for _ in range(2))
        whole = min(whole, seconds(READERS[name], long(word, LENGTH)))
        assert whole <= MOST_TIMES_LONGER * half
