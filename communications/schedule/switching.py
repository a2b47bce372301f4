"""Applying a policy to many invoices in a worker, for some seconds at a time.

The state is a row. If a worker dies, its claim expires and the next worker continues after the last invoice.
"""

import datetime as dt
import time
import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone

from communications.models import ReminderPolicy, SwitchingOn
from communications.schedule import policies
from communications.schedule.errors import SwitchingBusy
from inflow import turns
from inflow.accounts import audit
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account
from inflow.celery import wake
from inflow.languages import english
from invoices.models import OPEN, Invoice, InvoiceQuerySet

# The number of invoices up to which the request does the work itself.
IMMEDIATE_LIMIT = 100
TURN_SECONDS = 5.0
LEASE = dt.timedelta(seconds=120)
_CHUNK_SIZE = 20
_TASK = "inflow.dashboard.tasks.switch_on_policy"


def start(
    account: Account, policy: ReminderPolicy, actor: Actor, *, only_unchased: bool, overdue_enter: bool
) -> SwitchingOn:
    """Start switching a policy on for all open invoices, or for those that are not chased. Raise `SwitchingBusy`."""
    try:
        with transaction.atomic():
            row = SwitchingOn.objects.create(
                account=account,
                policy=policy,
                actor=actor.name,
                only_unchased=only_unchased,
                overdue_enter=overdue_enter,
            )
    except IntegrityError as error:
        raise SwitchingBusy from error
    transaction.on_commit(lambda: offer(account.pk, turns.release_name(None)))
    return row


def offer(account_id: uuid.UUID, release: str) -> None:
    wake(_TASK, str(account_id), release)


def waiting() -> list[tuple[uuid.UUID, str]]:
    """Return the unfinished rows that no worker has claimed, with their last release (see `turns`)."""
    rows = SwitchingOn.objects.filter(turns.unclaimed()).values_list("pk", "claimed_until")
    return [(account_id, turns.release_name(claimed_until)) for account_id, claimed_until in rows]


def work(account_id: uuid.UUID, release: str | None = None, turn_s: float = TURN_SECONDS) -> bool:
    """Process invoices for `turn_s` seconds. Return True if there are more."""
    claimed = SwitchingOn.objects.filter(turns.unclaimed(release), pk=account_id)
    if not claimed.update(claimed_until=timezone.now() + LEASE):
        return False
    row = SwitchingOn.objects.select_related("account", "policy").get(pk=account_id)
    actor = Actor(row.actor, Channel.DASHBOARD)
    chosen_policy = None if row.policy.is_default else row.policy
    until = time.monotonic() + turn_s
    while chunk := list(_invoices(row).order_by("pk").values_list("pk", flat=True)[:_CHUNK_SIZE]):
        chosen = Invoice.objects.filter(pk__in=chunk)
        row.entered += policies.switch_on(row.account, chosen, chosen_policy, actor, overdue_enter=row.overdue_enter)
        row.after = chunk[-1]
        row.save(update_fields=["entered", "after"])
        if time.monotonic() > until:
            released_at = timezone.now()
            SwitchingOn.objects.filter(pk=account_id).update(claimed_until=released_at)
            offer(account_id, turns.release_name(released_at))
            return True
    with transaction.atomic():
        detail = {"entered": row.entered, "overdue_enter": row.overdue_enter}
        audit.record(row.account, row.actor, "reminderpolicy.switched_on", english(row.policy)[:120], **detail)
        row.delete()
    return False


def _invoices(row: SwitchingOn) -> InvoiceQuerySet:
    remaining: InvoiceQuerySet = Invoice.objects.for_account(row.account).filter(status__in=OPEN)
    if row.only_unchased:
        remaining = remaining.filter(is_chased=False)
    return remaining.filter(pk__gt=row.after) if row.after else remaining
