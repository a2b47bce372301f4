"""The words of a message: subject, text and HTML in one language, from the invoices as they are at the gate.

A message is about the steps that are due and lists all that the debtor owes: what is past due by section, what is not
yet due or was agreed to wait apart and outside of the totals.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import css_inline
import structlog
from django.template import TemplateDoesNotExist
from django.template.loader import get_template, render_to_string

from communications.models import Communication, Kind
from inflow.accounts.models import Account, Language
from invoices import money
from invoices.models import Debtor, Invoice, Status

log = structlog.get_logger(__name__)
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False)

# The sections, in this order: those with a step due, then what is past due, what waits by agreement, what comes.
_SECTIONS = (Kind.FINAL_NOTICE.value, Kind.FOLLOW_UP.value, Kind.REMINDER.value, "overdue", "agreed", "upcoming")
_OUTSIDE = ("agreed", "upcoming")


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    text: str
    html: str
    language: str
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """An invoice as the message shows it. `days` since its due date, negative before it; `lateness` in words."""

    number: str
    due_date: dt.date
    balance: str
    days: int
    lateness: str


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    lines: list[Line]


def render(
    account: Account,
    debtor: Debtor,
    going: Sequence[Communication],
    invoices: Sequence[Invoice],
    *,
    page_url: str = "",
    unsubscribe_url: str = "",
) -> Message:
    """`going` are the rows that the message advances, the highest step first: it sets subject and tone. `invoices` are
    the debtor's. A language without templates falls back to English; without those `TemplateDoesNotExist` is raised."""
    first, today = going[0], account.today()
    oldest = min(going, key=lambda row: (row.invoice.due_date, row.invoice.invoice_number)).invoice
    wanted = debtor.language or oldest.language
    language = _written_in(wanted, first.kind)
    steps = {row.invoice_id: row.kind for row in going}
    shown = [row.invoice for row in going]
    shown += [invoice for invoice in invoices if invoice.pk not in steps and _is_listed(invoice)]
    sections = _sections(shown, steps, today, language)
    overdue = [invoice for invoice in shown if invoice.due_date < today and not _is_agreed(invoice, steps)]
    line = _line(first.invoice, today, language)
    overdue_total = _totals(overdue)
    totals = overdue_total or line.balance
    context = {
        "account": account,
        "name": first.invoice.debtor_name,
        "invoice": first.invoice,
        "line": line,
        "days": line.lateness,
        "balance": line.balance,
        "tone": first.tone,
        "is_several": len(shown) > 1,
        "sections": sections,
        "totals": totals,
        "overdue_total": overdue_total,
        "page_url": page_url,
        "unsubscribe_url": unsubscribe_url,
        "language": language,
        "direction": "rtl" if language == Language.ARABIC else "ltr",
    }
    base = f"communications/{language}/{first.kind}"
    subject = " ".join(render_to_string(f"{base}.subject.txt", context).split())[:300]
    text = render_to_string(f"{base}.txt", context).strip() + "\n"
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]
    headline = totals if len(shown) > 1 else line.balance
    more = {"paragraphs": paragraphs, "subject": subject, "headline": headline}
    html = render_to_string("communications/email.html", context | more)
    return Message(subject, text, _inliner.inline(html), language, is_fallback=language != wanted)


def _written_in(wanted: str, kind: str) -> str:
    """The wanted language if both subject and body are written in it."""
    try:
        for ending in ("subject.txt", "txt"):
            get_template(f"communications/{wanted}/{kind}.{ending}")
    except TemplateDoesNotExist:
        log.warning("template_missing", language=wanted, kind=kind)
        return Language.ENGLISH
    return wanted


def _is_listed(invoice: Invoice) -> bool:
    return invoice.is_open and invoice.is_chased and invoice.status != Status.DISPUTED and invoice.balance > 0


def _is_agreed(invoice: Invoice, steps: dict[uuid.UUID, str]) -> bool:
    return invoice.status == Status.ON_HOLD and invoice.pk not in steps


def _sections(shown: list[Invoice], steps: dict[uuid.UUID, str], today: dt.date, language: str) -> list[Section]:
    found: dict[str, list[Line]] = {name: [] for name in _SECTIONS}
    for invoice in sorted(shown, key=lambda each: (each.due_date, each.invoice_number)):
        if _is_agreed(invoice, steps):
            name = "agreed"
        elif invoice.due_date >= today:
            name = "upcoming"
        else:
            name = steps.get(invoice.pk, "overdue")
        found[name].append(_line(invoice, today, language))
    return [Section(name, lines) for name, lines in found.items() if lines]


def _line(invoice: Invoice, today: dt.date, language: str) -> Line:
    days = (today - invoice.due_date).days
    words = _days_ar(abs(days)) if language == Language.ARABIC else f"{abs(days)} day{'' if abs(days) == 1 else 's'}"
    balance = money.display(invoice.balance, invoice.currency)
    return Line(invoice.invoice_number, invoice.due_date, balance, days, words)


def _totals(invoices: list[Invoice]) -> str:
    """One sum for each currency: they are never added up."""
    sums: dict[str, Decimal] = {}
    for invoice in invoices:
        sums[invoice.currency] = sums.get(invoice.currency, Decimal(0)) + invoice.balance
    return " + ".join(money.display(total, currency) for currency, total in sorted(sums.items()))


def _days_ar(days: int) -> str:
    """Arabic counts in six forms: 1 one, 2 two, 3-10 few, 11-99 many, 100-102 other; Latin digits."""
    if days == 1:
        return "يوم واحد"
    if days == 2:
        return "يومين"
    if 3 <= days % 100 <= 10:
        return f"{days} أيام"
    return f"{days} يومًا" if 11 <= days % 100 <= 99 else f"{days} يوم"
