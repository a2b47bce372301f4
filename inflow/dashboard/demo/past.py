"""Lives that invoices have had before InFlow was installed, for the demo account.

The verbs of `invoices.lifecycle` act now, and the ledger and the timeline cannot be dated back. So a life is played in
memory, moment by moment, and inserted whole. What decides is the engine's own: `derivation`, the debtor's calendar,
the words of messages, the frozen bodies of events; tests/test_demo.py holds the rows against it.
"""

import datetime as dt
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from communications.calendar import place_of
from communications.models import Communication, Contact, State
from inflow.accounts.actors import CLOCK, Actor
from inflow.accounts.models import Account
from inflow.dashboard.demo.climbing import Climber, Heard
from invoices import receipts, representation, timeline
from invoices.derivation import derive
from invoices.models import (
    Allocation,
    AllocationKind,
    Escalation,
    How,
    Invoice,
    Payment,
    Reason,
    Receipt,
    Resolution,
    Reversal,
    Status,
    TimelineEntry,
)
from webhooks import outbox
from webhooks.models import Attempt, Delivery, DeliveryStatus, Event, EventCounter, EventType, Subscription
from webhooks.outcomes import SCHEDULE_S

EVENTS_KEPT = dt.timedelta(days=30)
CASE_TAKES, HOPELESS_WAIT = dt.timedelta(days=9), dt.timedelta(days=45)


@dataclass
class Past:
    """What is to be inserted, in the order of the foreign keys."""

    account: Account
    now: dt.datetime
    random: random.Random
    agent: Actor
    invoices: list[Invoice] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    reversals: list[Reversal] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    timeline: list[TimelineEntry] = field(default_factory=list)
    escalations: list[Escalation] = field(default_factory=list)
    contacts: dict[tuple[str, str], Contact] = field(default_factory=dict)
    heard: Heard = field(default_factory=Heard)
    communications: list[Communication] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    def number_events(self) -> None:
        """By time, as their commits would have been."""
        self.events.sort(key=lambda event: event.created_at)
        for seq, event in enumerate(self.events, start=1):
            event.seq = seq

    def insert(self) -> None:
        Invoice.objects.bulk_create(self.invoices)
        Receipt.objects.bulk_create(self.receipts)
        Reversal.objects.bulk_create(self.reversals)
        Allocation.objects.bulk_create(self.allocations)
        TimelineEntry.objects.bulk_create(sorted(self.timeline, key=lambda entry: entry.at))
        Communication.objects.bulk_create(self.communications)
        Escalation.objects.bulk_create(self.escalations)
        Contact.objects.bulk_create(self.contacts.values())
        Event.objects.bulk_create(self.events)
        EventCounter.objects.create(account=self.account, seq=len(self.events))
        Delivery.objects.bulk_create(self.deliveries)
        Attempt.objects.bulk_create(sorted(self.attempts, key=lambda attempt: attempt.at))

    def deliver(self, event: Event, subscription: Subscription, failures: int, *, until: dt.datetime) -> None:
        """The tries of a delivery up to `until`: so many without success, on the schedule, and then one that has it."""
        delivery = Delivery(account=self.account, event=event, subscription=subscription, created_at=event.created_at)
        at = event.created_at + dt.timedelta(milliseconds=self.random.randint(80, 700))
        delivery.next_attempt_at = at
        while delivery.next_attempt_at and delivery.next_attempt_at <= until:
            at, made = delivery.next_attempt_at, delivery.attempts_made + 1
            fails = made <= failures
            self.attempts.append(self._attempt(delivery, at, fails))
            delivery.attempts_made, delivery.next_attempt_at = made, None
            if not fails:
                delivery.status = DeliveryStatus.DELIVERED
            elif made == len(SCHEDULE_S):
                delivery.status = DeliveryStatus.FAILED
            else:
                wait = SCHEDULE_S[made] * self.random.uniform(1, 1.2)
                delivery.next_attempt_at = at + dt.timedelta(seconds=wait)
        if delivery.next_attempt_at and not subscription.is_active:
            delivery.status, delivery.next_attempt_at = DeliveryStatus.SKIPPED, None
        self.deliveries.append(delivery)

    def _attempt(self, delivery: Delivery, at: dt.datetime, fails: bool) -> Attempt:
        if not fails:
            return Attempt(delivery=delivery, at=at, ms=self.random.randint(6, 90), status=204)
        status, error, ms, response = self.random.choice(
            [
                (503, "", 140, "Service Unavailable"),
                (502, "", 310, "Bad Gateway"),
                (None, "connection", 21, ""),
                (None, "timeout", 10_004, ""),
            ]
        )
        return Attempt(delivery=delivery, at=at, ms=ms, status=status, error=error, response=response)


class Life(Climber):
    """One invoice from its registration to now. `answer` is what becomes of its reminder at the mail server."""

    def __init__(
        self, past: Past, invoice: Invoice, actor: Actor, *, answer: State = State.SENT, error: str = ""
    ) -> None:
        self.past, self.invoice, self.answer, self.error = past, invoice, answer, error
        self.at = invoice.created_at
        self.place = place_of(invoice.debtor, past.account, invoice.debtor_phone)
        self.message = None
        self.cases = []
        invoice.entered_on = invoice.created_at.astimezone(past.account.zone).date()
        self._lag = dt.timedelta(seconds=past.random.uniform(1, 19))  # the clock and the sender look now and then
        past.invoices.append(invoice)
        with self._standing_at(invoice.created_at):
            invoice.updated_at = invoice.created_at
            invoice.status, invoice.payment_status = derive(invoice)
            self._advance()
            self._note("created", actor, amount=(invoice.amount, invoice.currency))
            self._tell(EventType.INVOICE_CREATED, representation.of_invoice(invoice))

    def on(self, days: int) -> dt.datetime:
        """A moment of a working day `days` after the due date, within this life."""
        zone = self.past.account.zone
        time = dt.time(self.past.random.randint(9, 16), self.past.random.randint(0, 59))
        moment = dt.datetime.combine(self.invoice.due_date + dt.timedelta(days=days), time, zone)
        minute = dt.timedelta(minutes=1)
        return min(max(moment.astimezone(dt.UTC), self.at + minute), self.past.now - minute)

    def change(
        self, at: dt.datetime, actor: Actor, *, payment: Payment | None = None, reason: str = "", **facts: Any
    ) -> None:
        """Move the facts, and let what follows follow: statuses, timeline, events, the ladder."""
        self.until(at)
        with self._standing_at(at):
            invoice = self.invoice
            before = (invoice.status, invoice.payment_status)
            for name, value in facts.items():
                setattr(invoice, name, value)
            if payment:
                self._post(payment, actor)
            invoice.status, invoice.payment_status = derive(invoice)
            if invoice.hold_until and invoice.aged_on and invoice.aged_on > invoice.hold_until:
                invoice.hold_until = None
            invoice.version += 1
            invoice.updated_at = at
            if before != (invoice.status, invoice.payment_status):
                self._note_change(before, actor, reason)
            if not invoice.is_open:
                self._resolve_cases(Resolution.CLOSED, actor)
            elif payment and payment.amount < 0:
                self._escalate(Reason.REVERSAL, 1)
            if invoice.status not in (Status.ON_HOLD, Status.DISPUTED) and self.message and self.message.waits_for:
                self.message.waits_for = ""
                self.message.scheduled_for = invoice.next_contact_at = self._allowed(at)
            self._advance()
            if payment:
                data = representation.of_payment(payment) | {"invoice": representation.of_invoice(invoice)}
                self._tell(EventType.PAYMENT_RECORDED, data)
            if before != (invoice.status, invoice.payment_status):
                previous = {"previous_status": before[0], "previous_payment_status": before[1]}
                self._tell(EventType.INVOICE_STATUS_CHANGED, representation.of_invoice(invoice) | previous)

    def pay(self, at: dt.datetime, actor: Actor, amount: Decimal, *, method: str, reference: str = "") -> Receipt:
        """Record money, at most what is owed."""
        receipt = Receipt(
            account=self.past.account,
            debtor=self.invoice.debtor,
            posted_on=self.invoice,
            amount=amount,
            currency=self.invoice.currency,
            paid_at=at.astimezone(self.past.account.zone).date(),
            method=method,
            reference=reference,
            unallocated=Decimal(0),
            recorded_at=at,
            created_at=at,
        )
        self.past.receipts.append(receipt)
        self._allocate(receipt, amount, AllocationKind.PAYMENT, receipt.pk, at)
        self.past.heard.add(self.invoice.debtor_id, at)
        self.change(at, actor, payment=receipts.line(receipt, allocated=amount))
        return receipt

    def bounce(self, at: dt.datetime, actor: Actor, receipt: Receipt, *, reason: str) -> None:
        """Reverse a receipt."""
        reversal = Reversal(
            account=self.past.account,
            receipt=receipt,
            how=How.REVERSE,
            undone_on=at.astimezone(self.past.account.zone).date(),
            recorded_at=at,
            created_at=at,
        )
        receipt.status = receipts.UNDONE_AS[How.REVERSE]
        self.past.reversals.append(reversal)
        self._allocate(receipt, -receipt.amount, AllocationKind.UNDONE, reversal.pk, at)
        self.change(at, actor, payment=receipts.line(receipt, reversal), reason=reason)

    def _allocate(
        self, receipt: Receipt, amount: Decimal, kind: AllocationKind, posting: uuid.UUID, at: dt.datetime
    ) -> None:
        line = Allocation(
            account=self.past.account,
            receipt=receipt,
            invoice=self.invoice,
            amount=amount,
            kind=kind,
            posting=posting,
            recorded_at=at,
            created_at=at,
        )
        self.past.allocations.append(line)

    def until(self, moment: dt.datetime) -> None:
        """Let the clock and the sender do what was theirs before `moment`."""
        while (turn := self._next_turn()) and turn[0] < moment:
            self.at = turn[0]
            with self._standing_at(self.at):
                turn[1]()
        self.at = moment

    def _next_turn(self) -> tuple[dt.datetime, Callable[[], None]] | None:
        invoice, message = self.invoice, self.message
        turns: list[tuple[dt.datetime, Callable[[], None]]] = []
        day = {Status.NEW.value: invoice.due_date, Status.ON_HOLD.value: invoice.hold_until}.get(invoice.status)
        if day:
            midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min, self.past.account.zone)
            turns.append((max(midnight.astimezone(dt.UTC), self.at) + self._lag, self._age))
        if message and message.status == State.SCHEDULED:
            turns.append((max(message.scheduled_for, self.at) + self._lag, self._gate))
        elif invoice.next_check_at and invoice.status in (Status.NEW, Status.OVERDUE):
            turns.append((max(invoice.next_check_at, self.at) + self._lag, self._advance))
        if stuck := self._open_cases(2):
            turns.append((max(stuck[0].opened_at + CASE_TAKES, self.at) + self._lag, self._hold_the_hopeless))
        return min(turns, key=lambda turn: turn[0], default=None)

    def _hold_the_hopeless(self) -> None:
        """What somebody decided about a case of level 2 once they had looked into it."""
        self._resolve_cases(Resolution.HOLD, self.past.agent)
        until = (self.at + HOPELESS_WAIT).astimezone(self.past.account.zone).date()
        self.change(self.at, self.past.agent, hold_until=until, reason="Waits for the outcome of their audit.")

    def _age(self) -> None:
        self.change(self.at, CLOCK, aged_on=self.past.account.today())

    def _post(self, payment: Payment, actor: Actor) -> None:
        invoice = self.invoice
        invoice.amount_paid += payment.amount
        verb = "recorded" if payment.amount > 0 else "reversed"
        amount = (abs(payment.amount), invoice.currency)
        self._note(f"payment_{verb}", actor, after={"balance": str(invoice.balance)}, amount=amount)

    def _note_change(self, before: tuple[str, str], actor: Actor, reason: str) -> None:
        names = ("status", "payment_status")
        after = (str(self.invoice.status), str(self.invoice.payment_status))
        moved = {name: (old, new) for name, old, new in zip(names, before, after, strict=True) if old != new}
        self._note(
            "status_changed" if "status" in moved else "changed",
            actor,
            before={name: old for name, (old, _) in moved.items()},
            after={name: new for name, (_, new) in moved.items()},
            reason=reason,
        )

    def _note(
        self,
        kind: str,
        actor: Actor,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        reason: str = "",
        **params: Any,
    ) -> None:
        now = self.past.account.now()
        entry = timeline.make(self.invoice, kind, actor, now, before=before, after=after, reason=reason, **params)
        self.past.timeline.append(entry)

    def _tell(self, type: EventType, data: dict[str, Any]) -> None:
        at = self.past.account.now()
        if at < self.past.now - EVENTS_KEPT:
            return
        event_id = f"evt_{uuid.uuid4().hex}"
        body = outbox.freeze(event_id, type, at, data)
        self.past.events.append(
            Event(id=event_id, account=self.past.account, type=type.value, body=body, created_at=at)
        )

    @contextmanager
    def _standing_at(self, moment: dt.datetime) -> Iterator[None]:
        """The account's clock, for this one object in memory, shows `moment`."""
        clock = vars(self.past.account)
        outer = clock.get("now")
        clock["now"] = lambda: moment
        try:
            yield
        finally:
            if outer:
                clock["now"] = outer
            else:
                del clock["now"]
