"""Messages of a restored database: those that may have been sent after the backup become `unknown`."""

import datetime as dt
import uuid
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from communications import channels
from communications.delivery import status_updates
from communications.models import Communication, Copy, State
from communications.schedule import ladder, policies
from inflow.accounts.models import Account
from inflow.restores.gap import Gap
from invoices import lifecycle
from invoices.models import OPEN, Invoice
from invoices.writing import lock

ERROR = "restored"


def end_as_unknown(gap: Gap, *, dry_run: bool = False) -> Iterator[Communication]:
    """Mark each message that may have been sent in the gap as `unknown`, and yield it. It is never sent again.

    This includes later steps that fell due in the gap, whose messages the backup does not contain. Each invoice has
    its own transaction, so the function can be interrupted and repeated. A dry run rolls each one back. Captured
    messages and accounts with their own clock are skipped because none of their messages left this machine.
    """
    planned = Communication.objects.filter(status__in=(State.SCHEDULED, State.SENDING))
    planned = planned.filter(Q(scheduled_for__lte=gap.until) | Q(created_at__gt=gap.since))
    to_look_at = Q(pk__in=planned.values("invoice_id")) | Q(status__in=OPEN, next_check_at__lte=timezone.now())
    invoices = Invoice.objects.filter(to_look_at, account__clock=None).order_by("account_id", "id")
    accounts: dict[uuid.UUID, Account] = {}
    for account_id, invoice_id in list(invoices.values_list("account_id", "id")):
        account = accounts.get(account_id) or accounts.setdefault(account_id, Account.objects.get(pk=account_id))
        with transaction.atomic():
            ended = list(_end(account, invoice_id, gap))
            if dry_run:
                transaction.set_rollback(True)
        yield from ended
    yield from _end_copies(gap, dry_run=dry_run)


def held_for_approval(gap: Gap) -> QuerySet[Communication]:
    """Return the held messages that may have been approved in the gap."""
    return Communication.objects.filter(status=State.HELD, scheduled_for__lte=gap.until, account__clock=None)


def reschedule(account: Account, message_id: uuid.UUID) -> None:
    """Schedule a message again that passed the gate but was certainly not sent. No attempt is used up."""
    rows = Communication.objects.filter(message_id=message_id, status=State.SENDING).order_by("invoice_id")
    with transaction.atomic():
        for invoice_id in list(rows.values_list("invoice_id", flat=True)):
            invoice = lock(account, invoice_id)
            for row in rows.filter(invoice=invoice_id).select_for_update():
                row.status, row.sent_at, row.claimed_at, row.invoice = State.SCHEDULED, None, None, invoice
                row.follow_invoice()
                row.save(update_fields=["status", "sent_at", "claimed_at", "debtor", "message_id"])
                if row.step is not None:
                    lifecycle.update_schedule(invoice, next_check_at=None, next_contact_at=row.scheduled_for)


def _end_copies(gap: Gap, *, dry_run: bool) -> Iterator[Communication]:
    """Mark the further copies of sent messages that may have been sent in the gap."""
    copies = Copy.objects.filter(status__in=(State.SCHEDULED, State.SENDING), scheduled_for__lte=gap.until)
    for found in copies.filter(account__clock=None).order_by("account_id", "message_id", "position"):
        with transaction.atomic():
            rows, copy = status_updates.lock_copy(found.pk)
            if copy is None or channels.is_captured(rows[0].account, copy.channel):
                continue
            copies.filter(pk=copy.pk).update(status=State.SENDING, claimed_at=timezone.now())
            status_updates.record_copy(copy.pk, status_updates.Outcome(State.UNKNOWN, ERROR))
            if dry_run:
                transaction.set_rollback(True)
        message = copy.as_message(rows[0])
        message.scheduled_for = copy.scheduled_for
        yield message


def _end(account: Account, invoice_id: uuid.UUID, gap: Gap) -> Iterator[Communication]:
    yield from _end_planned(account, invoice_id, gap)
    ladder.advance(lock(account, invoice_id))  # plans the messages that are due by now
    yield from _end_planned(account, invoice_id, gap)


def _end_planned(account: Account, invoice_id: uuid.UUID, gap: Gap) -> Iterator[Communication]:
    """Mark planned messages as `unknown` until none is left: each one plans the next step, which may be sent, too."""
    while True:
        invoice = lock(account, invoice_id)
        planned = Communication.objects.filter(invoice=invoice, status__in=(State.SCHEDULED, State.SENDING))
        for row in planned.select_for_update().order_by("scheduled_for", "id"):
            row.invoice, row.account = invoice, account
            if not channels.is_captured(account, row.channel) and (left_at := _may_have_left_at(row, gap)):
                row.status, row.sent_at, row.claimed_at = State.SENDING, left_at, timezone.now()
                row.save(update_fields=["status", "sent_at", "claimed_at"])
                status_updates.record(row.message_id, status_updates.Outcome(State.UNKNOWN, ERROR))
                yield row
                break
        else:
            return


def _may_have_left_at(row: Communication, gap: Gap) -> dt.datetime | None:
    if row.status == State.SENDING:
        return row.sent_at if row.claimed_at and row.claimed_at <= gap.until else None
    if row.scheduled_for <= gap.until:
        return max(row.scheduled_for, gap.since)
    if row.step is None or row.created_at <= gap.since or row.invoice.created_at > gap.until:
        return None
    # Planned after the restore. The original message was planned for the step's own day.
    step = next((each for each in policies.steps_of(row.invoice) if ladder.is_for(row, row.invoice, each)), None)
    if step is None:
        return None
    own_moment = ladder.allowed_from(row.invoice, ladder.first_moment(row.invoice, step))
    return max(own_moment, gap.since) if own_moment <= gap.until else None
