"""Outcome of a response: delivered, given up, or the time of the next attempt. docs/webhooks.md has these rules."""

import datetime as dt
import random
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from webhooks.delivery.transport import Response
from webhooks.models import DeliveryStatus

# Seconds from one try to the next, as published.
SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.2
GONE = 410

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`next_at` is set for a delivery that stays pending, and only for it."""

    status: DeliveryStatus
    next_at: dt.datetime | None = None


def is_success(response: Response) -> bool:
    return response.status is not None and 200 <= response.status < 300


def outcome(response: Response, tries: int, now: dt.datetime) -> Outcome:
    """After `tries` tries, this one included, of which `response` came at `now`."""
    if is_success(response):
        return Outcome(DeliveryStatus.DELIVERED)
    if response.status == GONE or tries >= len(SCHEDULE_S):
        return Outcome(DeliveryStatus.FAILED)
    wait = wait_s(SCHEDULE_S[tries], retry_after_s(response.retry_after, now))
    return Outcome(DeliveryStatus.PENDING, now + dt.timedelta(seconds=wait))


def wait_s(step: float, asked: float | None = None) -> float:
    """The step, or what the receiver asked for if that lies between the step and twice the step. Jitter only adds, so
    that what failed together does not come back together.
    """
    earliest = max(step, min(asked or 0, 2 * step))
    return min(2 * step, earliest * (1 + random.uniform(0, JITTER)))  # noqa: S311


def retry_after_s(header: str, now: dt.datetime) -> float | None:
    """Seconds from now, of a number of seconds or an HTTP date. None for anything else."""
    header = header.strip()
    if _SECONDS.fullmatch(header):
        return float(header)
    try:
        at = parsedate_to_datetime(header)
        return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() - now.timestamp()
    except (ValueError, OverflowError):
        return None
