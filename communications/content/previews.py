"""Previews of messages as they would be sent today, about a real or a sample invoice. Nothing is stored."""

import datetime as dt
import itertools
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

from communications.content import linters, messages
from communications.content.errors import InvalidTemplate
from communications.content.messages import Message
from communications.content.templates import TemplateText
from communications.models import Communication, Kind, Medium
from inflow.accounts.models import Account, Language
from invoices import ledger
from invoices.debtors import debtor_parties
from invoices.models import OPEN, Debtor, Invoice

# Days from the due date, amount, amount paid.
_SAMPLES = ((-12, 18_450, 3_450), (-4, 7_280, 0), (9, 5_150, 0))
_NAMES = {
    Language.ENGLISH: ("Ahmed Al Rashid", "Al Noor Interiors LLC"),
    Language.ARABIC: ("أحمد الراشد", "شركة النور للتصميم الداخلي"),
}


def preview(
    account: Account,
    words: TemplateText,
    kind: str,
    tone: str,
    channel: str,
    *,
    about: Invoice | None = None,
    several: bool = False,
    page_url: str = "",
) -> Message:
    """Return a message about the invoice `about`, with its debtor's other invoices, as the real message would have.

    Without `about`, use one sample invoice or `several`. Raise `InvalidTemplate`.
    """
    if about is None:
        invoices: Sequence[Invoice] = _samples(account, kind, words.language, _SAMPLES if several else _SAMPLES[:1])
        credit: Mapping[str, Decimal] = {}
    else:
        credit = ledger.credit_for(about)
        owed = Invoice.objects.filter(
            debtor=about.debtor_id, status__in=OPEN, party__in=debtor_parties.keys_like(about)
        )
        invoices = [about, *owed.exclude(pk=about.pk)]
    rows = [Communication(account=account, invoice=invoices[0], kind=kind, tone=tone, channel=channel)]
    return messages.write(words, account, rows, invoices, credit=credit, page_url=page_url, unsubscribe_url=page_url)


def validate(account: Account, words: TemplateText, kind: str, tone: str, channel: str) -> None:
    """Render a template about sample invoices: before, on and after the due date, one and several, with and without
    credit. Raise `InvalidTemplate`, also for an SMS that may not be sent in the account's own country."""
    cases = [*(((days, 100, 0),) for days in (-1, 0, 1)), _SAMPLES]
    for samples, credit in itertools.product(cases, ({}, {"AED": Decimal(40)})):
        invoices = _samples(account, kind, words.language, samples)
        for invoice in invoices:
            invoice.debtor_company = ""  # the company is optional
        rows = [Communication(account=account, invoice=invoices[0], kind=kind, tone=tone, channel=channel)]
        text = messages.write(words, account, rows, invoices, credit=credit).text
        if channel == Medium.SMS:
            ignored = [invoice.invoice_number for invoice in invoices]
            if problems := linters.lint(channel, account.country, None, text, ignored=ignored):
                raise InvalidTemplate(" ".join(problem.message for problem in problems))


def _samples(account: Account, kind: str, language: str, samples: Sequence[tuple[int, int, int]]) -> list[Invoice]:
    today = account.today()
    name, company = _NAMES[Language(language)]
    debtor = Debtor(account=account, name=name, company=company)
    made = []
    for number, (days, amount, paid) in enumerate(samples, start=1042):
        due = today + dt.timedelta(days=days)
        made.append(
            Invoice(
                id=uuid.uuid4(),
                account=account,
                debtor=debtor,
                invoice_number=f"INV-{number}",
                debtor_name=name,
                debtor_company=company,
                amount=Decimal(amount),
                amount_paid=Decimal(amount if kind == Kind.THANK_YOU else paid),
                currency="AED",
                issue_date=due - dt.timedelta(days=30),
                due_date=due,
                payment_url="",
                external_id="",
            )
        )
    return made
