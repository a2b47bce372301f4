"""Sending what is due, at most once: gate, commit, provider, record.

A worker that dies between gate and record leaves `sending`, which becomes `unknown` and is never retried by itself.
"""

import datetime as dt
import time
import uuid

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from communications import addresses, channels, gate, ladder, policies
from communications.models import Communication, PolicyStep, State
from communications.signals import communication_failed, communication_sent
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from invoices import escalations, lifecycle, timeline, workdays
from invoices.models import Debtor, Invoice, Reason

log = structlog.get_logger(__name__)

# The provider call begins this soon after the gate, or not at all.
GATE_HOLDS_S = 5.0
# A message still `sending` after this was left by a dead worker: longer than any provider call. By the wall.
ORPHANED_AFTER = dt.timedelta(minutes=5)
# How long after a refusal the next try is, three at most.
RETRY_AFTER = (dt.timedelta(minutes=15), dt.timedelta(hours=2), dt.timedelta(hours=24))


@workdays.remembered()
def send_due(now: dt.datetime | None = None, limit: int = 500, account: Account | None = None) -> int:
    """Send what is due, of `account` alone or of all that follow the wall; how many messages left us."""
    now = now or timezone.now()
    if account is None:
        _close_orphans()
    due = Communication.objects.filter(status=State.SCHEDULED, scheduled_for__lte=now, step__isnull=False)
    due = due.filter(account=account) if account else due.filter(account__clock=None)
    ids = due.order_by("scheduled_for", "id").values_list("pk", "account_id")[:limit]
    left = 0
    accounts: dict[uuid.UUID, Account] = {account.pk: account} if account else {}
    with channels.Mailer() as mailer:
        for pk, account_id in ids:
            try:
                owner = accounts.get(account_id) or accounts.setdefault(account_id, Account.objects.get(pk=account_id))
                left += send(pk, owner=owner, mailer=mailer, wait=account is not None)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # what one message trips over must not hold up all that are due after it
                log.exception("sending_failed", communication=str(pk))
    return left


def send(
    communication_id: uuid.UUID,
    *,
    owner: Account | None = None,
    mailer: channels.Mailer | None = None,
    wait: bool = True,
) -> bool:
    """One message, with all that is due to the same debtor, through the gate and out. Whether it left."""
    owner = owner or Account.objects.filter(communications=communication_id).first()
    if owner is None:
        return False
    if mailer is None:
        with channels.Mailer() as mailer:
            return send(communication_id, owner=owner, mailer=mailer, wait=wait)
    away = False
    try:
        mailer.ready(owner)
    except channels.Away as error:
        log.warning("mail_server_away", error=str(error))
        away = True
    rows = gate.claim(communication_id, away=away, wait=wait)
    if not rows:
        return False
    by = time.monotonic() + GATE_HOLDS_S
    status, problem, bounced = State.SENT, "", False
    try:
        mailer.deliver(channels.email(rows[0]), owner, by=by)
    except channels.Refused as refusal:
        status, problem, bounced = State.FAILED, str(refusal), isinstance(refusal, channels.Bounced)
    except Exception as error:  # whatever it was: the mail may have left
        log.warning("send_unknown", message=str(rows[0].message_id), error=type(error).__name__)
        status, problem = State.UNKNOWN, type(error).__name__
    record(rows[0].message_id, status, problem, bounced=bounced)
    return status == State.SENT


def _close_orphans() -> None:
    """What a dead worker left `sending` may have arrived."""
    old = Communication.objects.filter(status=State.SENDING, claimed_at__lt=timezone.now() - ORPHANED_AFTER)
    for message_id in set(old.values_list("message_id", flat=True)):
        record(message_id, State.UNKNOWN, "worker_died")


def record(message_id: uuid.UUID, status: State, error: str = "", *, bounced: bool = False) -> None:
    """What became of a message: its steps are done, or tried again. Whoever comes second changes nothing."""
    found = Communication.objects.filter(message_id=message_id, status=State.SENDING).values_list("debtor_id")
    with transaction.atomic():
        # The gate's order of locks.
        locked = Debtor.objects.select_for_update(no_key=True, of=("self",)).select_related("account__collection")
        debtor = locked.filter(pk__in=found).first()
        if debtor is None:
            return
        sending = Communication.objects.filter(message_id=message_id, status=State.SENDING)
        about = Invoice.objects.filter(pk__in=sending.values("invoice_id"))
        invoices = {invoice.pk: invoice for invoice in about.select_for_update(no_key=True).order_by("id")}
        for row in sending.select_for_update().order_by("-step", "id"):
            invoice = invoices[row.invoice_id]
            row.invoice, row.account = invoice, debtor.account
            invoice.account, invoice.debtor = debtor.account, debtor
            row.status, row.error = status, error[:300]
            row.save(update_fields=["status", "error"])
            _follow(row, bounced)


def _follow(row: Communication, bounced: bool) -> None:
    invoice, to = row.invoice, row.recipient
    step = next((step for step in policies.steps_of(invoice) if ladder.is_for(row, invoice, step)), None)
    if row.status == State.FAILED:
        timeline.note(invoice, "failed", CLOCK, f"Message was refused for {to}.", reason=row.error)
        communication_failed.send(Communication, communication=row)
        if bounced:
            addresses.mark_invalid(row.account, row.channel, to, invoice.account.now(), row.error)
        if step and invoice.is_open:
            _try_again(row, step, bounced)
    else:
        lifecycle.stand(invoice, last_contacted_at=row.sent_at)
        if row.status == State.SENT:
            timeline.note(invoice, "sent", CLOCK, f"{row.get_kind_display()} sent to {to} by email.")
            communication_sent.send(Communication, communication=row)
        else:
            timeline.note(invoice, "unknown", CLOCK, f"Message may not have reached {to}.", reason=row.error)
            communication_failed.send(Communication, communication=row)
        assert row.sent_at is not None
        if row.round == invoice.round and row.step is not None and (invoice.last_step or -1_000) < row.step:
            on = row.sent_at.astimezone(invoice.account.zone).date()
            ladder.done(invoice, step or PolicyStep(offset_days=row.step, kind=row.kind), on)
    ladder.advance(invoice)


def _try_again(row: Communication, step: PolicyStep, bounced: bool) -> None:
    """Another channel at once after a bounce, the same one later after a refusal; a person when nothing is left."""
    invoice = row.invoice
    failed = Communication.objects.filter(
        invoice=invoice, round=row.round, step=row.step, kind=row.kind, status=State.FAILED
    ).count()
    now = invoice.account.now()
    if bounced and not addresses.choose(invoice, step.channels).missing:
        ladder.plan_message(invoice, step, ladder.allowed_from(invoice, now))
    elif not bounced and failed <= len(RETRY_AFTER):
        next_try = ladder.plan_message(invoice, step, ladder.allowed_from(invoice, now + RETRY_AFTER[failed - 1]))
        text = f"Try {next_try.try_number} planned for {next_try.scheduled_for:%Y-%m-%d %H:%M} UTC."
        timeline.note(invoice, "planned", CLOCK, text)
    else:
        ladder.done(invoice, step)
        escalations.open_case(invoice, Reason.DELIVERY_FAILED, notes=row.error)
