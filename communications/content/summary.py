"""The content of a message, from the current invoices.

A message is about the due steps. An email lists all open invoices: past due ones by section, and those not yet due or
on hold separately, outside of the totals. SMS and WhatsApp messages contain only the number of invoices and the total.
`demand` computes the amount to pay, net of the debtor's credit.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from communications.content import demand, phrases
from communications.content.demand import Demand
from communications.models import Communication, Kind, Medium
from inflow.accounts.models import Account
from invoices.debtors import receivables
from invoices.models import Invoice, Promise, PromiseStatus, Status

# Sections in order: invoices with a due step, others past due, disputed (of statements only), on hold by agreement, not
# yet due.
_SECTIONS = (
    Kind.FINAL_NOTICE.value,
    Kind.FOLLOW_UP.value,
    Kind.REMINDER.value,
    "overdue",
    "disputed",
    "agreed",
    "upcoming",
)
# Manual messages and statements list their invoices in the section of reminders.
_LISTED_AS: dict[str, str] = {Kind.MANUAL: Kind.REMINDER, Kind.STATEMENT: Kind.REMINDER}


@dataclass(frozen=True, slots=True)
class Line:
    """An invoice in a list. `late` is the delay in words, or empty, and `pay_url` the link to pay online, or empty."""

    number: str
    due_date: str
    balance: str
    late: str
    pay_url: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Summary:
    """The content of a message: `invoice` and, if `several`, all `listed` invoices.

    `past_due` are the past due sums by currency before credit. `demand` is the amount to pay.
    `contested` has the partly disputed invoices, of which the message asks for the rest only.
    """

    kind: str
    invoice: Invoice
    listed: list[Invoice]
    sections: list[Section]
    past_due: dict[str, Decimal]
    demand: Demand
    today: dt.date
    promised_on: dt.date | None = None
    pay_url: str = ""
    contested: tuple[Invoice, ...] = ()

    @property
    def several(self) -> bool:
        return len(self.listed) > 1

    @property
    def asked(self) -> Decimal:
        """The share of `invoice` in the demand."""
        return self.demand.asked.get(self.invoice.pk, self.invoice.undisputed_balance)

    @property
    def overdue(self) -> bool:
        return bool(self.past_due) if self.several else self.invoice.due_date < self.today


def summarize(
    account: Account,
    rows: Sequence[Communication],
    invoices: Sequence[Invoice],
    language: str,
    channel: Medium,
    credit: Mapping[str, Decimal],
    pay_urls: Mapping[uuid.UUID, str] | None = None,
) -> Summary:
    """Return the content of a message. `pay_urls` are the links to pay online, by invoice."""
    pay_urls = pay_urls or {}
    kind, today = rows[0].kind, account.today()
    steps = {row.invoice_id: row.kind for row in rows}
    shown = demand.listable(rows, invoices)
    overdue = demand.overdue(rows, shown, today)
    listed = shown
    if channel != Medium.EMAIL:
        stepping = [row.invoice for row in rows]
        listed = [*stepping, *(invoice for invoice in overdue if invoice.pk not in steps)]
    return Summary(
        kind=kind,
        invoice=rows[0].invoice,
        listed=listed,
        sections=_sections(shown, steps, today, language, pay_urls),
        past_due=receivables.undisputed_balances(overdue),
        demand=demand.of_message(rows, invoices, credit, channel, today),
        today=today,
        promised_on=_promised_on(rows[0].invoice, today) if kind == Kind.PROMISE_FOLLOWUP else None,
        pay_url=pay_urls.get(rows[0].invoice.pk, ""),
        contested=tuple(invoice for invoice in listed if invoice.is_partly_disputed),
    )


def _sections(
    shown: list[Invoice],
    steps: dict[uuid.UUID, str],
    today: dt.date,
    language: str,
    pay_urls: Mapping[uuid.UUID, str],
) -> list[Section]:
    found: dict[str, list[Line]] = {name: [] for name in _SECTIONS}
    for invoice in sorted(shown, key=lambda each: (each.due_date, each.invoice_number)):
        if invoice.is_wholly_disputed:
            name = "disputed"
        elif invoice.status == Status.ON_HOLD and invoice.pk not in steps:
            name = "agreed"
        elif invoice.due_date >= today:
            name = "upcoming"
        else:
            name = _LISTED_AS.get(kind := steps.get(invoice.pk, "overdue"), kind)
        found[name if name in found else "overdue"].append(
            _line(invoice, today, language, pay_urls.get(invoice.pk, ""))
        )
    return [Section(phrases.LABELS[language][name], lines) for name, lines in found.items() if lines]


def _line(invoice: Invoice, today: dt.date, language: str, pay_url: str) -> Line:
    late = (today - invoice.due_date).days
    return Line(
        phrases.left_to_right(phrases.clean(invoice.invoice_number), language),
        phrases.date(invoice.due_date, language),
        phrases.amount(invoice.undisputed_balance or invoice.balance, invoice.currency, language),
        phrases.LABELS[language]["late"].format(days=phrases.days(late, language)) if late > 0 else "",
        pay_url,
    )


def _promised_on(invoice: Invoice, today: dt.date) -> dt.date:
    """Return the promised day. Without an open promise it is tomorrow: the reminder is sent on the day before."""
    open_promise = Promise.objects.filter(invoice=invoice.pk, status=PromiseStatus.OPEN).first()
    return open_promise.promised_on if open_promise else today + dt.timedelta(days=1)
