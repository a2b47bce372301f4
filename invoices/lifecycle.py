"""Every write to an invoice. One verb is one transaction: the facts, the derived statuses, the timeline, the ledger,
and one announcement at its end, so that what is announced is what is committed.

The API, the dashboard, imports and the clock call the same verbs. A verb that refuses raises `Refused` and leaves
nothing behind. Dates are the account's.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Model, Q
from django.utils import timezone

from inflow.accounts.actors import CLOCK, Actor
from inflow.accounts.models import Account
from inflow.api.fields import MAX_DIGITS
from invoices import debtors, money, signals, timeline
from invoices.derivation import derive
from invoices.models import OPEN, Invoice, Payment, PaymentStatus, Status

log = structlog.get_logger(__name__)

DEFAULT_HOLD = dt.timedelta(days=30)
_WATCHED = ("status", "payment_status", "hold_until", "notes", "due_date", "amount_paid")
_REPORTED = ("status", "payment_status", "hold_until", "notes", "due_date")


class Refused(Exception):
    """A change that the rules don't allow. `field` and `code` are for machines, the message is for people."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field, code, message


class StaffOnly(Refused):
    """Only a person in the dashboard may do this."""


class VersionMismatch(Exception):
    """The caller's If-Match is of another version."""


class NotFound(Exception):
    """No such invoice in this account."""


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """What a caller may say of a new invoice. Emails and phones come normalised; None asks for the default."""

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
    """Register an invoice. It is born `new`, also past its due date: the clock makes it overdue."""
    today = account.today()
    _check_money("amount", new.amount, new.currency)
    issue_date = new.issue_date or min(today, new.due_date)
    if new.due_date < issue_date:
        raise Refused("due_date", "before_issue_date", "due_date must not be before issue_date.")
    with transaction.atomic():
        debtor = debtors.find_or_make(
            account,
            name=new.debtor_name,
            company=new.debtor_company,
            email=new.debtor_email,
            phone=new.debtor_phone,
        )
        invoice = Invoice(
            account=account,
            debtor=debtor,
            invoice_number=new.invoice_number,
            debtor_name=new.debtor_name,
            debtor_company=new.debtor_company,
            debtor_email=new.debtor_email,
            debtor_phone=new.debtor_phone,
            amount=new.amount,
            currency=new.currency,
            issue_date=issue_date,
            due_date=new.due_date,
            language=new.language or debtor.language or account.language,
            notes=new.notes,
            amount_paid=new.amount_paid,
        )
        invoice.updated_at = invoice.created_at
        invoice.status, invoice.payment_status = derive(invoice)
        _insert(invoice, "invoice_number_is_unique", lambda: _duplicate_number(account, new.invoice_number))
        if new.amount_paid:
            _check_money("amount_paid", new.amount_paid, new.currency)
            _post(
                invoice,
                new.amount_paid,
                paid_at=issue_date if issue_date < today else today,
                method="opening",
            )
        timeline.note(invoice, "created", actor, f"Invoice of {money.display(new.amount, new.currency)} registered.")
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
    with _changing(account, invoice_id, actor, reason=reason, if_version_in=if_version_in) as draft:
        invoice = draft.invoice
        if payment_status is not None:
            _to_payment_status(draft, payment_status)
        if status is not None:
            _to_status(draft, status, hold_until)
        elif hold_until is not None:
            raise Refused("hold_until", "without_hold", 'hold_until goes with "status": "on_hold".')
        if payment_status is not None and invoice.payment_status != payment_status:
            raise Refused("payment_status", "contradiction", "status and payment_status contradict each other.")
        if notes is not None:
            invoice.notes = notes
    return invoice


def record_payment(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    *,
    amount: Decimal,
    paid_at: dt.date | None = None,
    method: str = "unspecified",
    reference: str = "",
) -> Payment:
    """Post money to the ledger. More than the balance is kept: it is the debtor's unapplied credit."""
    with _changing(account, invoice_id, actor) as draft:
        invoice = draft.invoice
        if invoice.status == Status.CANCELLED:
            raise Refused("invoice", "cancelled", "A cancelled invoice takes no payment.")
        _check_money("amount", amount, invoice.currency)
        today = account.today()
        if paid_at and paid_at > today:
            raise Refused("paid_at", "in_the_future", "paid_at must not be in the future.")
        if money.digits(invoice.amount_paid + amount) > MAX_DIGITS:
            raise Refused("amount", "too_long", f"What is paid in all must have at most {MAX_DIGITS} digits.")
        return draft.post(amount, paid_at=paid_at or today, method=method, reference=reference)


def reverse_payment(account: Account, invoice_id: uuid.UUID, payment_id: uuid.UUID, actor: Actor) -> Payment:
    """Take a payment back (a bounced cheque). Once per payment; the invoice's status is derived anew."""
    with _changing(account, invoice_id, actor) as draft:
        payment = draft.invoice.payments.filter(pk=payment_id, reversal_of=None).first()
        if payment is None:
            raise Refused("reversal_of", "unknown_payment", "reversal_of names no payment of this invoice.")
        if Payment.objects.filter(reversal_of=payment).exists():
            raise Refused("reversal_of", "already_reversed", "This payment is reversed already.")
        return draft.reverse(payment)


def write_off(account: Account, invoice_id: uuid.UUID, actor: Actor, *, reason: str) -> Invoice:
    """Give the money up. Staff only; a later payment still makes it paid."""
    return change(account, invoice_id, actor, status=Status.WRITTEN_OFF, reason=reason)


def age(account: Account, invoice_id: uuid.UUID) -> bool:
    """The clock looks at one invoice: new becomes overdue, a hold that has ended ends. Says whether it moved."""
    with _changing(account, invoice_id, CLOCK) as draft:
        before = draft.invoice.status
        _look(draft)
    return draft.invoice.status != before


def contact_at(invoice: Invoice, *, next_at: dt.datetime | None, last_at: dt.datetime | None = None) -> None:
    """Where the dunning ladder stands. No lifecycle change: the version stays."""
    moved = {"next_contact_at": next_at} | ({"last_contacted_at": last_at} if last_at else {})
    for name, value in moved.items():
        setattr(invoice, name, value)
    Invoice.objects.filter(pk=invoice.pk).update(**moved)


def age_due(now: dt.datetime, limit: int = 5_000) -> int:
    """Look at every invoice whose date has come, in each account's own zone; how many moved.

    The work grows with what is due. Two that run at once share it: the row's lock and the second look decide.
    """
    moved = 0
    zones: dict[str, list[Account]] = {}
    for account in Account.objects.all():
        zones.setdefault(account.time_zone, []).append(account)
    for accounts in zones.values():
        today = now.astimezone(accounts[0].zone).date()
        due = Q(status=Status.NEW, due_date__lt=today) | Q(status=Status.ON_HOLD, hold_until__lt=today)
        by_id = {account.pk: account for account in accounts}
        rows = Invoice.objects.filter(due, account__in=by_id).order_by("due_date").values_list("account_id", "pk")
        for account_id, invoice_id in rows[: limit - moved]:
            try:
                moved += age(by_id[account_id], invoice_id)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # what one invoice trips over must not stop the clock for all that are due after it
                log.exception("aging_failed", invoice=str(invoice_id))
    return moved


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


def _to_status(draft: "_Draft", target: str, hold_until: dt.date | None) -> None:
    invoice, account = draft.invoice, draft.account
    if hold_until is not None and target != Status.ON_HOLD:
        raise Refused("hold_until", "without_hold", 'hold_until goes with "status": "on_hold".')
    if invoice.status == target and hold_until is None:
        return
    if invoice.status not in _COME_FROM[target]:
        raise Refused("status", "illegal_transition", f"An invoice that is {invoice.status} can't become {target}.")
    if target == Status.WRITTEN_OFF and not draft.actor.is_staff:
        raise StaffOnly("status", "staff_only", "Only a person in the dashboard may write an invoice off.")
    if target == Status.PAID:
        draft.settle()
    elif target == Status.WRITTEN_OFF:
        invoice.written_off_at = account.now()
    elif target == Status.CANCELLED:
        invoice.cancelled_at = account.now()
    elif target == Status.DISPUTED:
        invoice.disputed_at, invoice.hold_until = account.now(), None
    elif target == Status.ON_HOLD:
        until = hold_until or account.today() + DEFAULT_HOLD
        if until < account.today():
            raise Refused("hold_until", "in_the_past", "hold_until must not be in the past.")
        invoice.disputed_at, invoice.hold_until = None, until
    else:
        _resume(draft, target)
    draft.derive()


def _resume(draft: "_Draft", target: str) -> None:
    """`new` and `overdue` end a hold or a dispute, and else must be what the date says."""
    held = draft.invoice.status in (Status.ON_HOLD, Status.DISPUTED)
    draft.invoice.disputed_at = draft.invoice.hold_until = None
    _look(draft)
    if not held and draft.invoice.status != target:
        due = draft.invoice.due_date.isoformat()
        raise Refused("status", "not_true", f"With a due date of {due} the invoice is {draft.invoice.status}.")


def _to_payment_status(draft: "_Draft", target: str) -> None:
    invoice = draft.invoice
    if invoice.payment_status == target:
        return
    if invoice.status == Status.CANCELLED:
        raise Refused("payment_status", "illegal_transition", f"A cancelled invoice can't become {target}.")
    if target == PaymentStatus.PAID:
        draft.settle()
    elif target == PaymentStatus.UNPAID:
        for payment in invoice.payments.filter(reversal_of=None, reversal=None):
            draft.reverse(payment)
    else:
        raise Refused(
            "payment_status",
            "needs_a_payment",
            f"A payment makes an invoice {target}: POST it to /api/zapier/invoices/{invoice.pk}/payments.",
        )


def _look(draft: "_Draft") -> None:
    invoice = draft.invoice
    invoice.aged_on = draft.account.today()
    draft.derive()
    if invoice.hold_until and invoice.aged_on > invoice.hold_until:
        invoice.hold_until = None


# --- The one writer ----------------------------------------------------------------------------------------------


@dataclass
class _Draft:
    """A locked invoice on its way from one committed state to the next."""

    account: Account
    invoice: Invoice
    actor: Actor
    payments: list[Payment] = field(default_factory=list)

    def derive(self) -> None:
        self.invoice.status, self.invoice.payment_status = derive(self.invoice)
        if not self.invoice.is_open:
            self.invoice.hold_until = self.invoice.disputed_at = None

    def settle(self) -> None:
        self.post(self.invoice.balance, paid_at=self.account.today(), method="manual")

    def post(self, amount: Decimal, *, paid_at: dt.date, method: str, reference: str = "") -> Payment:
        payment = _post(self.invoice, amount, paid_at=paid_at, method=method, reference=reference)
        return self._posted(payment, "payment_recorded", "Payment of {} recorded.")

    def reverse(self, payment: Payment) -> Payment:
        reversal = _post(
            self.invoice,
            -payment.amount,
            paid_at=self.account.today(),
            method=payment.method,
            reversal_of=payment,
        )
        return self._posted(reversal, "payment_reversed", "Payment of {} reversed.")

    def _posted(self, payment: Payment, kind: str, text: str) -> Payment:
        invoice = self.invoice
        invoice.amount_paid += payment.amount
        self.payments.append(payment)
        amount = money.display(abs(payment.amount), invoice.currency)
        timeline.note(invoice, kind, self.actor, text.format(amount), after={"balance": str(invoice.balance)})
        self.derive()
        return payment


@contextmanager
def _changing(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    *,
    reason: str = "",
    if_version_in: Collection[int] | None = None,
) -> Iterator[_Draft]:
    """Lock the invoice, let the caller move its facts, then write, note and announce what really changed."""
    with transaction.atomic():
        invoice = Invoice.objects.select_for_update(no_key=True).filter(account_id=account.pk, pk=invoice_id).first()
        if invoice is None:
            raise NotFound
        if if_version_in is not None and invoice.version not in if_version_in:
            raise VersionMismatch
        invoice.account = account
        before = {name: getattr(invoice, name) for name in _WATCHED}
        draft = _Draft(account, invoice, actor)
        yield draft
        after = {name: getattr(invoice, name) for name in _WATCHED}
        if before == after:
            return
        invoice.version += 1
        invoice.updated_at = timezone.now()
        invoice.save()
        changed = [name for name in _REPORTED if before[name] != after[name]]
        if changed:
            timeline.note(
                invoice,
                "status_changed" if before["status"] != after["status"] else "changed",
                actor,
                _sentence(changed, before, after),
                before={name: _plain(before[name]) for name in changed},
                after={name: _plain(after[name]) for name in changed},
                reason=reason,
            )
        if (before["status"], before["payment_status"]) != (invoice.status, invoice.payment_status):
            signals.invoice_changed.send(
                Invoice,
                invoice=invoice,
                actor=actor,
                previous_status=before["status"],
                previous_payment_status=before["payment_status"],
            )
        # Second: what the change moved, such as next_contact_at, is in what the payment's listeners are shown.
        for payment in draft.payments:
            signals.payment_recorded.send(Invoice, invoice=invoice, payment=payment, actor=actor)


def _post(
    invoice: Invoice,
    amount: Decimal,
    *,
    paid_at: dt.date,
    method: str,
    reference: str = "",
    reversal_of: Payment | None = None,
) -> Payment:
    payment = Payment(
        account_id=invoice.account_id,
        invoice=invoice,
        amount=amount,
        paid_at=paid_at,
        method=method,
        reference=reference,
        reversal_of=reversal_of,
    )
    _insert(
        payment,
        "payment_reference_is_unique",
        lambda: Refused("reference", "duplicate", f"A payment with the reference {reference} is recorded already."),
    )
    return payment


def _insert(row: Model, constraint: str, refusal: Callable[[], Refused]) -> None:
    """INSERT, and say it in the domain's words where the database refuses by `constraint`."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if constraint in str(error):
            raise refusal() from error
        raise


def _duplicate_number(account: Account, number: str) -> Refused:
    existing = Invoice.objects.for_account(account).values_list("pk", flat=True).get(invoice_number=number)
    return Refused("invoice_number", "duplicate", f"Invoice number {number} is taken by invoice {existing}.")


def _check_money(field: str, amount: Decimal, currency: str) -> None:
    exponent = money.EXPONENTS[currency]
    if amount <= 0:
        raise Refused(field, "not_positive", f"{field} must be greater than 0.")
    if money.decimals(amount) > exponent:
        raise Refused(field, "too_many_decimals", f"{currency} has {exponent} decimals at most.")


def _sentence(changed: list[str], before: dict[str, object], after: dict[str, object]) -> str:
    parts = [
        "Notes changed" if name == "notes" else f"{name.replace('_', ' ')}: {before[name]} → {after[name]}"
        for name in changed
    ]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str) else str(value)
