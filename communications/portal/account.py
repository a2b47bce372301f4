"""What the page shows of a debtor: what is open, in words, and sums that never mix currencies."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from communications.content import phrases
from communications.models import Answer, AnswerKind, AnswerStatus
from communications.portal.texts import Words
from invoices import ledger, money
from invoices.debtors import receivables
from invoices.debtors.debtor_parties import DebtorParty
from invoices.debtors.receivables import Position
from invoices.models import Invoice, Promise, PromiseStatus, Status


@dataclass(frozen=True, slots=True)
class Line:
    """An open invoice. `state` is late, waits (disputed, on hold) or calm."""

    number: str
    balance: str
    amount: SafeString | str
    due: SafeString
    says: SafeString
    state: str


@dataclass(frozen=True, slots=True)
class Total:
    """Sum left to pay in one currency, after credit. `notes` say how it comes about and what of it is past due."""

    amount: str
    notes: list[SafeString]


@dataclass(frozen=True, slots=True)
class Said:
    number: str
    sentence: SafeString
    text: str
    is_waiting: bool


def say(sentence: str, **values: str) -> SafeString:
    """A sentence of ours with values that keep their own direction."""
    if not values:
        return escape(sentence)
    return format_html(sentence, **{name: format_html("<bdi>{}</bdi>", value) for name, value in values.items()})


def open_invoices(party: DebtorParty) -> list[Invoice]:
    """Return the open invoices of this party alone; the oldest due date first."""
    invoices = list(party.invoices.open().order_by("due_date", "invoice_number"))
    for invoice in invoices:
        invoice.account, invoice.debtor = party.debtor.account, party.debtor
    return invoices


def lines(invoices: Sequence[Invoice], today: dt.date, said: Words) -> list[Line]:
    promises = Promise.objects.filter(invoice__in=invoices, status=PromiseStatus.OPEN)
    promised = dict(promises.values_list("invoice_id", "promised_on"))
    return [_line(invoice, today, promised.get(invoice.pk), said) for invoice in invoices]


def positions(party: DebtorParty, invoices: Sequence[Invoice]) -> dict[str, Position]:
    """Return what the party owes in each currency, and its own credit."""
    return receivables.positions(invoices, ledger.credit_of_party(party), party.debtor.account.today())


def totals(positions: Mapping[str, Position], said: Words) -> list[Total]:
    """Return one total for each currency in which an invoice is open."""
    return [
        Total(money.display(position.net, currency), _notes(position, currency, said))
        for currency, position in positions.items()
        if position.invoices
    ]


def credits(positions: Mapping[str, Position], said: Words) -> list[SafeString]:
    """Return the credit in currencies in which nothing is open."""
    return [
        say(said.credit_on_account, amount=money.display(position.credit, currency))
        for currency, position in positions.items()
        if not position.invoices
    ]


def _notes(position: Position, currency: str, said: Words) -> list[SafeString]:
    notes = []
    if position.credit:
        notes.append(say(said.before_credit, amount=money.display(position.outstanding, currency)))
        notes.append(say(said.less_credit, amount=money.display(position.credit, currency)))
    late = position.overdue_net
    notes.append(say(said.past_due, amount=money.display(late, currency)) if late else say(said.not_yet_due))
    for sentence, amount in ((said.sum_disputed, position.disputed), (said.sum_on_hold, position.on_hold)):
        if amount:
            notes.append(say(sentence, amount=money.display(amount, currency)))
    return notes


def sayings(answers: Sequence[Answer], said: Words) -> list[Said]:
    return [_said(answer, said) for answer in answers]


def _line(invoice: Invoice, today: dt.date, promised_on: dt.date | None, said: Words) -> Line:
    days = (today - invoice.due_date).days
    if invoice.status == Status.DISPUTED:
        says, state = say(said.disputed), "waits"
    elif invoice.status == Status.ON_HOLD:
        says, state = say(said.on_hold), "waits"
        if promised_on:
            says = say(said.promised, date=phrases.date(promised_on, said.language))
    elif days > 0:
        says, state = say(said.late, days=phrases.days(days, said.language)), "late"
    elif days == 0:
        says, state = say(said.due_today), "calm"
    else:
        says, state = say(said.due_in, days=phrases.days(-days, said.language)), "calm"
    whole = say(said.of_amount, amount=money.display(invoice.amount, invoice.currency)) if invoice.amount_paid else ""
    return Line(
        invoice.invoice_number,
        money.display(invoice.balance, invoice.currency),
        whole,
        say(said.due, date=phrases.date(invoice.due_date, said.language)),
        says,
        state,
    )


def _said(answer: Answer, said: Words) -> Said:
    date = phrases.date(answer.day, said.language) if answer.day else ""
    if answer.kind == AnswerKind.PAID:
        sentence = say(said.said_paid, date=date)
        if answer.reference:
            sentence = say(said.said_paid_as, date=date, reference=answer.reference)
    elif answer.kind == AnswerKind.PROMISE:
        is_taken = answer.status == AnswerStatus.CONFIRMED
        sentence = say(said.said_promise_taken if is_taken else said.said_promise, date=date)
    else:
        sentence = say(said.said_dispute)
    return Said(answer.invoice.invoice_number, sentence, answer.text, answer.status == AnswerStatus.PROPOSED)
