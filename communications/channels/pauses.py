"""Pauses of a mail server or gateway that refuses every message.

Three refusals of class `OURS` within 5 minutes, with no message accepted in between, pause it for 15 minutes. Then one
message is sent as a probe, and the others wait for its result. The state is a row that all workers share.
"""

import datetime as dt
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import Q

from communications.channels import gateways
from communications.channels.errors import SenderPaused
from communications.models import Medium, SenderHealth
from inflow.accounts.models import Account

log = structlog.get_logger(__name__)

MAX_REFUSALS, REFUSAL_WINDOW = 3, dt.timedelta(minutes=5)
PAUSE = dt.timedelta(minutes=15)
# After this many pauses in a row, a probe is sent once an hour.
SHORT_PAUSES, LONG_PAUSE = 3, dt.timedelta(hours=1)
# Longer than any provider call, so that a worker that dies during a probe does not block the others.
PROBE_LEASE = dt.timedelta(minutes=5)
PROBE_RETRY = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Permit:
    """Permission to send one message."""

    key: str
    is_probe: bool = False


def key_of(account: Account, channel: str) -> str:
    """Return the primary key of the `SenderHealth` of the mail server or gateway that sends the account's messages.

    An account with its own clock has its own row, because the times are not comparable.
    """
    gateway = None if channel == Medium.EMAIL else gateways.of(account).get(channel)
    key = f"gateway:{gateway.pk}" if gateway else str(channel)
    return f"{key}@{account.pk}" if account.clock else key


def acquire(key: str, now: dt.datetime) -> Permit:
    """Return a permit, to be ended by `record_accepted`, `record_refused` or `release`. Raise `SenderPaused`."""
    health = SenderHealth.objects.filter(pk=key).first()
    if health is None or health.paused_until is None:
        return Permit(key)
    if now < health.paused_until:
        raise SenderPaused(health.paused_until - now)
    free = SenderHealth.objects.filter(Q(probe_until=None) | Q(probe_until__lte=now), pk=key, paused_until__lte=now)
    if free.update(probe_until=now + PROBE_LEASE):
        return Permit(key, is_probe=True)
    raise SenderPaused(PROBE_RETRY)


def release(permit: Permit) -> None:
    """End a permit without a result: no message was sent, or the refusal concerned the recipient."""
    if permit.is_probe:
        SenderHealth.objects.filter(pk=permit.key).update(probe_until=None)


def record_accepted(permit: Permit) -> None:
    """Reset the refusals: the server accepts messages."""
    health = SenderHealth.objects.filter(pk=permit.key).exclude(refused_at=[], paused_until=None)
    health.update(refused_at=[], said="", paused_until=None, pauses=0, probe_until=None)


def record_refused(permit: Permit, now: dt.datetime, message: str) -> None:
    """Count a refusal of class `OURS` and start a pause if there are too many."""
    with transaction.atomic():
        SenderHealth.objects.get_or_create(pk=permit.key)
        health = SenderHealth.objects.select_for_update().get(pk=permit.key)
        health.refused_at = [*(at for at in health.refused_at if at > now - REFUSAL_WINDOW), now][-MAX_REFUSALS:]
        health.said = message[:300]
        is_paused = health.paused_until is not None
        if permit.is_probe or (not is_paused and len(health.refused_at) == MAX_REFUSALS):
            health.pauses = min(health.pauses + 1, 1_000)
            pause = PAUSE if health.pauses <= SHORT_PAUSES else LONG_PAUSE
            health.paused_until, health.probe_until = now + pause, None
            log.warning("sender_paused", sender=permit.key, until=health.paused_until.isoformat(), error=message)
        health.save(update_fields=["refused_at", "said", "pauses", "paused_until", "probe_until"])
