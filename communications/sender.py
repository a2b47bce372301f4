"""Sending what is due, at most once: gate, commit, provider, record.

A worker that dies between gate and record leaves `sending`, which becomes `unknown` and is never retried by itself.
"""

import datetime as dt
import time
import uuid

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from communications import channels, gate
from communications.models import Communication, State
from communications.signals import communication_failed, communication_sent
from inflow.accounts.actors import CLOCK
from invoices import lifecycle, timeline
from invoices.models import Invoice

log = structlog.get_logger(__name__)

# The provider call begins this soon after the gate, or not at all.
GATE_HOLDS_S = 5.0
# A message still `sending` after this was left by a dead worker: longer than any provider call.
ORPHANED_AFTER = dt.timedelta(minutes=5)


def send_due(limit: int = 500) -> int:
    """Send what is due; how many left us."""
    _close_orphans()
    due = Communication.objects.filter(status=State.SCHEDULED, scheduled_for__lte=timezone.now())
    ids = due.order_by("scheduled_for").values_list("pk", flat=True)[:limit]
    left = 0
    for pk in ids:
        try:
            left += send(pk)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # what one message trips over must not hold up all that are due after it
            log.exception("sending_failed", communication=str(pk))
    return left


def send(communication_id: uuid.UUID) -> bool:
    """One message through the gate and out. Whether it left."""
    communication = gate.claim(communication_id)
    if communication is None:
        return False
    by = time.monotonic() + GATE_HOLDS_S
    try:
        channels.deliver(channels.email(communication), communication.account, by=by)
    except channels.Refused as refusal:
        _record(communication, State.FAILED, str(refusal))
        return False
    except Exception as error:  # whatever it was: the mail may have left
        log.warning("send_unknown", communication=str(communication.pk), error=type(error).__name__)
        _record(communication, State.UNKNOWN, type(error).__name__)
        return False
    _record(communication, State.SENT)
    return True


def _record(communication: Communication, status: State, error: str = "") -> None:
    with transaction.atomic():
        # The gate's order of locks: the invoice before its message.
        locked = Invoice.objects.select_for_update(no_key=True, of=("self",)).select_related("account")
        invoice = locked.get(pk=communication.invoice_id)
        moved = Communication.objects.filter(pk=communication.pk, status=State.SENDING).update(
            status=status, error=error[:300]
        )
        if not moved:
            return
        communication.status, communication.error = status, error[:300]
        to = communication.recipient
        if status != State.FAILED:
            lifecycle.contact_at(invoice, next_at=invoice.next_contact_at, last_at=communication.sent_at)
        if status == State.SENT:
            timeline.note(invoice, "sent", CLOCK, f"{communication.get_kind_display()} sent to {to} by email.")
            communication_sent.send(Communication, communication=communication)
        else:
            words = "may not have reached" if status == State.UNKNOWN else "was refused for"
            timeline.note(invoice, status.value, CLOCK, f"Message {words} {to}.", reason=error[:300])
            communication_failed.send(Communication, communication=communication)


def _close_orphans() -> None:
    old: QuerySet[Communication] = Communication.objects.filter(
        status=State.SENDING, sent_at__lt=timezone.now() - ORPHANED_AFTER
    ).select_related("invoice__account", "account")
    for communication in old:
        _record(communication, State.UNKNOWN, "worker_died")
