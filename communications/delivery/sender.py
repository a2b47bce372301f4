"""Sending due messages at most once: gate, commit, provider, record.

A worker that dies between gate and record leaves a message in `sending`. It becomes `unknown` and is never retried
automatically.
"""

import datetime as dt
import operator
import time
import uuid
from collections.abc import Callable

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from communications import channels
from communications.channels import Outage, Refusal, pauses
from communications.delivery import gate, restored, status_updates
from communications.delivery.status_updates import Outcome
from communications.models import Communication, State
from communications.schedule import holding, one_off
from inflow.accounts.models import Account
from inflow.restores import highwater, walltime
from invoices import workdays

log = structlog.get_logger(__name__)

# The provider call must begin within this time after the gate.
GATE_VALID_SECONDS = 5.0
# Time until a server that could not be reached is tried again.
RETRY_UNAVAILABLE_AFTER = dt.timedelta(minutes=15)
# A message that is still `sending` after this was left by a dead worker. Longer than any provider call.
ORPHANED_AFTER = dt.timedelta(minutes=5)


@workdays.cached()
def send_due(
    now: dt.datetime | None = None,
    limit: int = 500,
    account: Account | None = None,
    *,
    watch: Callable[[], None] = lambda: None,
) -> int:
    """Send the due messages of `account`, or of all accounts without their own clock. Return the number sent.

    `watch` is called before each message and may raise to abort.
    """
    now = now or timezone.now()
    if account is None:
        if not (walltime.is_right() and highwater.may_send()):
            return 0
        _close_orphans()
    due = Communication.objects.filter(status=State.SCHEDULED, scheduled_for__lte=now)
    due = due.filter(account=account) if account else due.filter(account__clock=None)
    found = due.order_by("scheduled_for", *holding.SEND_ORDER).values_list("pk", "account_id", "channel", "refusals")
    # Messages without refusals come first: one that is always refused must not be the probe of every pause.
    ids = sorted(found[:limit], key=operator.itemgetter(3))
    sent = 0
    accounts: dict[uuid.UUID, Account] = {account.pk: account} if account else {}
    with channels.Transports() as transports:
        for pk, account_id, channel, _ in ids:
            watch()
            try:
                owner = accounts.get(account_id) or accounts.setdefault(account_id, Account.objects.get(pk=account_id))
                sent += send(pk, owner=owner, channel=channel, transports=transports, wait=account is not None)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # an error of one message must not block the others
                log.exception("sending_failed", communication=str(pk))
    return sent


def send(
    communication_id: uuid.UUID,
    *,
    owner: Account | None = None,
    channel: str = "",
    transports: channels.Transports | None = None,
    wait: bool = True,
) -> bool:
    """Send one message, combined with others that are due to the same debtor. Return True if it was sent."""
    if owner is None:
        row = Communication.objects.filter(pk=communication_id).select_related("account").first()
        if row is None:
            return False
        owner, channel = row.account, row.channel
    if channels.is_captured(owner, channel):
        return capture(communication_id, owner=owner if owner.clock else None, wait=wait)
    if not (walltime.is_right() and highwater.may_send()):
        return False
    if transports is None:
        with channels.Transports() as transports:
            return send(communication_id, owner=owner, channel=channel, transports=transports, wait=wait)
    permit, unavailable = connect(transports, owner, channel)
    rows: list[Communication] = []
    try:
        rows = gate.claim(communication_id, unavailable=unavailable, wait=wait)
    finally:
        if not rows and permit:
            pauses.release(permit)
    return hand_over(rows, owner, transports, permit) == State.SENT if rows else False


def connect(
    transports: channels.Transports, account: Account, channel: str
) -> tuple[pauses.Permit, None] | tuple[None, Outage]:
    """Acquire a permit and open the connection of this channel. Return the permit, or the outage."""
    key = pauses.key_of(account, channel)
    if channels.is_captured(account, channel):
        return pauses.Permit(key), None
    try:
        permit = pauses.acquire(key, account.now())
    except pauses.Paused as pause:
        return None, Outage("paused", pause.wait)
    try:
        transports.connect(account, channel)
    except channels.Unavailable as error:
        log.warning("provider_away", channel=channel, account=str(account.pk), error=str(error))
        pauses.record_refused(permit, account.now(), str(error))
        return None, Outage("away", RETRY_UNAVAILABLE_AFTER)
    return permit, None


def hand_over(
    rows: list[Communication], owner: Account, transports: channels.Transports, permit: pauses.Permit | None = None
) -> State:
    """Deliver a message that passed the gate in a committed transaction, and record the result."""
    deadline = time.monotonic() + GATE_VALID_SECONDS
    permit = permit or pauses.Permit(pauses.key_of(owner, rows[0].channel))
    try:
        if not channels.is_captured(owner, rows[0].channel):
            highwater.leave()
    except highwater.Held as error:
        pauses.release(permit)
        log.error("sending_held", message=str(rows[0].message_id), reason=str(error))
        return _reschedule_unsent(rows, str(error))
    refusal: channels.Refused | None = None
    try:
        provider_id = transports.deliver(rows[0], owner, deadline=deadline)
        outcome = Outcome(State.SENT, provider_id=provider_id)
    except channels.Refused as error:
        refusal = error
        reason = "away" if isinstance(error, channels.Unavailable | channels.Expired) else "refused"
        outcome = Outcome(State.FAILED, str(error), error.kind, reason=reason)
    except Exception as error:  # the message may have been sent, whatever went wrong
        log.warning("send_unknown", message=str(rows[0].message_id), error=type(error).__name__)
        message = str(error) if isinstance(error, channels.DeliveryUnknown) else type(error).__name__
        outcome = Outcome(State.UNKNOWN, message)
    try:
        status_updates.record(rows[0].message_id, outcome)
    finally:
        _end_permit(permit, rows[0], owner, outcome, refusal)
    return State.SCHEDULED if outcome.refusal == Refusal.OURS else outcome.status


def _end_permit(
    permit: pauses.Permit, row: Communication, owner: Account, outcome: Outcome, refusal: channels.Refused | None
) -> None:
    """End the permit according to the outcome and log a refusal."""
    if refusal:
        log.warning(
            "message_refused",
            message=str(row.message_id),
            account=str(owner.pk),
            channel=row.channel,
            kind=refusal.kind.value,
            error=str(refusal),
        )
    if outcome.status == State.SENT:
        pauses.record_accepted(permit)
    elif refusal and refusal.kind == Refusal.OURS and not isinstance(refusal, channels.Expired):
        pauses.record_refused(permit, owner.now(), str(refusal))
    else:
        pauses.release(permit)


def _reschedule_unsent(rows: list[Communication], reason: str) -> State:
    """Schedule a message again that passed the gate but was not delivered. A manual message fails instead, because
    its own text was replaced by the rendered one."""
    if one_off.is_by_person(rows[0]):
        status_updates.record(rows[0].message_id, Outcome(State.FAILED, reason, Refusal.MAILBOX))
        return State.FAILED
    restored.reschedule(rows[0].account, rows[0].message_id)
    return State.SCHEDULED


def capture(communication_id: uuid.UUID, *, owner: Account | None = None, wait: bool = True) -> bool:
    """Pass the gate with a captured message and record it as sent, in one transaction. Return True if it passed."""
    with transaction.atomic():
        rows = gate.claim(communication_id, wait=wait, account=owner)
        status_updates.record_captured(rows)
    return bool(rows)


def _close_orphans() -> None:
    """Mark messages that a dead worker left in `sending` as `unknown`: they may have been sent."""
    old = Communication.objects.filter(status=State.SENDING, claimed_at__lt=timezone.now() - ORPHANED_AFTER)
    for message_id in set(old.values_list("message_id", flat=True)):
        status_updates.record(message_id, Outcome(State.UNKNOWN, "worker_died"))
