"""Outcome of an attempt: delivered, failed, or the time of the next attempt. See docs/webhooks.md."""

import datetime as dt
import random
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from webhooks.delivery.transport import Response
from webhooks.models import DeliveryStatus

# Seconds between attempts, as documented.
SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.2
GONE = 410

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Outcome:
    """New status of a delivery. `next_at` is set if it stays pending."""

    status: DeliveryStatus
    next_at: dt.datetime | None = None


def is_success(response: Response) -> bool:
    return response.status is not None and 200 <= response.status < 300


def outcome(response: Response, attempts: int, now: dt.datetime) -> Outcome:
    """Return the outcome of an attempt at `now`. `attempts` is the number of attempts so far, including this one."""
    if is_success(response):
        return Outcome(DeliveryStatus.DELIVERED)
    if response.status == GONE or attempts >= len(SCHEDULE_S):
        return Outcome(DeliveryStatus.FAILED)
    wait = wait_s(SCHEDULE_S[attempts], retry_after_s(response.retry_after, now))
    return Outcome(DeliveryStatus.PENDING, now + dt.timedelta(seconds=wait))


def wait_s(step: float, requested: float | None = None) -> float:
    """Return the seconds to the next attempt: `step`, or `requested` by the receiver, up to twice the step.

    Jitter is added, so that deliveries that failed together are not retried together.
    """
    earliest = max(step, min(requested or 0, 2 * step))
    return min(2 * step, earliest * (1 + random.uniform(0, JITTER)))  # noqa: S311


def retry_after_s(header: str, now: dt.datetime) -> float | None:
    """Return the seconds from now of a Retry-After header, or None if it is invalid."""
    header = header.strip()
    if _SECONDS.fullmatch(header):
        return float(header)
    try:
        at = parsedate_to_datetime(header)
        return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() - now.timestamp()
    except (ValueError, OverflowError):
        return None
