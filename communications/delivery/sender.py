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
from communications.channels.errors import (
    DeliveryRefused,
    DeliveryUnknown,
    GateExpired,
    SenderPaused,
    TransportUnavailable,
)
from communications.delivery import copy_gate, gate, restored, status_updates
from communications.delivery.status_updates import Outcome
from communications.models import Communication, Copy, State
from communications.schedule import one_off, ordering
from inflow.accounts.models import Account
from inflow.restores import highwater, walltime
from inflow.restores.errors import SendingHeld
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
    found = due.order_by("scheduled_for", *ordering.SEND_ORDER).values_list("pk", "account_id", "channel", "refusals")
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
        _send_copies(now, limit, account, transports, watch)
    return sent


def _send_copies(
    now: dt.datetime,
    limit: int,
    account: Account | None,
    transports: channels.Transports,
    watch: Callable[[], None],
) -> None:
    """Send the copies that a dead worker left, or that were refused for a reason of class `OURS`."""
    due = Copy.objects.filter(status=State.SCHEDULED, scheduled_for__lte=now).select_related("account")
    due = due.filter(account=account) if account else due.filter(account__clock=None)
    for copy in due.order_by("scheduled_for", "message_id", "position").defer("body", "html")[:limit]:
        watch()
        owner, channel = account or copy.account, copy.channel
        try:
            send_copy(copy.pk, owner=owner, channel=channel, transports=transports, wait=account is not None)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("sending_failed", copy=str(copy.pk))


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
    except SenderPaused as pause:
        return None, Outage("paused", pause.wait)
    try:
        transports.connect(account, channel)
    except TransportUnavailable as error:
        log.warning("provider_away", channel=channel, account=str(account.pk), error=str(error))
        pauses.record_refused(permit, account.now(), str(error))
        return None, Outage("away", RETRY_UNAVAILABLE_AFTER)
    return permit, None


def hand_over(
    rows: list[Communication], owner: Account, transports: channels.Transports, permit: pauses.Permit | None = None
) -> State:
    """Deliver a message that passed the gate in a committed transaction, and record the result.

    Its further copies follow, each after a check of its own.
    """
    first = rows[0]
    if not first.has_copies:
        try:
            outcome = _deliver(first, owner, transports, permit, status_updates.record)
        except SendingHeld as error:
            return _reschedule_unsent(rows, str(error))
        return State.SCHEDULED if outcome.refusal == Refusal.OURS else outcome.status
    main, *further = Copy.objects.filter(message_id=first.message_id).order_by("position")
    _deliver_copy(main.as_message(first), owner, transports, permit)
    for copy in further:
        send_copy(copy.pk, owner=owner, channel=first.channel, transports=transports)
    return State(Communication.objects.values_list("status", flat=True).get(pk=first.pk))


def send_copy(
    copy_id: uuid.UUID, *, owner: Account, channel: str, transports: channels.Transports, wait: bool = True
) -> None:
    """Send a further copy of a message, unless something has changed since the first one."""
    permit, unavailable = connect(transports, owner, channel)
    if permit is None:
        assert unavailable
        status_updates.put_off_copy(copy_id, State.SCHEDULED, unavailable.wait)
        return
    message = None
    try:
        message = copy_gate.claim(copy_id, wait=wait, account=owner if owner.clock else None)
    finally:
        if message is None:
            pauses.release(permit)
    if message:
        _deliver_copy(message, owner, transports, permit)


def _deliver_copy(
    message: Communication, owner: Account, transports: channels.Transports, permit: pauses.Permit | None
) -> None:
    try:
        _deliver(message, owner, transports, permit, status_updates.record_copy)
    except SendingHeld:
        status_updates.put_off_copy(message.message_id, State.SENDING)


def _deliver(
    message: Communication,
    owner: Account,
    transports: channels.Transports,
    permit: pauses.Permit | None,
    record: Callable[[uuid.UUID, Outcome], None],
) -> Outcome:
    """Deliver a claimed message or copy and record the result. Raise `SendingHeld` if nothing may be sent."""
    deadline = time.monotonic() + GATE_VALID_SECONDS
    permit = permit or pauses.Permit(pauses.key_of(owner, message.channel))
    try:
        if not channels.is_captured(owner, message.channel):
            highwater.advance()
    except SendingHeld as error:
        pauses.release(permit)
        log.error("sending_held", message=str(message.message_id), reason=str(error))
        raise
    refusal: DeliveryRefused | None = None
    try:
        provider_id = transports.deliver(message, owner, deadline=deadline)
        outcome = Outcome(State.SENT, provider_id=provider_id)
    except DeliveryRefused as error:
        refusal = error
        reason = "away" if isinstance(error, TransportUnavailable | GateExpired) else "refused"
        outcome = Outcome(State.FAILED, str(error), error.kind, reason=reason)
    except Exception as error:  # the message may have been sent, whatever went wrong
        log.warning("send_unknown", message=str(message.message_id), error=type(error).__name__)
        text = str(error) if isinstance(error, DeliveryUnknown) else type(error).__name__
        outcome = Outcome(State.UNKNOWN, text)
    try:
        record(message.message_id, outcome)
    finally:
        _end_permit(permit, message, owner, outcome, refusal)
    return outcome


def _end_permit(
    permit: pauses.Permit, row: Communication, owner: Account, outcome: Outcome, refusal: DeliveryRefused | None
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
    elif refusal and refusal.kind == Refusal.OURS and not isinstance(refusal, GateExpired):
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
    """Mark messages and copies that a dead worker left in `sending` as `unknown`: they may have been sent."""
    left = {"status": State.SENDING, "claimed_at__lt": timezone.now() - ORPHANED_AFTER}
    died = Outcome(State.UNKNOWN, "worker_died")
    messages = Communication.objects.filter(has_copies=False, **left)
    for message_id in set(messages.values_list("message_id", flat=True)):
        status_updates.record(message_id, died)
    for copy_id in list(Copy.objects.filter(**left).values_list("pk", flat=True)):
        status_updates.record_copy(copy_id, died)
