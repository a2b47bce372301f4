"""Earlier attempts of a step, which decide on the number and the channels of the next one."""

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db.models import QuerySet

from communications.models import Communication
from communications.schedule.policies import Step
from inflow.sql import compiled
from invoices.models import OPEN, Invoice


class Attempts(NamedTuple):
    """The number of attempts of a step, and the channels on which it failed for good."""

    number: int = 0
    closed: frozenset[str] = frozenset()


# Invoice, round, offset and kind of a step.
Key = tuple[uuid.UUID, int, int, str]


def key_of(invoice: Invoice, step: Step) -> Key:
    return invoice.pk, invoice.round, step.offset_days, step.kind


def of_step(invoice: Invoice, step: Step) -> Attempts:
    """Return the attempts of a step of one invoice."""
    rows = _of_step(invoice=invoice.pk, round=invoice.round, step=step.offset_days, kind=step.kind)
    return Attempts(len(rows), frozenset(row["channel"] for row in rows if row["closes_channel"]))


@compiled
def _of_step(*, invoice: uuid.UUID, round: int, step: int, kind: str) -> QuerySet[Communication, dict[str, Any]]:
    rows = Communication.objects.filter(invoice=invoice, round=round, step=step, kind=kind)
    return rows.order_by().values("channel", "closes_channel")


def of_debtor(debtor_id: uuid.UUID) -> Mapping[Key, Attempts]:
    """Return the attempts of all steps of a debtor's open invoices."""
    rows = Communication.objects.filter(invoice__debtor=debtor_id, invoice__status__in=OPEN, step__isnull=False)
    found: dict[Key, list[str]] = {}
    for *key, channel, closes in rows.order_by().values_list(
        "invoice", "round", "step", "kind", "channel", "closes_channel"
    ):
        found.setdefault(tuple(key), []).append(channel if closes else "")
    return {key: Attempts(len(closed), frozenset(filter(None, closed))) for key, closed in found.items()}
