"""The one writer: an invoice is locked, its facts move, and what really changed is written, noted and announced."""

import datetime as dt
import operator
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow import statements
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.languages import named
from invoices import escalations, money, promises, signals, timeline
from invoices.derivation import derive
from invoices.models import Debtor, Invoice, Payment, Reason, Resolution

_WATCHED = (
    "status",
    "payment_status",
    "hold_until",
    "notes",
    "due_date",
    "amount_paid",
    "policy_id",
    "is_chased",
    "entered_on",
    "entered_at",
)
_values_watched = operator.attrgetter(*_WATCHED)
_REPORTED = ("status", "payment_status", "hold_until", "notes", "due_date", "is_chased")


def _watched(invoice: Invoice) -> dict[str, Any]:
    return dict(zip(_WATCHED, _values_watched(invoice), strict=True))


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


@dataclass
class Draft:
    """A locked invoice on its way from one committed state to the next."""

    account: Account
    invoice: Invoice
    actor: Actor
    payments: list[Payment] = field(default_factory=list)
    _afterwards: list[Callable[[], object]] = field(default_factory=list)

    def then(self, act: Callable[[], object]) -> None:
        """Let `act` follow in the same transaction, on the invoice as it is then written."""
        self._afterwards.append(act)

    def follow(self) -> None:
        for act in self._afterwards:
            act()

    def derive(self) -> None:
        self.invoice.status, self.invoice.payment_status = derive(self.invoice)
        if not self.invoice.is_open:
            self.invoice.hold_until = self.invoice.disputed_at = None

    def settle(self) -> None:
        self.post(self.invoice.balance, paid_at=self.account.today(), method="manual")

    def post(self, amount: Decimal, *, paid_at: dt.date, method: str, reference: str = "") -> Payment:
        payment = post(self.invoice, amount, paid_at=paid_at, method=method, reference=reference)
        return self._posted(payment, "payment_recorded")

    def reverse(self, payment: Payment) -> Payment:
        reversal = post(
            self.invoice,
            -payment.amount,
            paid_at=self.account.today(),
            method=payment.method,
            reversal_of=payment,
        )
        self.then(self._call_for_a_person)
        return self._posted(reversal, "payment_reversed")

    def _call_for_a_person(self) -> None:
        if self.invoice.is_open:
            escalations.open_case(self.invoice, Reason.REVERSAL, self.actor)

    def _posted(self, payment: Payment, kind: str) -> Payment:
        invoice = self.invoice
        invoice.amount_paid += payment.amount
        self.payments.append(payment)
        amount = (abs(payment.amount), invoice.currency)
        timeline.note(invoice, kind, self.actor, after={"balance": str(invoice.balance)}, amount=amount)
        self.derive()
        return payment


def lock(account: Account, invoice_id: uuid.UUID) -> Invoice:
    """The invoice, its debtor's row locked first: whoever writes to either waits for the transaction's end. What will
    be asked under the lock comes in the same trip, each query as of when the lock was had."""
    coming = signals.asked_by_all(signals.change_begins, account=account, invoice_id=invoice_id)
    ahead = [promises.asks(invoice_id), *coming]
    row = statements.execute(_LOCK, {"invoice": invoice_id, "account": account.pk}, ahead=ahead).fetchone()
    if row is None:
        raise NotFound
    invoice: Invoice
    debtor, invoice = statements.objects(row, Debtor, Invoice)
    _ACCOUNT.set_cached_value(invoice, account)
    _DEBTOR.set_cached_value(invoice, debtor)
    return invoice


_ACCOUNT: Any = Invoice._meta.get_field("account")
_DEBTOR: Any = Invoice._meta.get_field("debtor")


# PostgreSQL locks a row's tables in the order in which they are named here, each as it is committed then.
_LOCK = f"""
SELECT {statements.columns(Debtor, Invoice)}
FROM invoices_debtor JOIN invoices_invoice ON invoices_invoice.debtor_id = invoices_debtor.id
WHERE invoices_invoice.id = %(invoice)s AND invoices_invoice.account_id = %(account)s
FOR NO KEY UPDATE OF invoices_debtor, invoices_invoice
"""  # noqa: S608


@contextmanager
def changing(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    *,
    reason: str = "",
    if_version_in: Collection[int] | None = None,
) -> Iterator[Draft]:
    """Lock the invoice, let the caller move its facts, then write, note and announce what really changed."""
    with statements.transaction():
        invoice = lock(account, invoice_id)
        if if_version_in is not None and invoice.version not in if_version_in:
            raise VersionMismatch
        stored = invoice.as_stored()
        before = _watched(invoice)
        draft = Draft(account, invoice, actor)
        yield draft
        after = _watched(invoice)
        if before == after:
            draft.follow()
            return
        invoice.version += 1
        invoice.updated_at = timezone.now()
        invoice.is_being_written = True
        changed = [name for name in _REPORTED if before[name] != after[name]]
        if changed:
            timeline.note(
                invoice,
                "status_changed" if before["status"] != after["status"] else "changed",
                actor,
                before={name: _plain(before[name]) for name in changed},
                after={name: _plain(after[name]) for name in changed},
                reason=reason,
            )
        if before["hold_until"]:
            promises.follow(invoice, actor)
        if not invoice.is_open:
            escalations.close_all(invoice, Resolution.CLOSED, actor)
        draft.follow()
        # First the ladder: what it moves, such as next_contact_at, is in what is written and what the others are shown.
        signals.facts_changed.send(Invoice, invoice=invoice, actor=actor)
        invoice.is_being_written = False
        statements.update(invoice, sorted(dict(invoice.as_stored().items() - stored.items())))
        if (before["status"], before["payment_status"]) != (invoice.status, invoice.payment_status):
            signals.invoice_changed.send(
                Invoice,
                invoice=invoice,
                actor=actor,
                previous_status=before["status"],
                previous_payment_status=before["payment_status"],
            )
        for payment in draft.payments:
            signals.payment_recorded.send(Invoice, invoice=invoice, payment=payment, actor=actor)


def post(
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
        recorded_at=invoice.account.now(),
    )
    insert(
        payment,
        "payment_reference_is_unique",
        lambda: Refused(
            "reference",
            "duplicate",
            _("A payment with the reference %(reference)s is recorded already.") % {"reference": reference},
        ),
    )
    return payment


def insert(row: Model, constraint: str, refusal: Callable[[], Refused]) -> None:
    """INSERT, and say it in the domain's words where the database refuses by `constraint`."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if constraint in str(error):
            raise refusal() from error
        raise


def check_money(field: str, amount: Decimal, currency: str) -> None:
    exponent = money.EXPONENTS[currency]
    if amount <= 0:
        raise Refused(field, "not_positive", _("%(field)s must be greater than 0.") % {"field": named(field)})
    if money.decimals(amount) > exponent:
        raise Refused(
            field,
            "too_many_decimals",
            _("%(currency)s has %(exponent)s decimals at most.") % {"currency": currency, "exponent": exponent},
        )


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str) else str(value)
