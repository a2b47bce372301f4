"""Wall times of the demo's past. The engine stamps rows by the wall, on which all of the past was played just now."""

import datetime as dt
import json
import uuid
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from django.db.models import F, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce, Least

from communications.models import Communication, Reply
from inflow.accounts.models import Account
from invoices.models import Escalation, Invoice, Promise, PromiseStatus, TimelineEntry
from webhooks import outbox
from webhooks.models import Event


def date_rows(account: Account, now: dt.datetime) -> None:
    """Date rows back to the moment of the account's clock at which they were written. The ledger can't be."""
    entries = TimelineEntry.objects.filter(invoice=OuterRef("pk")).order_by().values("invoice")
    last = entries.annotate(at=Max("at")).values("at")
    Invoice.objects.for_account(account).update(created_at=F("entered_at"), updated_at=Subquery(last))
    planned = Least(Coalesce("not_before", "scheduled_for"), Coalesce("sent_at", now), now)
    Communication.objects.for_account(account).update(created_at=planned)
    Escalation.objects.for_account(account).update(created_at=F("opened_at"))
    Reply.objects.for_account(account).update(created_at=F("received_at"))
    # An open promise is kept by what was recorded after it, by the wall.
    promises = Promise.objects.filter(account=account).order_by("invoice", "created_at")
    promised = TimelineEntry.objects.filter(account=account, kind="promise").order_by("invoice", "id")
    for promise, entry in zip(promises, promised, strict=True):
        if promise.status != PromiseStatus.OPEN:
            promise.created_at = entry.at
            promise.save(update_fields=["created_at"])


def date_events(account: Account, moments: Sequence[tuple[int, dt.datetime]]) -> list[Event]:
    """Write the events of `moments` anew, with their times, and forget those before: events can't be changed. Each
    moment has the number of its last event."""
    events = list(Event.objects.for_account(account).order_by("seq"))
    Event.objects.filter(pk__in=[event.pk for event in events]).delete()
    numbers = [number for number, _ in moments]
    kept = [event for event in events if event.seq > numbers[0]]
    registered = dict(Invoice.objects.for_account(account).values_list("pk", "created_at"))
    for event in kept:
        event.created_at = moments[bisect_left(numbers, event.seq)][1]
        data: dict[str, Any] = json.loads(event.body)["data"]
        for each in filter(None, (data, data.get("invoice"))):
            each["created_at"] = registered.get(uuid.UUID(each["id"]), event.created_at)
            if "updated_at" in each:
                each["updated_at"] = event.created_at
        event.body = outbox.freeze(event.pk, event.type, event.created_at, data)
    return Event.objects.bulk_create(kept)
