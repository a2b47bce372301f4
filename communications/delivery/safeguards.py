"""Safeguards that stop scheduled messages: stale payment data, the stop switch, approval of final notices.

Stopped messages are not lost. The timeline shows the reason, and they continue when a user releases them.
"""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from communications.models import ApprovalLimit, CollectionSettings, Communication, Kind, State
from communications.schedule import ladder, ordering, policies
from inflow.accounts.actors import CLOCK, Actor
from inflow.accounts.models import Account
from invoices import lifecycle, timeline
from invoices.models import Invoice, Receipt, TimelineEntry
from invoices.writing import NotFound, Refused, lock

_ORDER = [f"invoice__{name}" for name in ordering.IN_ORDER]
# Time until a message that was postponed because of stale payment data is checked again.
RECHECK_AFTER = dt.timedelta(hours=2)


# --- Stale payment data ------------------------------------------------------------------------------------------


def is_stale(rules: CollectionSettings, now: dt.datetime) -> bool:
    """Return True if no payment was recorded or synced for longer than `stale_after_hours`."""
    if rules.stale_after_hours is None:
        return False
    since = now - dt.timedelta(hours=rules.stale_after_hours)
    if rules.payments_synced_at and rules.payments_synced_at > since:
        return False
    return not Receipt.objects.filter(account=rules.account_id, recorded_at__gt=since).exists()


def record_sync(account: Account, actor: Actor, as_of: dt.datetime | None = None) -> int:
    """Record that all payments up to `as_of`, by default now, are entered. Both are in the account's time.

    Release the messages held as stale, unless that is too long ago, and return their number.
    """
    now = account.now()
    moment = min(as_of or now, now)
    rules, _is_new = CollectionSettings.objects.get_or_create(account=account)
    if rules.payments_synced_at is None or rules.payments_synced_at < moment:
        rules.payments_synced_at = moment
        rules.save(update_fields=["payments_synced_at"])
    return 0 if is_stale(rules, now) else release(account, "stale", actor, "synced")


# --- The switch --------------------------------------------------------------------------------------------------


def resume(account: Account, actor: Actor) -> int:
    """Resume all channels. Release the held messages, within hours and limits, and return their number."""
    CollectionSettings.objects.filter(account=account).update(is_stopped=False, stopped_channels=[])
    return release(account, "stopped", actor, "resumed")


def release(account: Account, reason: str, actor: Actor, cause: str) -> int:
    """Schedule the messages held for `reason` at the next allowed time and return their number.

    `cause` is a code in `communications.narrative`.
    """
    waiting = Communication.objects.for_account(account).filter(status=State.SCHEDULED, waits_for=reason)
    released = 0
    for pk, invoice_id in waiting.order_by("debtor_id", *_ORDER).values_list("pk", "invoice_id"):
        with transaction.atomic():
            invoice = lock(account, invoice_id)
            row = waiting.select_for_update().filter(pk=pk).first()
            if row is None or not (invoice.is_open or row.kind == Kind.THANK_YOU):
                continue
            row.invoice, row.waits_for = invoice, ""
            row.scheduled_for = row.not_before = account.now()
            contact_at = ladder.reschedule(ladder.facts_of(invoice), invoice, row)
            row.save(update_fields=["waits_for", "scheduled_for", "not_before"])
            if row.step is not None:
                lifecycle.update_schedule(invoice, next_contact_at=contact_at)
            _note(row, invoice, "released", actor, release=cause, **_local(invoice, row.scheduled_for))
            released += 1
    return released


# --- Approval ----------------------------------------------------------------------------------------------------


def needs_approval(row: Communication, rules: CollectionSettings, credit: Decimal) -> bool:
    """Return True if the row is a final notice above the account's approval limit that nobody has approved yet.

    The debtor's `credit` in the invoice's currency is deducted.
    """
    if row.kind != Kind.FINAL_NOTICE:
        return False
    limits = ApprovalLimit.objects.filter(settings=rules.account_id, currency=row.invoice.currency)
    limit = limits.values_list("amount", flat=True).first()
    if limit is None or row.invoice.balance - credit <= limit:
        return False
    tries = Communication.objects.filter(invoice=row.invoice_id, round=row.round, step=row.step, kind=row.kind)
    return not tries.filter(approved_at__isnull=False).exists()


def hold(row: Communication) -> None:
    """Hold a message for approval and open a case. The caller holds the gate's locks."""
    invoice = row.invoice
    row.status = State.HELD
    row.save(update_fields=["status"])
    _note(row, invoice, "held", CLOCK, amount=(invoice.balance, invoice.currency))
    ladder.advance(invoice)


def approve(account: Account, communication_id: uuid.UUID, actor: Actor) -> Communication:
    """Approve a held message. It is scheduled for the next allowed time after the cool-off. Raise `Refused`."""
    with transaction.atomic():
        row, invoice = lock_message(account, communication_id, State.HELD)
        if actor.name == _registered_by(invoice):
            message = _("You registered this invoice: another user must approve its final notice.")
            raise Refused("status", "same_person", message)
        now = account.now()
        cool_off = dt.timedelta(hours=ladder.rules_of(account).cool_off_hours)
        row.status, row.approved_at, row.approved_by = State.SCHEDULED, now, actor.name
        row.scheduled_for = row.not_before = now + cool_off
        row.waits_for = ""
        contact_at = ladder.reschedule(ladder.facts_of(invoice), invoice, row)
        fields = ["status", "approved_at", "approved_by", "scheduled_for", "not_before", "waits_for"]
        row.save(update_fields=fields)
        lifecycle.update_schedule(invoice, next_contact_at=contact_at)
        _note(row, invoice, "approved", actor, **_local(invoice, row.scheduled_for))
        ladder.advance(invoice)
    return row


def withdraw_approval(account: Account, communication_id: uuid.UUID, actor: Actor) -> Communication:
    """Hold an approved message again before it is sent. Raise `Refused` if it was not approved."""
    with transaction.atomic():
        row, invoice = lock_message(account, communication_id, State.SCHEDULED)
        if row.approved_at is None:
            raise Refused("status", "illegal_transition", _("Only a released message can be recalled."))
        row.status, row.approved_at, row.approved_by = State.HELD, None, ""
        row.save(update_fields=["status", "approved_at", "approved_by"])
        _note(row, invoice, "held", actor)
        ladder.advance(invoice)
    return row


def cancel(account: Account, communication_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Communication:
    """Cancel a held message. Its step counts as done, including its escalation. Raise `Refused` if it is not held."""
    with transaction.atomic():
        row, invoice = lock_message(account, communication_id, State.HELD)
        row.status = State.CANCELLED
        row.save(update_fields=["status"])
        _note(row, invoice, "cancelled", actor, reason, decision="person")
        step = next((step for step in policies.steps_of(invoice) if ladder.is_for(row, invoice, step)), None)
        if step:
            ladder.done(invoice, step)
        ladder.advance(invoice)
    return row


def lock_message(account: Account, communication_id: uuid.UUID, status: State) -> tuple[Communication, Invoice]:
    invoice_id = Communication.objects.for_account(account).filter(pk=communication_id).values_list("invoice_id")
    found = invoice_id.first()
    if found is None:
        raise NotFound
    invoice = lock(account, found[0])
    row: Communication = Communication.objects.select_for_update().get(pk=communication_id)
    row.invoice, row.account = invoice, account
    if row.status != status:
        raise Refused(
            "status",
            "illegal_transition",
            _("The message is already %(status)s.") % {"status": row.get_status_display().lower()},
        )
    return row, invoice


def _registered_by(invoice: Invoice) -> str:
    entry = TimelineEntry.objects.filter(invoice=invoice, kind="created").order_by("id").first()
    return entry.actor if entry else ""


def _note(row: Communication, invoice: Invoice, kind: str, actor: Actor, reason: str = "", **params: Any) -> None:
    timeline.note(invoice, kind, actor, reason=reason, message=row.kind, **params)


def _local(invoice: Invoice, moment: dt.datetime) -> dict[str, Any]:
    """Return the timeline parameters of a moment in the debtor's time zone."""
    return {"moment": moment, "zone": ladder.place(invoice, ladder.rules_of(invoice.account)).zone.key}
