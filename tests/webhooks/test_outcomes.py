"""What an answer means, and when the next try is."""

import datetime as dt
import random
from collections import Counter
from email.utils import format_datetime

import pytest

from webhooks.delivery.outcomes import SCHEDULE_S, outcome, retry_after_s, wait_s
from webhooks.delivery.transport import Response
from webhooks.models import DeliveryStatus

NOW = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)


def after(status: int | None, tries: int = 1, retry_after: str = "") -> tuple[str, float | None]:
    """The delivery's status, and the seconds until its next try."""
    found = outcome(Response(5, status, "" if status else "timeout", b"", retry_after), tries, NOW)
    return found.status, (found.next_at - NOW).total_seconds() if found.next_at else None


def test_the_schedule_is_the_published_one() -> None:
    hours = [seconds / 3600 for seconds in SCHEDULE_S]
    assert hours[4:] == [2, 5, 10, 14, 20, 24]
    assert SCHEDULE_S[:4] == (0, 5, 300, 1800)
    assert len(SCHEDULE_S) == 10
    assert 75 < sum(hours) < 76


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(status: int) -> None:
    assert after(status) == (DeliveryStatus.DELIVERED, None)
    assert after(status, 10) == (DeliveryStatus.DELIVERED, None)


@pytest.mark.parametrize("status", [None, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 429, 500, 503])
def test_anything_else_is_tried_again_until_the_tenth_try(status: int | None) -> None:
    for tries in range(1, 10):
        state, wait = after(status, tries)
        assert state == DeliveryStatus.PENDING
        assert wait is not None
        assert SCHEDULE_S[tries] <= wait <= 1.2 * SCHEDULE_S[tries]
    assert after(status, 10) == (DeliveryStatus.FAILED, None)


def test_gone_is_final() -> None:
    assert after(410) == (DeliveryStatus.FAILED, None)


@pytest.mark.parametrize(
    ("asked", "earliest", "latest"),
    [
        ("0", 300, 360),
        ("299", 300, 360),
        ("400", 400, 480),
        ("550", 550, 600),
        ("600", 600, 600),
        ("86400", 600, 600),
        ("999999999", 600, 600),
        (format_datetime(NOW + dt.timedelta(seconds=450), usegmt=True), 450, 540),
        (format_datetime(NOW + dt.timedelta(days=9), usegmt=True), 600, 600),
        (format_datetime(NOW - dt.timedelta(days=9), usegmt=True), 300, 360),
    ],
)
def test_retry_after_is_honoured_between_the_step_and_twice_the_step(
    asked: str, earliest: float, latest: float
) -> None:
    for _ in range(50):
        _, wait = after(503, 2, asked)
        assert wait is not None
        assert earliest <= wait <= latest


@pytest.mark.parametrize(
    "header", ["", "soon", "-5", "1e3", "٥٥", "5.5", "9" * 5000, "Wed, 99 Foo 2026 12:00:00 GMT", "\xff"]
)
def test_a_retry_after_that_says_nothing_is_ignored(header: str) -> None:
    assert retry_after_s(header, NOW) is None
    state, wait = after(503, 2, header)
    assert state == DeliveryStatus.PENDING
    assert wait is not None
    assert 300 <= wait <= 360


def test_what_failed_together_comes_back_spread_evenly() -> None:
    random.seed(4)
    waits = [wait_s(300) for _ in range(6_000)]
    by_five_seconds = Counter(int((wait - 300) // 5) for wait in waits)
    assert set(by_five_seconds) <= set(range(12))
    assert max(by_five_seconds.values()) < 1.25 * 6_000 / 12
    assert min(by_five_seconds.values()) > 0.75 * 6_000 / 12
