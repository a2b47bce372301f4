"""The unit of work of a change: the locked invoice, what will be written with it, and what will be announced."""

import datetime as dt
import operator
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import Batch
from invoices import dispute_records, receipts, timeline
from invoices.derivation import derive
from invoices.models import (
    OPEN,
    AllocationKind,
    CreditNote,
    Debtor,
    Dispute,
    DisputeOutcome,
    Invoice,
    Payment,
    PaymentStatus,
    Receipt,
    Reversal,
    ReversalKind,
    Status,
)
from invoices.receipts import Source

# What an open invoice says, and may be amended.
AMENDABLE = (
    "amount",
    "issue_date",
    "due_date",
    "debtor_name",
    "debtor_company",
    "debtor_email",
    "debtor_phone",
    "language",
    "external_id",
    "purchase_order",
    "payment_url",
    "tags",
    "metadata",
    "contacts",
)
# The facts that people and the API change. A change of other columns alone does not change the version.
_WATCHED = (
    *AMENDABLE,
    "status",
    "payment_status",
    "hold_until",
    "notes",
    "amount_paid",
    "debtor_id",
    "amount_credited",
    "disputed_at",
    "contested_amount",
    "policy_id",
    "is_chased",
    "entered_on",
    "entered_at",
)
_values_watched = operator.attrgetter(*_WATCHED)
# Those of which the timeline shows the change.
REPORTED = ("status", "payment_status", "hold_until", "notes", *AMENDABLE, "is_chased")


def watched(invoice: Invoice) -> dict[str, Any]:
    """Return the facts that people and the API change, by name."""
    return dict(zip(_WATCHED, _values_watched(invoice), strict=True))


@dataclass
class Draft:
    """A locked invoice on its way from one committed state to the next."""

    account: Account
    invoice: Invoice
    actor: Actor
    reason: str = ""
    payments: list[Payment] = field(default_factory=list)
    # Whether money was taken back from the invoice, and the debtors whose credit is another than before.
    is_undone: bool = False
    credit_changed: set[uuid.UUID] = field(default_factory=set)
    # The debtor that the invoice belonged to before this change, if another.
    moved_from: Debtor | None = None
    # Whether a level 2 is open again, which stops the messages about all of the debtor's invoices.
    stops_debtor: bool = False
    # Details of a dispute that this change opens, and the outcome and answer of one that it ends.
    dispute_details: dispute_records.Details | None = None
    dispute_outcome: DisputeOutcome = DisputeOutcome.WITHDRAWN
    dispute_answer: str = ""
    # Set if a closing is undone: the reopened dispute, and the time since which resolved cases are reopened.
    reopened_dispute: Dispute | None = None
    reopens_since: dt.datetime | None = None
    # The invoice's row and timeline entries, written together.
    batch: Batch = field(default_factory=Batch)
    _afterwards: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stored, self.before = self.invoice.as_stored(), watched(self.invoice)

    @property
    def debtors(self) -> list[Debtor]:
        """Return the debtor of the invoice, and the one that it is moved from."""
        return [self.invoice.debtor, *([self.moved_from] if self.moved_from else [])]

    def then(self, act: Callable[[], object]) -> None:
        """Let `act` follow in the same transaction, on the invoice as it is then written."""
        self._afterwards.append(act)

    def follow(self) -> None:
        if self._afterwards:
            self.batch.flush()
        for act in self._afterwards:
            act()

    @property
    def is_reopened(self) -> bool:
        """True if the invoice was closed before the change and is open after it."""
        return self.before["status"] not in OPEN and self.invoice.is_open

    @property
    def has_other_part(self) -> bool:
        """Return True if the disputed amount has changed and the dispute is still open."""
        before, invoice = self.before, self.invoice
        is_same_dispute = before["disputed_at"] is not None and before["disputed_at"] == invoice.disputed_at
        return is_same_dispute and before["contested_amount"] != invoice.contested_amount

    def derive(self) -> None:
        """Derive the statuses. A payment erases no fact: a hold or a dispute is stored while the invoice is paid."""
        invoice = self.invoice
        invoice.status, invoice.payment_status = derive(invoice)
        if invoice.status in (Status.CANCELLED, Status.WRITTEN_OFF):
            invoice.hold_until = None
            self.end_dispute(DisputeOutcome.CLOSED)
        if invoice.payment_status == PaymentStatus.PAID:
            invoice.covered_at = invoice.covered_at or self.account.now()
        elif invoice.covered_at:
            if invoice.disputed_at:
                paused = self.account.now() - invoice.covered_at
                invoice.dispute_paused = (invoice.dispute_paused or dt.timedelta()) + paused
            invoice.covered_at = None

    def end_dispute(self, outcome: DisputeOutcome = DisputeOutcome.WITHDRAWN, answer: str = "") -> None:
        """End the dispute, if there is one. The caller derives the status."""
        if self.invoice.disputed_at:
            self.invoice.disputed_at = self.invoice.contested_amount = None
            self.dispute_outcome, self.dispute_answer = outcome, answer

    def look(self) -> None:
        """Derive the statuses as of today, and end a hold whose last day has passed."""
        invoice = self.invoice
        invoice.aged_on = self.account.today()
        self.derive()
        if invoice.hold_until and invoice.aged_on > invoice.hold_until:
            invoice.hold_until = None

    def settle(self) -> None:
        """Post what is still owed as paid."""
        self.post(self.invoice.balance, paid_at=self.account.today(), method="manual")

    def post(
        self,
        amount: Decimal,
        *,
        paid_at: dt.date,
        method: str,
        reference: str = "",
        key: uuid.UUID | None = None,
    ) -> Payment:
        """Record money that came in; more than the balance is credit. `key` becomes the receipt's id."""
        invoice = self.invoice
        allocated = min(amount, invoice.balance)
        receipt = receipts.receive(
            invoice, amount, allocated, paid_at=paid_at, method=method, reference=reference, key=key
        )
        invoice.amount_paid += allocated
        if amount > allocated:
            self.credit_changed.add(receipt.debtor_id)
        payment = receipts.line(receipt, allocated=allocated)
        self.payments.append(payment)
        self.note("payment_recorded", amount, credit=receipt.unallocated)
        self.derive()
        return payment

    def cover(self, source: Source, amount: Decimal, kind: AllocationKind, *, posting: uuid.UUID) -> None:
        """Cover a part of the invoice by a receipt or a credit note. The caller sets `source.unallocated`."""
        receipts.allocate(source, self.invoice, amount, kind, posting=posting)
        self._add(source, amount)
        self.derive()

    def apply(self, source: Source, amount: Decimal, *, key: uuid.UUID) -> None:
        """Cover a part of the invoice by a part of a receipt or credit note that is still credit."""
        self.cover(source, amount, AllocationKind.CREDIT, posting=key)
        self._return(source, -amount)

    def spend(self, sources: Iterable[Source], amount: Decimal, *, key: uuid.UUID) -> None:
        """Cover `amount` of the invoice by credit, that of the first sources first."""
        for source in sources:
            if part := min(amount, source.unallocated):
                self.apply(source, part, key=key)
                amount -= part

    def release(self, source: Source, share: Decimal) -> None:
        """Return what a receipt or a credit note covers of the invoice to credit."""
        self.take_back(source, share, AllocationKind.RELEASED, posting=uuid.uuid4())
        self._return(source, share)
        self.note("payment_released", share, credit=source.unallocated)

    def void(self, receipt: Receipt, share: Decimal) -> None:
        """Void a receipt that pays this invoice alone."""
        if receipt.unallocated > 0:
            self.credit_changed.add(receipt.debtor_id)
        reversal = receipts.undo(receipt, self.account, ReversalKind.VOID)
        self.take_back(receipt, share, AllocationKind.UNDONE, posting=reversal.pk)
        self.note_undone(receipt, reversal)
        self.payments.append(receipts.line(receipt, reversal))

    def take_back(self, source: Source, share: Decimal, kind: AllocationKind, *, posting: uuid.UUID) -> None:
        """Take back what a receipt or credit note covers. If that reopens the invoice, the clock is looked at first."""
        receipts.allocate(source, self.invoice, -share, kind, posting=posting)
        self._add(source, -share)
        self.is_undone = True
        self.derive()
        if self.is_reopened:
            self.look()

    def _add(self, source: Source, amount: Decimal) -> None:
        if isinstance(source, CreditNote):
            self.invoice.amount_credited += amount
        else:
            self.invoice.amount_paid += amount

    def _return(self, source: Source, amount: Decimal) -> None:
        source.unallocated += amount
        source.save(update_fields=["unallocated"])
        self.credit_changed.add(source.debtor_id)

    def note_undone(self, receipt: Receipt, reversal: Reversal) -> None:
        kind = "payment_voided" if reversal.how == ReversalKind.VOID else "payment_reversed"
        self.note(kind, receipt.amount, credit=receipt.unallocated)

    def note(self, kind: str, amount: Decimal, *, credit: Decimal, **params: Any) -> None:
        """Append an entry about an amount. `credit` is what is left of where it came from."""
        invoice = self.invoice
        after = {"balance": str(invoice.balance), "credit": str(credit)}
        params["amount"] = amount, invoice.currency
        timeline.note(invoice, kind, self.actor, after=after, reason=self.reason, batch=self.batch, **params)
