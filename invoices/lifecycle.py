"""Every write to an invoice. One verb is one transaction: the facts, the derived statuses, the timeline, the ledger,
and one announcement at its end, so that what is announced is what is committed.

The API, the dashboard, imports and the clock call the same verbs. A verb that refuses raises `Refused` and leaves
nothing behind. Dates are the account's.
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
from inflow.languages import spoken
from inflow.restores import walltime
from inflow.sql import Batch, account_scope, compiled, joining
from invoices import early_clock, promises, receipts, signals, timeline, workdays
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
# A due date moved by so much is a new one, not a correction.
NEW_ROUND_DAYS = 7


class NewInvoice(NamedTuple):
    """Values of a new invoice. Emails and phones are normalised; None stands for the default."""

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
    """Register an invoice. It is `new` at first, also past its due date: the clock makes it overdue."""
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
    """Check a new invoice by itself and return its issue date. Raises `Refused`."""
    number = canonical(new.invoice_number)
    if not number:
        raise Refused("invoice_number", "blank", _("invoice_number needs a letter or digit."))
    if len(number) > MAX_NUMBER:
        raise Refused("invoice_number", "max_length", _("invoice_number has more than %d characters.") % MAX_NUMBER)
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
        debtor = debtors.find_or_make(
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
    """Bring the invoice to what is named, all of it or nothing. What already holds is no change and no event."""
    with changing(account, invoice_id, actor, reason=reason, if_version_in=if_version_in) as draft:
        invoice = draft.invoice
        if payment_status is not None:
            _to_payment_status(draft, payment_status)
        if status is not None:
            _to_status(draft, status, hold_until)
        elif hold_until is not None:
            raise Refused("hold_until", "without_hold", _('hold_until goes with "status": "on_hold".'))
        if payment_status is not None and invoice.payment_status != payment_status:
            raise Refused("payment_status", "contradiction", _("status and payment_status contradict each other."))
        if notes is not None:
            invoice.notes = notes
    return invoice


def write_off(account: Account, invoice_id: uuid.UUID, actor: Actor, *, reason: str) -> Invoice:
    """Give the money up. Staff only; a later payment still makes it paid."""
    return change(account, invoice_id, actor, status=Status.WRITTEN_OFF, reason=reason)


def move_due_date(
    account: Account, invoice_id: uuid.UUID, actor: Actor, due_date: dt.date, *, reason: str = ""
) -> Invoice:
    """Correct the due date. Seven or more days later is a new round: the ladder begins again, open cases close."""
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
            _enter(invoice)
    return invoice


def check_due_date(invoice: Invoice, due_date: dt.date) -> None:
    """Refuse a due date that the invoice can't have."""
    if not invoice.is_open:
        said = _("An invoice that is %(status)s keeps its due date.")
        raise Refused("due_date", "closed", said % {"status": spoken(Status, invoice.status)})
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
    """The debtor will pay by then: on hold until the end of the second working day after it. A newer one replaces it.

    `amount` is the balance unless said otherwise."""
    with changing(account, invoice_id, actor, reason=reason) as draft:
        return take_promise(draft, promised_on, amount)


def take_promise(draft: Draft, promised_on: dt.date, amount: Decimal | None = None) -> Promise:
    """`promise`, on an invoice that is locked already."""
    invoice, account = draft.invoice, draft.account
    if not invoice.is_open:
        raise Refused(
            "status",
            "illegal_transition",
            _("An invoice that is %(status)s takes no promise.") % {"status": spoken(Status, invoice.status)},
        )
    if promised_on < account.today():
        raise Refused("promised_on", "in_the_past", _("A promise must not lie in the past."))
    amount = invoice.balance if amount is None else amount
    check_money("amount", amount, invoice.currency)
    if amount > invoice.balance:
        raise Refused("amount", "above_balance", _("A promise is at most the balance."))
    days = workdays.of(invoice.debtor, account, invoice.debtor_phone)
    until = workdays.after(promised_on, promises.GRACE_WORKING_DAYS, days)
    made = promises.make(invoice, draft.actor, promised_on, amount, until)
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
    enters_anew: bool = False,
    reason: str = "",
) -> Invoice:
    """Set the invoice's policy: None is the account's default. `enters_anew`: as if it arrived today."""
    with changing(account, invoice_id, actor, reason=reason) as draft:
        invoice = draft.invoice
        invoice.policy_id, invoice.is_chased = policy_id, is_chased
        if enters_anew:
            _enter(invoice)
    return invoice


def age(account: Account, invoice_id: uuid.UUID) -> bool:
    """The clock looks at one invoice: new becomes overdue, a hold that has ended ends. Says whether it moved."""
    with changing(account, invoice_id, CLOCK) as draft:
        before = draft.invoice.status
        draft.look()
    return draft.invoice.status != before


def stand(invoice: Invoice, *, batch: Batch | None = None, **place: object) -> None:
    """Write the invoice's place in the schedule: with the batch, or else at once. No lifecycle change: the version
    stays."""
    moved = {name: value for name, value in place.items() if getattr(invoice, name) != value}
    for name, value in moved.items():
        setattr(invoice, name, value)
    if moved:
        with joining(batch) as batch:
            batch.update(invoice, *moved)


@workdays.remembered()
def age_due(
    now: dt.datetime,
    limit: int = 5_000,
    account: Account | None = None,
    *,
    watch: Callable[[], None] = lambda: None,
) -> int:
    """Look at every invoice whose date has come, in each account's own zone; how many moved.

    Of `account` alone, or of all that follow the wall, whose clock is compared with PostgreSQL's. The work grows with
    what is due. Two that run at once share it: the row's lock and the second look decide. What a clock that was ahead
    did before is taken back. `watch` is called before each invoice and may raise.
    """
    if account is None and not walltime.is_right():
        return 0
    moved = 0
    zones: dict[str, list[Account]] = {}
    for each in [account] if account else Account.objects.filter(clock=None):
        zones.setdefault(each.time_zone, []).append(each)
    for accounts in zones.values():
        today = now.astimezone(accounts[0].zone).date()
        by_id = {each.pk: each for each in accounts}
        rows = _coming_of_age(accounts=list(by_id), today=today) if account else _of_age(list(by_id), today)
        looks = [(age, row["account_id"], row["id"]) for row in rows[: limit - moved]]
        if account is None:
            early = early_clock.ahead(list(by_id), today)[: limit - moved]
            looks += [(early_clock.heal, row["account_id"], row["id"]) for row in early]
        for look, account_id, invoice_id in looks:
            watch()
            try:
                moved += look(by_id[account_id], invoice_id)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # what one invoice trips over must not stop the clock for all that are due after it
                log.exception("aging_failed", invoice=str(invoice_id))
    return moved


def _of_age(accounts: list[uuid.UUID], today: dt.date) -> QuerySet[Invoice, dict[str, Any]]:
    due = Q(status=Status.NEW, due_date__lt=today) | Q(status=Status.ON_HOLD, hold_until__lt=today)
    rows = Invoice.objects.filter(due, account__in=accounts).order_by("due_date", "invoice_number", "account_id")
    return rows.values("account_id", "id")


# For the one account whose clock leaps, many times.
_coming_of_age = compiled(lambda accounts, today: _of_age(accounts, today))


def count_underived(account: Account | None = None) -> int:
    """Return the number of invoices, of `account` or of all, whose stored state differs from what their facts, ledger
    and cases derive: always 0. Each is logged."""
    paid = Allocation.objects.filter(invoice=OuterRef("pk")).order_by().values("invoice").values(total=Sum("amount"))
    unresolved = Escalation.objects.filter(invoice=OuterRef("pk")).exclude(status=CaseStatus.RESOLVED)
    invoices = Invoice.objects.for_account(account) if account else Invoice.objects.all()
    looked_at = invoices.order_by().annotate(
        ledger=Coalesce(Subquery(paid), Decimal(0)),
        level=Coalesce(Subquery(unresolved.order_by("-level").values("level")[:1]), 0),
    )
    wrong = 0
    for invoice in looked_at.iterator(chunk_size=2_000):
        stored = invoice.status, invoice.payment_status, invoice.amount_paid, invoice.escalation_level
        derived = *derive(invoice), invoice.ledger, invoice.level
        if stored != derived:
            log.error("stored_is_not_derived", invoice=str(invoice.pk), stored=stored, derived=derived)
            wrong += 1
    return wrong


# --- The rules ---------------------------------------------------------------------------------------------------

_COME_FROM: dict[str, tuple[Status, ...]] = {
    Status.NEW: OPEN,
    Status.OVERDUE: OPEN,
    Status.DISPUTED: OPEN,
    Status.ON_HOLD: OPEN,
    Status.PAID: (*OPEN, Status.WRITTEN_OFF),
    Status.WRITTEN_OFF: OPEN,
    Status.CANCELLED: (*OPEN, Status.WRITTEN_OFF),
}


def _to_status(draft: Draft, target: str, hold_until: dt.date | None) -> None:
    invoice, account = draft.invoice, draft.account
    if hold_until is not None and target != Status.ON_HOLD:
        raise Refused("hold_until", "without_hold", _('hold_until goes with "status": "on_hold".'))
    if invoice.status == target and hold_until is None:
        return
    if invoice.status not in _COME_FROM[target]:
        raise Refused(
            "status",
            "illegal_transition",
            _("An invoice that is %(status)s can't become %(target)s.")
            % {"status": spoken(Status, invoice.status), "target": spoken(Status, target)},
        )
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
    """`new` and `overdue` end a hold or a dispute, and else must be what the date says."""
    held = draft.invoice.status in (Status.ON_HOLD, Status.DISPUTED)
    draft.invoice.disputed_at = draft.invoice.hold_until = None
    draft.look()
    if not held and draft.invoice.status != target:
        due = draft.invoice.due_date.isoformat()
        raise Refused(
            "status",
            "not_true",
            _("With a due date of %(due)s the invoice is %(status)s.")
            % {"due": due, "status": spoken(Status, draft.invoice.status)},
        )


def _to_payment_status(draft: Draft, target: str) -> None:
    invoice = draft.invoice
    if invoice.payment_status == target:
        return
    if invoice.status == Status.CANCELLED:
        raise Refused(
            "payment_status",
            "illegal_transition",
            _("A cancelled invoice can't become %(target)s.") % {"target": spoken(PaymentStatus, target)},
        )
    if target == PaymentStatus.PAID:
        draft.settle()
    elif target == PaymentStatus.UNPAID:
        for receipt, share, is_whole in _paying(invoice):
            if is_whole:
                draft.void(receipt, share)
            else:
                draft.release(receipt, share)
    else:
        raise Refused(
            "payment_status",
            "needs_a_payment",
            _("A payment makes an invoice %(target)s: POST it to /api/zapier/invoices/%(pk)s/payments.")
            % {"target": spoken(PaymentStatus, target), "pk": invoice.pk},
        )


def _enter(invoice: Invoice) -> None:
    """It comes to the ladder now."""
    invoice.dispute_paused = None
    invoice.entered_on, invoice.entered_at = invoice.account.today(), invoice.account.now()


def _release_money(draft: Draft) -> None:
    """Return to the debtor's credit what paid the invoice. What it came with ends with it."""
    for receipt, share, is_whole in _paying(draft.invoice):
        if is_whole and receipt.method == receipts.OPENING:
            draft.void(receipt, share)
        else:
            draft.release(receipt, share)


def _paying(invoice: Invoice) -> list[tuple[Receipt, Decimal, bool]]:
    """Return the receipts that pay the invoice, how much of it each, and whether it came for this invoice and pays no
    other. What was paid from credit came for another invoice, or for none."""
    paying = receipts.paying(invoice)
    shares = receipts.shares(receipt.pk for receipt in paying)
    return [
        (
            receipt,
            shares[receipt.pk][invoice.pk],
            receipt.posted_on_id == invoice.pk and len(shares[receipt.pk]) == 1,
        )
        for receipt in paying
    ]


def _duplicate_number(account: Account, number: str) -> Refused:
    existing = Invoice.objects.for_account(account).values_list("pk", flat=True).get(invoice_number=number)
    return Refused(
        "invoice_number",
        "duplicate",
        _("Invoice number %(number)s is taken by invoice %(existing)s.") % {"number": number, "existing": existing},
    )
