"""Changes to invoices, called by the API, the dashboard, imports and the clock.

Each function is one transaction: it stores the facts and the derived statuses, adds to the timeline and the ledger,
and sends the signals. It raises `Refused` if the rules don't allow the change. Dates are in the account's time zone.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from inflow.accounts.actors import CLOCK, Actor
from inflow.accounts.models import Account
from inflow.languages import choice_label
from inflow.restores import walltime
from inflow.sql import Batch, compiled, joining
from invoices import bounds, early_clock, promises, receipts, signals, workdays
from invoices.amending import (
    NEW_ROUND_DAYS,
    again_if_changed,
    amend,
    amended,
    check_due_date,
    check_open,
    check_source,
    enter_schedule,
    move_due_date,
)
from invoices.derivation import derive
from invoices.dispute_records import Details
from invoices.drafts import AMENDABLE, Draft
from invoices.errors import CancelledNumber, NotFound, Refused, StaffOnly, Stale, VersionMismatch
from invoices.ledger import check_payment, record_payment, reverse_payment, void_payment
from invoices.models import (
    OPEN,
    Allocation,
    CaseStatus,
    Escalation,
    Invoice,
    PaymentStatus,
    Promise,
    Receipt,
    Status,
)
from invoices.registering import NewInvoice, check_new, create, create_many
from invoices.upserting import Outcome, is_unchanged, upsert
from invoices.writing import changing, check_money

log = structlog.get_logger(__name__)

__all__ = [
    "AMENDABLE",
    "NEW_ROUND_DAYS",
    "CancelledNumber",
    "NewInvoice",
    "NotFound",
    "Outcome",
    "Refused",
    "StaffOnly",
    "Stale",
    "VersionMismatch",
    "amend",
    "check_due_date",
    "check_new",
    "check_open",
    "check_payment",
    "check_source",
    "create",
    "create_many",
    "is_unchanged",
    "move_due_date",
    "record_payment",
    "reverse_payment",
    "upsert",
    "void_payment",
]

DEFAULT_HOLD = dt.timedelta(days=30)


@again_if_changed
def change(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    *,
    status: str | None = None,
    payment_status: str | None = None,
    notes: str | None = None,
    hold_until: dt.date | None = None,
    reason: str = "",
    amendments: Mapping[str, Any] | None = None,
    source_updated_at: dt.datetime | None = None,
    if_version_in: Collection[int] | None = None,
) -> Invoice:
    """Change the named values, all or none. Setting a value to itself changes nothing and announces nothing.

    `amendments` are made first (see `amend`).
    """
    takes_money = status == Status.CANCELLED or payment_status == PaymentStatus.UNPAID
    options: dict[str, Any] = {"source_updated_at": source_updated_at, "reason": reason, "if_version_in": if_version_in}
    with amended(account, invoice_id, actor, amendments or {}, locks_payers=takes_money, **options) as draft:
        invoice = draft.invoice
        if payment_status is not None:
            _change_payment_status(draft, payment_status)
        if status is not None:
            _change_status(draft, status, hold_until)
        elif hold_until is not None:
            raise _hold_until_without_hold()
        if payment_status is not None and invoice.payment_status != payment_status:
            raise Refused("payment_status", "contradiction", _("status and payment_status contradict each other."))
        if notes is not None:
            invoice.notes = notes
    return invoice


def write_off(account: Account, invoice_id: uuid.UUID, actor: Actor, *, reason: str) -> Invoice:
    """Write off the invoice. Only staff may do this; a later payment still makes the invoice paid."""
    return change(account, invoice_id, actor, status=Status.WRITTEN_OFF, reason=reason)


def promise(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    promised_on: dt.date,
    *,
    amount: Decimal | None = None,
    reason: str = "",
) -> Promise:
    """Record a promise to pay, by default of the whole balance. It replaces an earlier promise.

    The invoice is on hold until the end of the second working day after `promised_on`.
    """
    with changing(account, invoice_id, actor, reason=reason) as draft:
        return take_promise(draft, promised_on, amount)


def take_promise(draft: Draft, promised_on: dt.date, amount: Decimal | None = None) -> Promise:
    """Record a promise on an invoice that is already locked (see `promise`)."""
    invoice, account = draft.invoice, draft.account
    if not invoice.is_open:
        message = _("No promise can be recorded for an invoice that is %(status)s.")
        raise Refused("status", "illegal_transition", message % {"status": choice_label(Status, invoice.status)})
    bounds.check_end(account, draft.actor, "promised_on", promised_on)
    amount = invoice.balance if amount is None else amount
    check_money("amount", amount, invoice.currency)
    if amount > invoice.balance:
        raise Refused("amount", "above_balance", _("The promised amount must not exceed the balance."))
    days = workdays.of(invoice.debtor, account, invoice.debtor_phone)
    until = workdays.after(promised_on, promises.GRACE_WORKING_DAYS, days)
    made = promises.record(invoice, draft.actor, promised_on, amount, until)
    draft.end_dispute()
    invoice.hold_until = until
    draft.derive()
    signals.promise_made.send(Promise, promise=made)
    return made


def set_policy(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    *,
    policy_id: int | None,
    is_chased: bool,
    restarts: bool = False,
    reason: str = "",
) -> Invoice:
    """Set the invoice's policy; None means the account's default. `restarts` schedules it as if it arrived today."""
    with changing(account, invoice_id, actor, reason=reason) as draft:
        invoice = draft.invoice
        invoice.policy_id, invoice.is_chased = policy_id, is_chased
        if restarts:
            enter_schedule(invoice)
    return invoice


def age(account: Account, invoice_id: uuid.UUID) -> bool:
    """Make a new invoice overdue, or end its hold, if the date has come. Return True if the status changed."""
    with changing(account, invoice_id, CLOCK) as draft:
        before = draft.invoice.status
        draft.look()
    return draft.invoice.status != before


def update_schedule(invoice: Invoice, *, batch: Batch | None = None, **fields: object) -> None:
    """Set the invoice's schedule fields, in the batch if there is one. Its version does not change."""
    changed = {name: value for name, value in fields.items() if getattr(invoice, name) != value}
    for name, value in changed.items():
        setattr(invoice, name, value)
    if changed:
        with joining(batch) as batch:
            batch.update(invoice, *changed)


@workdays.cached()
def age_due(
    now: dt.datetime,
    limit: int = 5_000,
    account: Account | None = None,
    *,
    watch: Callable[[], None] = lambda: None,
) -> int:
    """Age every invoice whose date has come in its account's time zone. Return the number of changed statuses.

    Without `account`, process all accounts that use the real time, provided that the host's clock agrees with
    PostgreSQL's, and undo what an earlier run did while the clock was ahead. Several runs may work at once, because
    each invoice is locked and examined again. `watch` is called before each invoice and may raise to stop.
    """
    if account is None and not walltime.is_right():
        return 0
    changed = 0
    zones: dict[str, list[Account]] = {}
    for each in [account] if account else Account.objects.filter(clock=None):
        zones.setdefault(each.time_zone, []).append(each)
    for accounts in zones.values():
        today = now.astimezone(accounts[0].zone).date()
        by_id = {each.pk: each for each in accounts}
        rows = _due_compiled(accounts=list(by_id), today=today) if account else _due(list(by_id), today)
        steps = [(age, row["account_id"], row["id"]) for row in rows[: limit - changed]]
        if account is None:
            early = early_clock.aged_early(list(by_id), today)[: limit - changed]
            steps += [(early_clock.correct, row["account_id"], row["id"]) for row in early]
        for step, account_id, invoice_id in steps:
            watch()
            try:
                changed += step(by_id[account_id], invoice_id)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # one failing invoice must not stop the others
                log.exception("aging_failed", invoice=str(invoice_id))
    return changed


def _due(accounts: list[uuid.UUID], today: dt.date) -> QuerySet[Invoice, dict[str, Any]]:
    due = Q(status=Status.NEW, due_date__lt=today) | Q(status=Status.ON_HOLD, hold_until__lt=today)
    rows = Invoice.objects.filter(due, account__in=accounts).order_by("due_date", "invoice_number", "account_id")
    return rows.values("account_id", "id")


# For a test account, whose clock may advance many times in a row.
_due_compiled = compiled(lambda accounts, today: _due(accounts, today))


def count_underived(account: Account | None = None) -> int:
    """Log and count the invoices whose stored state differs from the derived one. The result should be 0.

    Without `account`, check all accounts.
    """
    lines = Allocation.objects.filter(invoice=OuterRef("pk")).order_by().values("invoice")
    paid = lines.filter(credit_note=None).values(total=Sum("amount"))
    credited = lines.exclude(credit_note=None).values(total=Sum("amount"))
    unresolved = Escalation.objects.filter(invoice=OuterRef("pk")).exclude(status=CaseStatus.RESOLVED)
    invoices = Invoice.objects.for_account(account) if account else Invoice.objects.all()
    annotated = invoices.order_by().annotate(
        paid=Coalesce(Subquery(paid), Decimal(0)),
        credited=Coalesce(Subquery(credited), Decimal(0)),
        level=Coalesce(Subquery(unresolved.order_by("-level").values("level")[:1]), 0),
    )
    wrong = 0
    for invoice in annotated.iterator(chunk_size=2_000):
        amounts = invoice.amount_paid, invoice.amount_credited
        stored = invoice.status, invoice.payment_status, *amounts, invoice.escalation_level
        derived = *derive(invoice), invoice.paid, invoice.credited, invoice.level
        if stored != derived:
            log.error("stored_is_not_derived", invoice=str(invoice.pk), stored=stored, derived=derived)
            wrong += 1
    return wrong


# --- Rules -------------------------------------------------------------------------------------------------------

# Statuses from which each status can be reached.
_TRANSITIONS: dict[str, tuple[Status, ...]] = {
    Status.NEW: OPEN,
    Status.OVERDUE: OPEN,
    Status.DISPUTED: OPEN,
    Status.ON_HOLD: OPEN,
    Status.PAID: (*OPEN, Status.WRITTEN_OFF),
    Status.WRITTEN_OFF: OPEN,
    Status.CANCELLED: (*OPEN, Status.WRITTEN_OFF),
}


def _change_status(draft: Draft, target: str, hold_until: dt.date | None) -> None:
    invoice, account = draft.invoice, draft.account
    if hold_until is not None and target != Status.ON_HOLD:
        raise _hold_until_without_hold()
    if invoice.status == target and hold_until is None:
        return
    if invoice.status not in _TRANSITIONS[target]:
        message = _("An invoice that is %(status)s can't become %(target)s.")
        names = {"status": choice_label(Status, invoice.status), "target": choice_label(Status, target)}
        raise Refused("status", "illegal_transition", message % names)
    if target == Status.WRITTEN_OFF and not draft.actor.is_staff:
        raise StaffOnly("status", "staff_only", _("Only a person in the dashboard may write an invoice off."))
    if target == Status.PAID:
        draft.settle()
    elif target == Status.WRITTEN_OFF:
        invoice.written_off_at = account.now()
    elif target == Status.CANCELLED:
        invoice.cancelled_at = account.now()
        _release_money(draft)
    elif target == Status.DISPUTED:
        contest(draft, None)
        draft.dispute_details = Details(text=draft.reason)
    elif target == Status.ON_HOLD:
        hold(draft, hold_until)
    else:
        _resume(draft, target)
    draft.derive()


def hold(draft: Draft, until: dt.date | None) -> None:
    """Put the locked invoice on hold, by default for `DEFAULT_HOLD`. The caller derives its status."""
    until = until or draft.account.today() + DEFAULT_HOLD
    if until != draft.invoice.hold_until:
        bounds.check_end(draft.account, draft.actor, "hold_until", until)
    draft.end_dispute()
    draft.invoice.hold_until = until


def contest(draft: Draft, part: Decimal | None) -> None:
    """Dispute the locked invoice, or `part` of its balance. The caller derives its status."""
    invoice = draft.invoice
    invoice.disputed_at, invoice.contested_amount = draft.account.now(), part
    invoice.hold_until, invoice.dispute_paused = None, None


def _resume(draft: Draft, target: str) -> None:
    """End a hold or a dispute. Raise `Refused` if there is none and the due date contradicts `target`."""
    held = draft.invoice.status in (Status.ON_HOLD, Status.DISPUTED)
    draft.end_dispute()
    draft.invoice.hold_until = None
    draft.look()
    if not held and draft.invoice.status != target:
        values = {"due": draft.invoice.due_date.isoformat(), "status": choice_label(Status, draft.invoice.status)}
        raise Refused("status", "not_true", _("With the due date %(due)s, the status is %(status)s.") % values)


def _change_payment_status(draft: Draft, target: str) -> None:
    invoice = draft.invoice
    if invoice.payment_status == target:
        return
    if invoice.status == Status.CANCELLED:
        message = _("A cancelled invoice can't become %(target)s.")
        raise Refused("payment_status", "illegal_transition", message % {"target": choice_label(PaymentStatus, target)})
    if target == PaymentStatus.PAID:
        draft.settle()
    elif target == PaymentStatus.UNPAID:
        for source, share, is_whole in receipts.covering(invoice):
            if is_whole:
                assert isinstance(source, Receipt)
                draft.void(source, share)
            else:
                draft.release(source, share)
    else:
        message = _("To make the invoice %(target)s, POST a payment to /api/zapier/invoices/%(pk)s/payments.")
        values = {"target": choice_label(PaymentStatus, target), "pk": invoice.pk}
        raise Refused("payment_status", "needs_a_payment", message % values)


def _release_money(draft: Draft) -> None:
    """Return what covers the invoice to credit. A payment from before its registration is voided."""
    for source, share, is_whole in receipts.covering(draft.invoice):
        if is_whole and isinstance(source, Receipt) and source.method == receipts.OPENING:
            draft.void(source, share)
        else:
            draft.release(source, share)


def _hold_until_without_hold() -> Refused:
    message = _('hold_until is allowed only with "status": "on_hold".')
    return Refused("hold_until", "without_hold", message)
