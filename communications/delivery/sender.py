"""Sending what is due, at most once: gate, commit, provider, record.

A worker that dies between gate and record leaves `sending`, which becomes `unknown` and is never retried by itself.
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
from communications.channels import Refusal, Unavailable, pauses
from communications.delivery import gate, restored, status_updates
from communications.delivery.status_updates import Outcome
from communications.models import Communication, State
from communications.schedule import holding, one_off
from inflow.accounts.models import Account
from inflow.restores import highwater, walltime
from invoices import workdays

log = structlog.get_logger(__name__)

# The provider call begins this soon after the gate, or not at all.
GATE_HOLDS_S = 5.0
# A server that could not be reached is tried again after this time.
AWAY_WAITS = dt.timedelta(minutes=15)
# A message still `sending` after this was left by a dead worker: longer than any provider call. By the wall.
ORPHANED_AFTER = dt.timedelta(minutes=5)


@workdays.remembered()
def send_due(
    now: dt.datetime | None = None,
    limit: int = 500,
    account: Account | None = None,
    *,
    watch: Callable[[], None] = lambda: None,
) -> int:
    """Send what is due, of `account` alone or of all that follow the wall; how many messages left us. `watch` is called
    before each message and may raise."""
    now = now or timezone.now()
    if account is None:
        if not (walltime.is_right() and highwater.may_send()):
            return 0
        _close_orphans()
    due = Communication.objects.filter(status=State.SCHEDULED, scheduled_for__lte=now)
    due = due.filter(account=account) if account else due.filter(account__clock=None)
    found = due.order_by("scheduled_for", *holding.GOES_FIRST).values_list("pk", "account_id", "channel", "refusals")
    # Those that were not refused come first: a recipient who refuses us for good must not be every probe of a pause.
    ids = sorted(found[:limit], key=operator.itemgetter(3))
    left = 0
    accounts: dict[uuid.UUID, Account] = {account.pk: account} if account else {}
    with channels.Ways() as ways:
        for pk, account_id, channel, _ in ids:
            watch()
            try:
                owner = accounts.get(account_id) or accounts.setdefault(account_id, Account.objects.get(pk=account_id))
                left += send(pk, owner=owner, channel=channel, ways=ways, wait=account is not None)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # what one message trips over must not hold up all that are due after it
                log.exception("sending_failed", communication=str(pk))
    return left


def send(
    communication_id: uuid.UUID,
    *,
    owner: Account | None = None,
    channel: str = "",
    ways: channels.Ways | None = None,
    wait: bool = True,
) -> bool:
    """One message, with all that is due to the same debtor, through the gate and out. Whether it left."""
    if owner is None:
        row = Communication.objects.filter(pk=communication_id).select_related("account").first()
        if row is None:
            return False
        owner, channel = row.account, row.channel
    if channels.is_captured(owner, channel):
        return capture(communication_id, owner=owner if owner.clock else None, wait=wait)
    if not (walltime.is_right() and highwater.may_send()):
        return False
    if ways is None:
        with channels.Ways() as ways:
            return send(communication_id, owner=owner, channel=channel, ways=ways, wait=wait)
    turn, unavailable = approach(ways, owner, channel)
    rows: list[Communication] = []
    try:
        rows = gate.claim(communication_id, unavailable=unavailable, wait=wait)
    finally:
        if not rows and turn:
            pauses.leave(turn)
    return hand_over(rows, owner, ways, turn) == State.SENT if rows else False


def approach(
    ways: channels.Ways, account: Account, channel: str
) -> tuple[pauses.Turn, None] | tuple[None, Unavailable]:
    """Take a turn to send on this channel, with the connection open; or return what stands against it."""
    key = pauses.key_of(account, channel)
    if channels.is_captured(account, channel):
        return pauses.Turn(key), None
    try:
        turn = pauses.enter(key, account.now())
    except pauses.Paused as pause:
        return None, Unavailable("paused", pause.wait)
    try:
        ways.ready(account, channel)
    except channels.Away as error:
        log.warning("provider_away", channel=channel, account=str(account.pk), error=str(error))
        pauses.refused(turn, account.now(), str(error))
        return None, Unavailable("away", AWAY_WAITS)
    return turn, None


def hand_over(rows: list[Communication], owner: Account, ways: channels.Ways, turn: pauses.Turn | None = None) -> State:
    """Hand a message that has just passed the gate, and is committed, to its provider, and record the result."""
    by = time.monotonic() + GATE_HOLDS_S
    turn = turn or pauses.Turn(pauses.key_of(owner, rows[0].channel))
    try:
        if not channels.is_captured(owner, rows[0].channel):
            highwater.leave()
    except highwater.Held as held:
        pauses.leave(turn)
        log.error("sending_held", message=str(rows[0].message_id), reason=str(held))
        return _keep(rows, str(held))
    refusal: channels.Refused | None = None
    try:
        provider_id = ways.deliver(rows[0], owner, by=by)
        outcome = Outcome(State.SENT, provider_id=provider_id)
    except channels.Refused as error:
        refusal = error
        why = "away" if isinstance(error, channels.Away | channels.Expired) else "refused"
        outcome = Outcome(State.FAILED, str(error), error.kind, why=why)
    except Exception as error:  # whatever it was: the message may have left
        log.warning("send_unknown", message=str(rows[0].message_id), error=type(error).__name__)
        said = str(error) if isinstance(error, channels.Unclear) else type(error).__name__
        outcome = Outcome(State.UNKNOWN, said)
    try:
        status_updates.record(rows[0].message_id, outcome)
    finally:
        _end_turn(turn, rows[0], owner, outcome, refusal)
    return State.SCHEDULED if outcome.refusal == Refusal.OURS else outcome.status


def _end_turn(
    turn: pauses.Turn, row: Communication, owner: Account, outcome: Outcome, refusal: channels.Refused | None
) -> None:
    """Note for its server what became of a message, with a line in the log for each refusal."""
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
        pauses.accepted(turn)
    elif refusal and refusal.kind == Refusal.OURS and not isinstance(refusal, channels.Expired):
        pauses.refused(turn, owner.now(), str(refusal))
    else:
        pauses.leave(turn)


def _keep(rows: list[Communication], reason: str) -> State:
    """Keep a message that passed the gate and was not handed over. A person's own words were replaced by the rendered
    ones, so theirs fails, and they write it again."""
    if one_off.is_by_person(rows[0]):
        status_updates.record(rows[0].message_id, Outcome(State.FAILED, reason, Refusal.MAILBOX))
        return State.FAILED
    restored.put_back(rows[0].account, rows[0].message_id)
    return State.SCHEDULED


def capture(communication_id: uuid.UUID, *, owner: Account | None = None, wait: bool = True) -> bool:
    """Of a message that does not leave this machine, gate and record are one transaction: nothing is in between that
    could not be taken back. Whether it passed."""
    with transaction.atomic():
        rows = gate.claim(communication_id, wait=wait, account=owner)
        status_updates.conclude(rows)
    return bool(rows)


def _close_orphans() -> None:
    """What a dead worker left `sending` may have arrived."""
    old = Communication.objects.filter(status=State.SENDING, claimed_at__lt=timezone.now() - ORPHANED_AFTER)
    for message_id in set(old.values_list("message_id", flat=True)):
        status_updates.record(message_id, Outcome(State.UNKNOWN, "worker_died"))
