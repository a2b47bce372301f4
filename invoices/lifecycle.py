"""Changes to invoices, called by the API, the dashboard, imports and the clock.

Each function is one transaction: it stores the facts and the derived statuses, adds to the timeline and the ledger,
and sends the signals. It raises `Refused` if the rules don't allow the change. Dates are in the account's time zone.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, NamedTuple

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from inflow.accounts.actors import CLOCK, Actor
from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.languages import choice_label
from inflow.restores import walltime
from inflow.sql import Batch, account_scope, compiled, joining
from invoices import automatic_credit, early_clock, promises, receipts, signals, timeline, workdays
from invoices.cases import escalations
from invoices.debtors import debtors, parties
from invoices.derivation import derive
from invoices.errors import NotFound, Refused, StaffOnly, VersionMismatch
from invoices.ledger import check_payment, record_payment, reverse_payment, void_payment
from invoices.models import (
    MAX_NUMBER,
    OPEN,
    Allocation,
    CaseStatus,
    Escalation,
    Invoice,
    PaymentStatus,
    Promise,
    Receipt,
    Resolution,
    Status,
)
from invoices.writing import Draft, changing, check_money

log = structlog.get_logger(__name__)

__all__ = [
    "NotFound",
    "Refused",
    "StaffOnly",
    "VersionMismatch",
    "check_payment",
    "record_payment",
    "reverse_payment",
    "void_payment",
]

DEFAULT_HOLD = dt.timedelta(days=30)
# A due date moved by at least so many days starts a new round; a smaller move is a correction.
NEW_ROUND_DAYS = 7


class NewInvoice(NamedTuple):
    """Values of a new invoice. Emails and phones are normalised; None means the default."""

    invoice_number: str
    debtor_name: str
    amount: Decimal
    currency: str
    due_date: dt.date
    issue_date: dt.date | None = None
    debtor_company: str = ""
    debtor_email: str = ""
    debtor_phone: str = ""
    language: str | None = None
    notes: str = ""
    amount_paid: Decimal = Decimal(0)


def create(account: Account, new: NewInvoice, actor: Actor) -> Invoice:
    """Register an invoice. Its status is `new` even after its due date, until the clock makes it overdue."""
    today = account.today()
    new = new._replace(invoice_number=canonical(new.invoice_number))
    issue_date = check_new(new, today)
    try:
        return _create(account, new, actor, today, issue_date)
    except IntegrityError as error:
        if "invoice_number_is_unique" in str(error):
            raise _duplicate_number(account, new.invoice_number) from error
        raise


def check_new(new: NewInvoice, today: dt.date) -> dt.date:
    """Validate a new invoice and return its issue date. Raise `Refused` if it is invalid."""
    number = canonical(new.invoice_number)
    if not number:
        raise Refused("invoice_number", "blank", _("invoice_number must contain a letter or digit."))
    if len(number) > MAX_NUMBER:
        raise Refused("invoice_number", "max_length", _("invoice_number must have at most %d characters.") % MAX_NUMBER)
    check_money("amount", new.amount, new.currency)
    issue_date = new.issue_date or min(today, new.due_date)
    if new.due_date < issue_date:
        raise Refused("due_date", "before_issue_date", _("due_date must not be before issue_date."))
    if new.amount_paid:
        check_money("amount_paid", new.amount_paid, new.currency)
    return issue_date


def _create(account: Account, new: NewInvoice, actor: Actor, today: dt.date, issue_date: dt.date) -> Invoice:
    now = dt.datetime.now(dt.UTC)
    batch = Batch()
    with account_scope(account):
        debtor = debtors.get_or_create(
            account,
            name=new.debtor_name,
            company=new.debtor_company,
            email=new.debtor_email,
            phone=new.debtor_phone,
        )
        email = debtors.normalise_email(new.debtor_email)
        invoice = Invoice(
            account=account,
            debtor=debtor,
            invoice_number=new.invoice_number,
            debtor_name=new.debtor_name,
            debtor_company=new.debtor_company,
            debtor_email=email,
            debtor_phone=new.debtor_phone,
            party=parties.of(new.debtor_name, new.debtor_company).key,
            amount=new.amount,
            currency=new.currency,
            issue_date=issue_date,
            due_date=new.due_date,
            language=new.language or debtor.language or account.language,
            notes=new.notes,
            amount_paid=min(new.amount_paid, new.amount),
            entered_on=today,
            entered_at=account.now(),
            created_at=now,
            updated_at=now,
        )
        invoice.status, invoice.payment_status = derive(invoice)
        if invoice.payment_status == PaymentStatus.PAID:
            invoice.covered_at = account.now()
        batch.insert(invoice)
        timeline.note(invoice, "created", actor, amount=(new.amount, new.currency), batch=batch)
        signals.facts_changed.send(Invoice, invoice=invoice, actor=actor, batch=batch, is_new=True)
        batch.flush()
        if new.amount_paid:
            receipts.receive(
                invoice,
                new.amount_paid,
                invoice.amount_paid,
                paid_at=min(issue_date, today),
                method=receipts.OPENING,
            )
        signals.invoice_created.send(Invoice, invoice=invoice, actor=actor)
        if automatic_credit.apply(account, debtor, actor):
            invoice.refresh_from_db()
            invoice.account, invoice.debtor = account, debtor
    return invoice


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
    if_version_in: Collection[int] | None = None,
) -> Invoice:
    """Change the named values, all or none. Setting a value to itself changes nothing and announces nothing."""
    takes_money = status == Status.CANCELLED or payment_status == PaymentStatus.UNPAID
    with changing(
        account, invoice_id, actor, reason=reason, if_version_in=if_version_in, locks_payers=takes_money
    ) as draft:
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


def move_due_date(
    account: Account, invoice_id: uuid.UUID, actor: Actor, due_date: dt.date, *, reason: str = ""
) -> Invoice:
    """Change the due date. If it moves by `NEW_ROUND_DAYS` or more, the reminder schedule restarts and cases close."""
    with changing(account, invoice_id, actor, reason=reason) as draft:
        invoice = draft.invoice
        check_due_date(invoice, due_date)
        is_new_round = (due_date - invoice.due_date).days >= NEW_ROUND_DAYS
        invoice.due_date = due_date
        draft.derive()
        if is_new_round:
            draft.then(lambda: escalations.close_all(invoice, Resolution.NEW_ROUND, actor))
            invoice.round += 1
            invoice.last_step, invoice.slip_days = None, 0
            _enter_schedule(invoice)
    return invoice


def check_due_date(invoice: Invoice, due_date: dt.date) -> None:
    """Raise `Refused` if the invoice can't have the due date."""
    if not invoice.is_open:
        message = _("The due date of an invoice that is %(status)s can't be changed.")
        raise Refused("due_date", "closed", message % {"status": choice_label(Status, invoice.status)})
    if due_date < invoice.issue_date:
        raise Refused("due_date", "before_issue_date", _("due_date must not be before issue_date."))


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
    if promised_on < account.today():
        raise Refused("promised_on", "in_the_past", _("The promised day must not be in the past."))
    amount = invoice.balance if amount is None else amount
    check_money("amount", amount, invoice.currency)
    if amount > invoice.balance:
        raise Refused("amount", "above_balance", _("The promised amount must not exceed the balance."))
    days = workdays.of(invoice.debtor, account, invoice.debtor_phone)
    until = workdays.after(promised_on, promises.GRACE_WORKING_DAYS, days)
    made = promises.record(invoice, draft.actor, promised_on, amount, until)
    invoice.disputed_at, invoice.hold_until = None, until
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
            _enter_schedule(invoice)
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
        invoice.disputed_at, invoice.hold_until, invoice.dispute_paused = account.now(), None, None
    elif target == Status.ON_HOLD:
        today = account.today()
        until = hold_until or today + DEFAULT_HOLD
        if until < today:
            raise Refused("hold_until", "in_the_past", _("hold_until must not be in the past."))
        invoice.disputed_at, invoice.hold_until = None, until
    else:
        _resume(draft, target)
    draft.derive()


def _resume(draft: Draft, target: str) -> None:
    """End a hold or a dispute. Raise `Refused` if there is none and the due date contradicts `target`."""
    held = draft.invoice.status in (Status.ON_HOLD, Status.DISPUTED)
    draft.invoice.disputed_at = draft.invoice.hold_until = None
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


def _enter_schedule(invoice: Invoice) -> None:
    """Start the reminder schedule now."""
    invoice.dispute_paused = None
    invoice.entered_on, invoice.entered_at = invoice.account.today(), invoice.account.now()


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


def _duplicate_number(account: Account, number: str) -> Refused:
    existing = Invoice.objects.for_account(account).values_list("pk", flat=True).get(invoice_number=number)
    message = _("Invoice number %(number)s is already used by invoice %(existing)s.")
    return Refused("invoice_number", "duplicate", message % {"number": number, "existing": existing})
