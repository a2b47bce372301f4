"""The demo account's invoices, and what happens to each."""

import datetime as dt
import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from communications.delivery.status_updates import Outcome
from inflow.accounts.actors import Actor
from inflow.dashboard.demo.desk import AGENT, MANAGER
from inflow.dashboard.demo.stage import DAY, MINUTE, REFUSED, UNKNOWN, Stage
from invoices import lifecycle, money
from invoices.lifecycle import NewInvoice
from invoices.models import Debtor, Invoice, Receipt, Status

AMOUNTS = {"AED": (1_200, 85_000), "SAR": (1_500, 70_000), "KWD": (120, 6_500), "USD": (600, 32_000)}
DISPUTES = ("Two pallets arrived damaged.", "The quantity differs from the order.", "Paid twice?")


@dataclass
class Bill:
    """An invoice to come, and what happens to it."""

    story: "Story"
    debtor: Debtor
    currency: str
    issue_date: dt.date
    due_date: dt.date
    created_at: dt.datetime

    def __post_init__(self) -> None:
        self.account, self.random = self.story.account, self.story.random
        self.amount = self._amount()
        self.days_late = (self.story.today - self.due_date).days
        self.pk = uuid.UUID(int=0)  # known once it is registered

    @property
    def invoice(self) -> Invoice:
        return Invoice.objects.get(pk=self.pk)

    def create(self, number: str) -> None:
        debtor = self.debtor
        new = NewInvoice(
            invoice_number=number,
            debtor_name=debtor.name,
            debtor_company=debtor.company,
            debtor_email=debtor.email,
            debtor_phone=debtor.phone,
            amount=self.amount,
            currency=self.currency,
            issue_date=self.issue_date,
            due_date=self.due_date,
            language=debtor.language,
        )
        self.pk = lifecycle.create(self.account, new, self.story.system).pk

    def on(self, days: int, act: Callable[[], object]) -> None:
        """Act within office hours, `days` after the due date, between the registration and now."""
        moment = self.story.stage.moment(self.due_date + days * DAY, hours=(9, 16))
        self.story.stage.at(min(max(moment, self.created_at + MINUTE), self.story.now - 2 * MINUTE), act)

    def pay(self, part: Decimal | None = None, *, actor: Actor = AGENT, method: str = "bank_transfer") -> None:
        """Record a part of the amount, or the balance."""
        invoice = self.invoice
        if invoice.is_open and invoice.balance:
            amount = min(part or invoice.balance, invoice.balance)
            paid = {"amount": amount, "method": method, "reference": self.story.stage.reference()}
            lifecycle.record_payment(self.account, invoice.pk, actor, **paid)  # type: ignore[arg-type]

    def change(self, actor: Actor, status: Status, reason: str, hold_until: dt.date | None = None) -> None:
        if self.invoice.is_open:
            lifecycle.change(self.account, self.invoice.pk, actor, status=status, hold_until=hold_until, reason=reason)

    def promise(self, days: int, *, keeps: bool) -> None:
        """Promise to pay in so many days."""
        if self.invoice.is_open:
            day = self.account.today() + days * DAY
            lifecycle.promise(
                self.account, self.invoice.pk, AGENT, day, reason=f"Promised on the phone to pay by {day}."
            )
            if keeps:
                self.on((day - self.due_date).days, self.pay)

    def share(self) -> Decimal:
        return (self.amount * Decimal(self.random.uniform(0.25, 0.65))).quantize(Decimal(1))

    def _amount(self) -> Decimal:
        low, high = AMOUNTS[self.currency]
        amount = Decimal(low) * (Decimal(high) / low) ** Decimal(self.random.random())
        if self.random.random() < 0.7:
            return amount.quantize(Decimal("1E1")).quantize(Decimal(1))
        return amount.quantize(Decimal(1).scaleb(-money.EXPONENTS[self.currency]))


def _waits(bill: Bill) -> None:
    """Nothing happens but the calendar."""


def _pays_a_part(bill: Bill) -> None:
    part = bill.share()
    bill.on(bill.random.randint(0, max(0, bill.days_late - 1)), lambda: bill.pay(part, actor=bill.story.system))


def _pays_a_deposit(bill: Bill) -> None:
    part = bill.share()
    bill.on(-400, lambda: bill.pay(part, actor=bill.story.system, method="card"))


def _pays_early(bill: Bill) -> None:
    days = min(-bill.random.randint(0, 8), bill.days_late - 1)
    bill.on(days, lambda: bill.pay(actor=bill.story.system))


def _pays_late(bill: Bill) -> None:
    days = bill.random.randint(1, min(28, bill.days_late - 1))
    if bill.random.random() < 0.3:
        part = bill.share()
        bill.on(max(1, days // 2), lambda: bill.pay(part))
    bill.on(days, lambda: bill.pay(method="cheque"))


def _bounces(bill: Bill) -> None:
    def bounce() -> None:
        receipt = Receipt.objects.filter(allocations__invoice=bill.pk).latest("created_at").pk
        because = "The bank returned the cheque."
        lifecycle.reverse_payment(bill.account, bill.pk, receipt, MANAGER, reason=because)

    bill.on(12, lambda: bill.pay(method="cheque"))
    bill.on(18, bounce)


def _disputes(bill: Bill) -> None:
    says = bill.random.choice(DISPUTES)
    days = bill.days_late - bill.random.randint(2, 12)
    bill.on(days, lambda: bill.change(bill.story.system, Status.DISPUTED, says))


def _holds(bill: Bill) -> None:
    until = bill.story.today + bill.random.randint(1, 21) * DAY
    reason = "Waits for the signature of their director."
    days = bill.days_late - bill.random.randint(1, 9)
    bill.on(days, lambda: bill.change(AGENT, Status.ON_HOLD, reason, until))


def _promises(bill: Bill) -> None:
    days = bill.days_late - bill.random.randint(1, 4)
    bill.on(days, lambda: bill.promise(bill.random.randint(5, 12), keeps=False))


def _keeps_a_promise(bill: Bill) -> None:
    bill.on(bill.random.randint(4, 12), lambda: bill.promise(6, keeps=True))


def _breaks_a_promise(bill: Bill) -> None:
    bill.on(bill.days_late - bill.random.randint(9, 14), lambda: bill.promise(3, keeps=False))


def _writes_off(bill: Bill) -> None:
    because = "The company is dissolved; nothing is left to collect."
    bill.on(bill.random.randint(50, 70), lambda: bill.change(MANAGER, Status.WRITTEN_OFF, because))


def _cancels(bill: Bill) -> None:
    bill.on(-bill.random.randint(9, 14), lambda: bill.change(bill.story.system, Status.CANCELLED, "Issued twice."))


@dataclass(frozen=True)
class Plot:
    """`count` invoices, their due dates spread evenly over `late` (days ago, both ends), and what happens to each."""

    count: int
    late: tuple[int, int]
    play: Callable[[Bill], None]
    arrives: dt.timedelta | None = None  # how long ago an invoice that came already overdue was registered
    fault: Outcome | None = None  # what becomes of the first email about it


PLOTS = [
    Plot(14, (-40, 0), _waits),
    Plot(2, (-25, -2), _pays_a_deposit),
    Plot(7, (0, 26), _waits),
    Plot(2, (31, 60), _waits),
    Plot(1, (65, 65), _waits),
    Plot(3, (4, 40), _pays_a_part),
    Plot(4, (3, 45), _waits, arrives=dt.timedelta(hours=1)),
    Plot(1, (48, 48), _waits, arrives=12 * DAY),
    Plot(4, (66, 104), _waits, arrives=5 * DAY),
    Plot(8, (-10, 80), _pays_early),
    Plot(6, (3, 80), _pays_late),
    Plot(1, (40, 40), _bounces),
    Plot(3, (-5, 60), _disputes),
    Plot(2, (5, 50), _holds),
    Plot(3, (4, 25), _promises),
    Plot(2, (22, 60), _keeps_a_promise),
    Plot(2, (16, 40), _breaks_a_promise),
    Plot(2, (75, 90), _writes_off),
    Plot(2, (-20, 70), _cancels),
    Plot(2, (5, 45), _waits, fault=REFUSED),
    Plot(2, (18, 40), _waits, fault=UNKNOWN),
]


class Story:
    """The invoices of all plots."""

    def __init__(self, stage: Stage, system: Actor) -> None:
        self.stage, self.system, self.account, self.random = stage, system, stage.account, stage.random
        self.today, self.now = stage.today, stage.now

    def tell(self, debtors: list[tuple[Debtor, str]]) -> None:
        """Put all that happens on the stage. Invoices are numbered in the order in which they are registered."""
        cast = []
        for plot in PLOTS:
            first, last = plot.late
            cast += [(plot, first + round((last - first) * i / max(1, plot.count - 1))) for i in range(plot.count)]
        self.random.shuffle(cast)
        bills = []
        for index, (plot, late) in enumerate(cast):
            debtor, currency = debtors[index % len(debtors)]
            if plot.fault and not debtor.email:
                debtor, currency = debtors[0]
            bills.append((self._bill(plot, late, debtor, currency), plot))
        bills.sort(key=lambda each: each[0].created_at)
        for number, (bill, plot) in enumerate(bills, start=1001):
            self.stage.at(bill.created_at, functools.partial(bill.create, f"INV-{number}"))
            if plot.fault:
                self.stage.faults[f"INV-{number}"] = plot.fault
            plot.play(bill)

    def _bill(self, plot: Plot, late: int, debtor: Debtor, currency: str) -> Bill:
        due_date = self.today - late * DAY
        # Issued yesterday at the latest, so that its day of business is over, and not before the account began.
        longest = 60 if plot.arrives else (self.now - self.stage.began).days - late
        terms = [days for days in (14, 30, 30, 45, 60) if -late < days <= longest]
        issue_date = due_date - self.random.choice(terms) * DAY
        created_at = self.stage.moment(issue_date, hours=(8, 17))
        if plot.arrives:
            created_at = self.now - plot.arrives - self.random.randint(1, 40) * MINUTE
        return Bill(self, debtor, currency, issue_date, due_date, created_at)
