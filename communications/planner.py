"""Which message comes next for an invoice, and when.

The first step after the due date. An invoice that fell due with us enters on its step's day; one that arrived overdue
enters at the first opening of the window on a later day than its arrival.
"""

import datetime as dt

from django.db import IntegrityError, transaction

from communications.calendar import place_of
from communications.models import Communication, Kind, Medium, State
from inflow.accounts.actors import CLOCK
from invoices import lifecycle, timeline
from invoices.models import Invoice, Status

FIRST_STEP_DAYS = 1


def plan(invoice: Invoice) -> Communication | None:
    """Plan the first reminder of an overdue invoice, in the caller's transaction. None if it is planned or done."""
    if invoice.status != Status.OVERDUE:
        return None
    tries = Communication.objects.filter(invoice=invoice, round=invoice.round, step=FIRST_STEP_DAYS, kind=Kind.REMINDER)
    if tries.exclude(status=State.SUPPRESSED, suppressed_reason__in=("paid", "closed")).exists():
        return None
    place = place_of(invoice.debtor, invoice.account, invoice.debtor_phone)
    scheduled_for = first_moment(invoice)
    communication = Communication(
        account=invoice.account,
        debtor=invoice.debtor,
        invoice=invoice,
        round=invoice.round,
        step=FIRST_STEP_DAYS,
        kind=Kind.REMINDER,
        try_number=tries.count() + 1,
        channel=Medium.EMAIL,
        recipient=invoice.debtor_email,
        language=invoice.language,
        scheduled_for=scheduled_for,
    )
    try:
        with transaction.atomic():
            communication.save(force_insert=True)
    except IntegrityError:  # another worker planned it
        return None
    lifecycle.contact_at(invoice, next_at=scheduled_for)
    local = scheduled_for.astimezone(place.zone)
    timeline.note(invoice, "planned", CLOCK, f"Reminder planned for {local:%Y-%m-%d %H:%M} ({place.zone.key}).")
    return communication


def drop(invoice: Invoice) -> None:
    """Suppress, for good, what is scheduled for an invoice that is closed."""
    reason = "paid" if invoice.status == Status.PAID else "closed"
    dropped = Communication.objects.filter(invoice=invoice, status__in=(State.SCHEDULED, State.HELD)).update(
        status=State.SUPPRESSED, suppressed_reason=reason
    )
    if dropped:
        timeline.note(invoice, "suppressed", CLOCK, f"Planned messages stopped: the invoice is {reason}.")
    if invoice.next_contact_at is not None:
        lifecycle.contact_at(invoice, next_at=None)


def first_moment(invoice: Invoice) -> dt.datetime:
    """When the first reminder may leave, as things stand now."""
    place = place_of(invoice.debtor, invoice.account, invoice.debtor_phone)
    return place.next_opening(max(_first_day(invoice), invoice.account.now()))


def _first_day(invoice: Invoice) -> dt.datetime:
    zone = invoice.account.zone
    arrived_on = invoice.created_at.astimezone(zone).date()
    step_on = invoice.due_date + dt.timedelta(days=FIRST_STEP_DAYS)
    day = arrived_on + dt.timedelta(days=1) if arrived_on > invoice.due_date else step_on
    return dt.datetime.combine(day, dt.time.min, zone)
