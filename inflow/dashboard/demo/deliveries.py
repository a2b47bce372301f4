"""The demo's webhooks: what two targets have made of its events. Nothing of it was sent."""

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from typing import Any

from inflow.accounts.encryption import encrypt
from inflow.accounts.models import Account
from inflow.dashboard.demo.stage import DAY, EVENTS_KEPT, Stage
from webhooks.delivery import signing
from webhooks.delivery.outcomes import SCHEDULE_S
from webhooks.endpoints import REASON_FAILING
from webhooks.models import Attempt, Delivery, DeliveryStatus, Event, EventType, Subscription

RECEIVER_ID = uuid.UUID("de300000-0000-4000-8000-000000000002")
HEARD = [
    EventType.INVOICE_CREATED,
    EventType.INVOICE_STATUS_CHANGED,
    EventType.PAYMENT_RECORDED,
    EventType.COMMUNICATION_SENT,
    EventType.COMMUNICATION_FAILED,
]
FAILURES = [
    (503, "", 140, "Service Unavailable"),
    (502, "", 310, "Bad Gateway"),
    (None, "connection", 21, ""),
    (None, "timeout", 10_004, ""),
]


def write(account: Account, events: Sequence[Event], stage: Stage, receiver_url: str) -> None:
    log = _Log(account, stage.random)
    _tell_receiver(log, events, stage.now, receiver_url)
    _tell_broken(log, events, stage.now)
    Delivery.objects.bulk_create(log.deliveries)
    Attempt.objects.bulk_create(sorted(log.attempts, key=lambda attempt: attempt.at))


class _Log:
    """Deliveries and attempts that are not saved yet."""

    def __init__(self, account: Account, draw: random.Random) -> None:
        self.account, self.random = account, draw
        self.deliveries: list[Delivery] = []
        self.attempts: list[Attempt] = []

    def subscribe(self, url: str, events: list[EventType], **fields: Any) -> Subscription:
        secret = encrypt(signing.new_secret())
        values = {"target_url": url, "events": sorted(events), "sealed_secret": secret, **fields}
        return Subscription.objects.create(account=self.account, **values)

    def deliver(self, event: Event, subscription: Subscription, failures: int, *, until: dt.datetime) -> None:
        """Add the attempts of a delivery up to `until`: `failures` in vain, on the schedule, then one that succeeds."""
        delivery = Delivery(account=self.account, event=event, subscription=subscription, created_at=event.created_at)
        at = event.created_at + dt.timedelta(milliseconds=self.random.randint(80, 700))
        delivery.next_attempt_at = at
        while delivery.next_attempt_at and delivery.next_attempt_at <= until:
            at, made = delivery.next_attempt_at, delivery.attempts_made + 1
            fails = made <= failures
            self.attempts.append(self._attempt(delivery, at, fails))
            delivery.attempts_made, delivery.next_attempt_at = made, None
            if not fails:
                delivery.status = DeliveryStatus.DELIVERED
            elif made == len(SCHEDULE_S):
                delivery.status = DeliveryStatus.FAILED
            else:
                wait = SCHEDULE_S[made] * self.random.uniform(1, 1.2)
                delivery.next_attempt_at = at + dt.timedelta(seconds=wait)
        if delivery.next_attempt_at and not subscription.is_active:
            delivery.status, delivery.next_attempt_at = DeliveryStatus.SKIPPED, None
        self.deliveries.append(delivery)

    def _attempt(self, delivery: Delivery, at: dt.datetime, fails: bool) -> Attempt:
        if not fails:
            return Attempt(delivery=delivery, at=at, ms=self.random.randint(6, 90), status=204)
        status, error, ms, response = self.random.choice(FAILURES)
        return Attempt(delivery=delivery, at=at, ms=ms, status=status, error=error, response=response)


def _tell_receiver(log: _Log, events: Sequence[Event], now: dt.datetime, url: str) -> None:
    """Three weeks with the receiver of `make run`: most arrive at once, some late, few never, the last one is due."""
    since = now - 21 * DAY
    subscription = log.subscribe(url, HEARD, id=RECEIVER_ID, created_at=since)
    heard = [event for event in events if event.created_at >= since and event.type in subscription.events]
    for index, event in enumerate(heard):
        settled = now - event.created_at > dt.timedelta(hours=2)
        failures = log.random.choices((0, 1, 2, 3), (86, 9, 3, 2))[0] if settled else 0
        if index in (3, 17):
            failures = 10
        log.deliver(event, subscription, failures, until=now)
    last = log.deliveries[-1]
    log.attempts = [attempt for attempt in log.attempts if attempt.delivery != last]
    last.status, last.attempts_made, last.next_attempt_at = DeliveryStatus.PENDING, 0, now


def _tell_broken(log: _Log, events: Sequence[Event], now: dt.datetime) -> None:
    """A target that fell silent: ten tries in vain for each event, then disabled, and skipped ever since."""
    since, broke, disabled = (now - days for days in (EVENTS_KEPT, 24 * DAY, 14 * DAY))
    events_heard = [EventType.INVOICE_CREATED, EventType.PAYMENT_RECORDED]
    state = {"is_active": False, "disabled_reason": REASON_FAILING, "failing_since": broke, "created_at": since}
    subscription = log.subscribe("https://hooks.erp.example/inflow", events_heard, **state)
    for event in events:
        if event.type in subscription.events:
            log.deliver(event, subscription, 0 if event.created_at < broke else 10, until=disabled)
    subscription.failures = sum(
        attempt.status != 204 for attempt in log.attempts if attempt.delivery.subscription == subscription
    )
    subscription.save()
