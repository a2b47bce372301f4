"""Contents of the debtor's page: open invoices, totals by currency, and the debtor's answers."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.models import Exists
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from communications.content import phrases
from communications.models import Answer, AnswerKind, AnswerStatus
from communications.portal.texts import PageText
from invoices import ledger, money, payment_links
from invoices.debtors import receivables
from invoices.debtors.debtor_parties import DebtorParty
from invoices.debtors.receivables import Position
from invoices.documents import documents
from invoices.models import Invoice, Promise, PromiseStatus, Status

# Paid invoices with a document that the page lists, newest first.
PAID_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Line:
    """An open invoice. `state` is a CSS class: late, waits (disputed or on hold) or calm. The links are empty where
    there is no document, or no way to pay online."""

    number: str
    balance: str
    amount: SafeString | str
    due: SafeString
    status_text: SafeString
    state: str
    document_url: str = ""
    pay_url: str = ""


@dataclass(frozen=True, slots=True)
class Total:
    """The sum to pay in one currency, after credit, with explanatory `notes`."""

    amount: str
    notes: list[SafeString]


@dataclass(frozen=True, slots=True)
class AnswerLine:
    number: str
    sentence: SafeString
    text: str
    is_waiting: bool


def format_sentence(sentence: str, **values: str) -> SafeString:
    """Return a sentence as HTML, with its values isolated from the direction of the text."""
    if not values:
        return escape(sentence)
    return format_html(sentence, **{name: format_html("<bdi>{}</bdi>", value) for name, value in values.items()})


def open_invoices(party: DebtorParty) -> list[Invoice]:
    """Return the open invoices of this party, the oldest due date first."""
    invoices = list(party.invoices.open().order_by("due_date", "invoice_number"))
    for invoice in invoices:
        invoice.account, invoice.debtor = party.debtor.account, party.debtor
    return invoices


def lines(token: str, invoices: Sequence[Invoice], today: dt.date, text: PageText) -> list[Line]:
    promises = Promise.objects.filter(invoice__in=invoices, status=PromiseStatus.OPEN)
    promised = dict(promises.values_list("invoice_id", "promised_on"))
    with_document = documents.for_debtors(invoices)
    pattern = payment_links.settings_of(invoices[0].account).payment_url_pattern if invoices else ""
    found = []
    for invoice in invoices:
        is_payable = not invoice.is_wholly_disputed and payment_links.is_payable(invoice, pattern)
        line = _line(invoice, today, promised.get(invoice.pk), text)
        document_url = _url("document", token, invoice, text) if invoice.pk in with_document else ""
        pay_url = _url("pay", token, invoice, text) if is_payable else ""
        found.append(replace(line, document_url=document_url, pay_url=pay_url))
    return found


def paid_documents(token: str, party: DebtorParty, text: PageText) -> list[tuple[str, str]]:
    """Return the number and the link of the document of each paid invoice of this party, newest first."""
    paid = party.invoices.filter(Exists(documents.FOR_DEBTOR), status=Status.PAID).order_by(
        "-issue_date", "invoice_number"
    )
    return [(invoice.invoice_number, _url("document", token, invoice, text)) for invoice in paid[:PAID_SHOWN]]


def _url(page: str, token: str, invoice: Invoice, text: PageText) -> str:
    return f"{reverse(f'debtor-page-{page}', args=[token, invoice.pk])}?lang={text.language}"


def positions(party: DebtorParty, invoices: Sequence[Invoice]) -> dict[str, Position]:
    """Return the party's position in each currency, including its own credit."""
    return receivables.positions(invoices, ledger.credit_of_party(party), party.debtor.account.today())


def totals(positions: Mapping[str, Position], text: PageText) -> list[Total]:
    """Return one total for each currency in which an invoice is open."""
    return [
        Total(money.display(position.net, currency), _notes(position, currency, text))
        for currency, position in positions.items()
        if position.invoices
    ]


def credits(positions: Mapping[str, Position], text: PageText) -> list[SafeString]:
    """Return sentences about credit in currencies without open invoices."""
    return [
        format_sentence(text.credit_on_account, amount=money.display(position.credit, currency))
        for currency, position in positions.items()
        if not position.invoices
    ]


def _notes(position: Position, currency: str, text: PageText) -> list[SafeString]:
    notes = []
    if position.credit:
        notes.append(format_sentence(text.before_credit, amount=money.display(position.outstanding, currency)))
        notes.append(format_sentence(text.less_credit, amount=money.display(position.credit, currency)))
    late = position.overdue_net
    past_due = {"amount": money.display(late, currency)} if late else {}
    notes.append(format_sentence(text.past_due if late else text.not_yet_due, **past_due))
    for sentence, amount in ((text.sum_disputed, position.disputed), (text.sum_on_hold, position.on_hold)):
        if amount:
            notes.append(format_sentence(sentence, amount=money.display(amount, currency)))
    return notes


def _line(invoice: Invoice, today: dt.date, promised_on: dt.date | None, text: PageText) -> Line:
    days = (today - invoice.due_date).days
    if invoice.is_wholly_disputed:
        status_text, state = format_sentence(text.disputed), "waits"
    elif invoice.is_partly_disputed:
        contested = money.display(invoice.contested, invoice.currency)
        status_text, state = format_sentence(text.partly_disputed, amount=contested), "waits"
    elif invoice.status == Status.ON_HOLD:
        status_text, state = format_sentence(text.on_hold), "waits"
        if promised_on:
            status_text = format_sentence(text.promised, date=phrases.date(promised_on, text.language))
    elif days > 0:
        status_text, state = format_sentence(text.late, days=phrases.days(days, text.language)), "late"
    elif days == 0:
        status_text, state = format_sentence(text.due_today), "calm"
    else:
        status_text, state = format_sentence(text.due_in, days=phrases.days(-days, text.language)), "calm"
    whole = (
        format_sentence(text.of_amount, amount=money.display(invoice.amount, invoice.currency))
        if invoice.balance < invoice.amount
        else ""
    )
    return Line(
        invoice.invoice_number,
        money.display(invoice.balance, invoice.currency),
        whole,
        format_sentence(text.due, date=phrases.date(invoice.due_date, text.language)),
        status_text,
        state,
    )


def answer_line(answer: Answer, text: PageText) -> AnswerLine:
    date = phrases.date(answer.day, text.language) if answer.day else ""
    if answer.kind == AnswerKind.PAID:
        sentence = format_sentence(text.reported_paid, date=date)
        if answer.reference:
            sentence = format_sentence(text.reported_paid_with_reference, date=date, reference=answer.reference)
    elif answer.kind == AnswerKind.PROMISE:
        is_taken = answer.status == AnswerStatus.CONFIRMED
        sentence = format_sentence(text.promise_accepted if is_taken else text.promise_proposed, date=date)
    else:
        sentence = format_sentence(text.reported_dispute)
    return AnswerLine(answer.invoice.invoice_number, sentence, answer.text, answer.status == AnswerStatus.PROPOSED)
