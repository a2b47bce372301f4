"""The last gate before a message leaves: under the debtor's and the invoice's lock, on the facts as they are now.

What passes is rendered from those facts and marked `sending` in the same transaction. A payment that commits first is
seen here; one that commits later finds the message gone. There is no third case.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import transaction

from communications import messages
from communications.calendar import Place, place_of
from communications.models import Communication, State
from inflow.accounts.actors import CLOCK
from invoices import lifecycle, timeline
from invoices.models import Debtor, Invoice, Status

RETRY_POSTPONED = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`suppress` is final and says why; `postpone` says why and until when."""

    suppress: str = ""
    postpone: str = ""
    until: dt.datetime | None = None


def claim(communication_id: uuid.UUID) -> Communication | None:
    """Pass the gate: the communication, now `sending` with what is to be sent frozen on it. None if it may not go."""
    known = Communication.objects.filter(pk=communication_id).values_list("debtor_id", "invoice_id").first()
    if known is None:
        return None
    with transaction.atomic():
        Debtor.objects.select_for_update(no_key=True).get(pk=known[0])
        invoice = (
            Invoice.objects.select_for_update(no_key=True, of=("self",))
            .select_related("account", "debtor")
            .get(pk=known[1])
        )
        communication: Communication = Communication.objects.select_for_update().get(pk=communication_id)
        if communication.status != State.SCHEDULED:
            return None
        communication.invoice, communication.account = invoice, invoice.account
        now = invoice.account.now()
        verdict = judge(communication, now)
        if verdict.suppress:
            _suppress(communication, verdict.suppress)
            return None
        if verdict.postpone:
            assert verdict.until is not None
            _postpone(communication, verdict.postpone, verdict.until)
            return None
        message = messages.render(communication)
        communication.subject, communication.body, communication.html = (
            message.subject,
            message.text,
            message.html,
        )
        communication.status, communication.sent_at = State.SENDING, now
        communication.save()
        lifecycle.contact_at(invoice, next_at=None)
    return communication


def judge(communication: Communication, now: dt.datetime) -> Verdict:
    """What the facts say of a message that is due."""
    invoice, account = communication.invoice, communication.account
    if communication.scheduled_for > now:
        return Verdict(postpone="not due", until=communication.scheduled_for)
    if invoice.status == Status.PAID or invoice.balance <= 0:
        return Verdict(suppress="paid")
    if not invoice.is_open:
        return Verdict(suppress="closed")
    if not communication.recipient:
        return Verdict(suppress="no_contact")
    place: Place = place_of(invoice.debtor, account, invoice.debtor_phone)
    tomorrow = place.next_opening(now + RETRY_POSTPONED)
    if account.suspended_at is not None:
        return Verdict(postpone="the account is suspended", until=tomorrow)
    if invoice.status != Status.OVERDUE:
        return Verdict(postpone=f"the invoice is {invoice.get_status_display().lower()}", until=tomorrow)
    opening = place.next_opening(now)
    if opening != now:
        return Verdict(postpone="outside the hours for writing", until=opening)
    return Verdict()


def _suppress(communication: Communication, reason: str) -> None:
    communication.status, communication.suppressed_reason = State.SUPPRESSED, reason
    communication.save()
    lifecycle.contact_at(communication.invoice, next_at=None)
    timeline.note(communication.invoice, "suppressed", CLOCK, f"Reminder not sent: {reason.replace('_', ' ')}.")


def _postpone(communication: Communication, reason: str, until: dt.datetime) -> None:
    if until == communication.scheduled_for:
        return
    communication.scheduled_for = until
    communication.save()
    lifecycle.contact_at(communication.invoice, next_at=until)
    timeline.note(
        communication.invoice,
        "postponed",
        CLOCK,
        f"Reminder postponed to {until:%Y-%m-%d %H:%M} UTC: {reason}.",
    )
