"""What the stories' messages meet on their way out: a check of each at its gate, and servers that refuse them.

The engine swallows what one message or one invoice trips over, so that the others go on. Here all of that is noted, and
`check` fails for it.
"""

import datetime as dt
import traceback
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction

from communications import channels
from communications.channels import DeliveryRefused, DeliveryUnknown, Outage, Refusal, pauses
from communications.channels.errors import SenderPaused
from communications.delivery import gate, sender
from communications.engine import clock, forecast
from communications.models import Communication
from inflow.accounts.models import Account
from invoices import lifecycle
from tests.communications import at_gate


@dataclass(frozen=True, slots=True)
class Refusing:
    """Servers that refuse until a moment of the account's time. `kind` None: it stays unclear what became of it."""

    kind: Refusal | None
    until: dt.datetime
    # Only what goes to addresses with an even or an odd length, so that some arrive.
    length: int | None = None


@dataclass(slots=True)
class Post:
    """The servers of each account that refuses, and what went wrong."""

    refusing: dict[uuid.UUID, Refusing] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


POST = Post()


def refuse(account: Account, refusing: Refusing | None) -> None:
    """Let the account's messages be refused from now on, or accepted again."""
    POST.refusing.pop(account.pk, None)
    if refusing:
        POST.refusing[account.pk] = refusing


def check() -> None:
    """Nothing went wrong that the engine keeps to itself."""
    faults, POST.faults = POST.faults, []
    assert not faults, "\n".join(faults)


class _Noting:
    """A log of the engine. What it reports as an exception, or as a clock that stands still, is a fault."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def exception(self, event: str, **said: Any) -> None:
        POST.faults.append(f"{event} {said}\n{traceback.format_exc()}")

    def warning(self, event: str, **said: Any) -> None:
        if event == "clock_stuck":
            POST.faults.append(f"{event} {said}")
        self._log.warning(event, **said)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class _Scripted(channels.Transports):
    """Servers that do what the story says."""

    def deliver(self, row: Communication, account: Account, *, deadline: float) -> str:
        refusing = POST.refusing.get(account.pk)
        if refusing is None or account.now() >= refusing.until:
            return ""
        if refusing.length is not None and len(row.recipient) % 2 != refusing.length:
            return ""
        if refusing.kind is None:
            raise DeliveryUnknown("no reply")
        raise DeliveryRefused(f"{refusing.kind} refused", refusing.kind)


_capture, _hand_over, _claim, _send_copy = sender.capture, sender.hand_over, gate.claim, sender.send_copy


def _checked_claim(communication_id: uuid.UUID, **given: Any) -> list[Communication]:
    rows = _claim(communication_id, **given)
    try:
        at_gate.check(rows)
    except AssertionError:
        POST.faults.append(traceback.format_exc())
    return rows


def _scripted_capture(communication_id: uuid.UUID, *, owner: Account | None = None, wait: bool = True) -> bool:
    """As a message goes that leaves this machine: first the gate, then the server, which may be paused."""
    if owner is None or owner.pk not in POST.refusing:
        return _capture(communication_id, owner=owner, wait=wait)
    channel = Communication.objects.get(pk=communication_id).channel
    permit, unavailable = None, None
    try:
        permit = pauses.acquire(pauses.key_of(owner, channel), owner.now())
    except SenderPaused as pause:
        unavailable = Outage("paused", pause.wait)
    with transaction.atomic():
        rows = gate.claim(communication_id, unavailable=unavailable, wait=wait, account=owner)
    if rows:
        _scripted_hand_over(rows, owner, channels.Transports(), permit)
    elif permit:
        pauses.release(permit)
    return bool(rows)


def _scripted_hand_over(
    rows: Any, owner: Account, transports: channels.Transports, permit: pauses.Permit | None = None
) -> Any:
    return _hand_over(rows, owner, _Scripted() if owner.pk in POST.refusing else transports, permit)


def _scripted_send_copy(copy_id: uuid.UUID, *, owner: Account, transports: channels.Transports, **given: Any) -> None:
    _send_copy(copy_id, owner=owner, transports=_Scripted() if owner.pk in POST.refusing else transports, **given)


def install(patch: pytest.MonkeyPatch) -> None:
    """For one test: what leaves goes this way."""
    POST.refusing.clear()
    POST.faults.clear()
    patch.setattr(gate, "claim", _checked_claim)
    patch.setattr(sender, "capture", _scripted_capture)
    patch.setattr(sender, "hand_over", _scripted_hand_over)
    patch.setattr(sender, "send_copy", _scripted_send_copy)
    for module in (sender, clock, gate, forecast, lifecycle):
        patch.setattr(module, "log", _Noting(module.log))
