"""Rendering of messages: subject, text and HTML in one language, from a template and the current invoices."""

import dataclasses
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import css_inline
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from communications.content import attachments, demand, phrases, profiles, template_language, templates
from communications.content.attachments import Attachments
from communications.content.errors import InvalidTemplate
from communications.content.summary import Summary, summarize
from communications.content.templates import TemplateText
from communications.models import Communication, Kind, Medium, SenderProfile
from communications.schedule import one_off
from inflow.accounts.models import Account
from invoices import ledger, payment_links
from invoices.models import Debtor, Invoice

_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)

# The placeholder of a block in a rendered body.
_BLOCK = re.compile("\ue000(\\w+)\ue000")


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message. Only emails have a subject, `html` and `attachments`."""

    subject: str
    text: str
    html: str
    language: str
    is_fallback: bool = False
    attachments: tuple[dict[str, Any], ...] = ()


def render(
    account: Account,
    debtor: Debtor,
    rows: Sequence[Communication],
    invoices: Sequence[Invoice],
    *,
    credit: Mapping[str, Decimal] | None = None,
    language: str = "",
    page_url: str = "",
    unsubscribe_url: str = "",
) -> Message:
    """Render the message of `rows`. The first row determines channel, kind and tone.

    `invoices` and `credit` are the debtor's; the credit is read if it is None. `language` is the recipient's own; a
    message by a person is in the language that the person chose. A language without a template falls back to English.
    Raise `TemplateMissing` if there is no English one either.
    """
    first = rows[0]
    oldest = min(rows, key=lambda row: (row.invoice.due_date, row.invoice.invoice_number)).invoice
    wanted = first.language if one_off.is_by_person(first) else language or debtor.language or oldest.language
    words = _own_text(first) or templates.find(account, first.kind, first.tone, first.channel, wanted)
    if credit is None:
        credit = ledger.credit_for(first.invoice)
    message = write(words, account, rows, invoices, credit=credit, page_url=page_url, unsubscribe_url=unsubscribe_url)
    return dataclasses.replace(message, is_fallback=words.language != wanted)


def _own_text(row: Communication) -> TemplateText | None:
    """Return a user's own text, which is stored on the row until the gate replaces it by the rendered text."""
    is_theirs = one_off.is_by_person(row) and row.kind == Kind.MANUAL and row.body
    return TemplateText(row.subject, row.body, row.language, is_own=True) if is_theirs else None


def write(
    words: TemplateText,
    account: Account,
    rows: Sequence[Communication],
    invoices: Sequence[Invoice],
    *,
    credit: Mapping[str, Decimal],
    page_url: str = "",
    unsubscribe_url: str = "",
) -> Message:
    """Render a template. Raise `InvalidTemplate`, also if the result is empty."""
    channel, language = Medium(rows[0].channel), words.language
    listed = demand.listable(rows, invoices)
    pay_urls = _pay_urls(account, listed, page_url) if channel == Medium.EMAIL else {}
    documents = attachments.choose(account, rows, listed)
    summary = summarize(account, rows, invoices, language, channel, credit, pay_urls)
    profile = profiles.of(account)
    values = _values(summary, profile, language)
    blocks = _blocks(summary, profile, language, page_url, channel, documents)
    markers = {name: f"\n\n\ue000{name}\ue000\n\n" for name, text in blocks.items() if text}
    body = phrases.isolated_text(words.body, language)
    parts = _BLOCK.split(template_language.fill(body, channel, dict.fromkeys(blocks, "") | values | markers))
    _append_required_blocks(parts, summary, channel, markers)
    texts = [blocks[part] if index % 2 else part.strip() for index, part in enumerate(parts)]
    text = "\n\n".join(part for part in texts if part)
    subject = " ".join(template_language.fill(words.subject, channel, values).split())[:300]
    if not text or (channel == Medium.EMAIL and not subject):
        raise InvalidTemplate(_("The subject or text is empty after the values are filled in."))
    if channel != Medium.EMAIL:
        if channel == Medium.SMS:
            text = " ".join(text.split())
            if not phrases.is_rtl(language):
                text = phrases.without_isolates(text)  # isolates would force the more expensive encoding
        return Message("", text, "", language)
    if unsubscribe_url:
        text += f"\n\n--\n{phrases.LABELS[language]['unsubscribe_line']}\n{unsubscribe_url}"
    html = _html(subject, parts, blocks, summary, profile, language, page_url, unsubscribe_url, documents)
    return Message(subject, f"{text}\n", html, language, attachments=documents.attached)


def _pay_urls(account: Account, invoices: Iterable[Invoice], page_url: str) -> dict[uuid.UUID, str]:
    """Return our own addresses below the debtor's page at which invoices can be paid online, by invoice."""
    if not page_url:
        return {}
    pattern = payment_links.settings_of(account).payment_url_pattern
    payable = (invoice for invoice in invoices if payment_links.is_payable(invoice, pattern))
    return {invoice.pk: f"{page_url}/pay/{invoice.pk}" for invoice in payable}


def _values(summary: Summary, profile: SenderProfile, language: str) -> dict[str, str]:
    invoice, today = summary.invoice, summary.today
    sender = phrases.isolated_name(profiles.name(profile), language)
    phone = phrases.left_to_right(phrases.clean(profile.phone), language)
    promised = summary.promised_on
    return {
        "name": phrases.isolated_name(phrases.clean(invoice.debtor_name), language),
        "company": phrases.isolated_name(phrases.clean(invoice.debtor_company), language),
        "sender": sender,
        "invoice_number": phrases.left_to_right(phrases.clean(invoice.invoice_number), language),
        "amount": phrases.amount(invoice.amount, invoice.currency, language),
        "balance": phrases.amount(summary.asked, invoice.currency, language),
        "total": phrases.amounts(summary.demand.total, language),
        "count": phrases.invoices(len(summary.listed), language),
        "issue_date": phrases.date(invoice.issue_date, language),
        "due_date": phrases.date(invoice.due_date, language),
        "days": phrases.days(abs((today - invoice.due_date).days), language),
        "promise_date": phrases.date(promised, language) if promised else "",
        "phone": phone,
        "signature": f"{sender}\n{phone}".strip(),
        "several": "yes" if summary.several else "",
        "overdue": "yes" if summary.overdue else "",
        "due_today": "yes" if invoice.due_date == today else "",
    }


def _blocks(
    summary: Summary,
    profile: SenderProfile,
    language: str,
    page_url: str,
    channel: Medium,
    documents: Attachments,
) -> dict[str, str]:
    """Return the blocks as text. URLs are on their own line without isolates, which would become part of them."""
    labels = phrases.LABELS[language]
    how = phrases.isolated_text(profiles.payment_instructions(profile, language), language)
    return {
        "invoices": _listing(summary, language),
        "credit": _credit_in_text(summary, language, channel),
        "disputed": "\n".join(_disputed(summary, language)),
        "page_link": _page_link(summary, language, page_url, documents) if page_url else "",
        "payment_instructions": f"{labels['how_to_pay']}:\n{how}" if how else "",
    }


def _page_link(summary: Summary, language: str, page_url: str, documents: Attachments) -> str:
    """Return the link to the debtor's page, below the link to pay online and what is attached."""
    labels = phrases.LABELS[language]
    texts = [_about_documents(documents, language), f"{labels['page_line']}\n{page_url}"]
    if summary.pay_url and not summary.several:
        texts.insert(1, f"{labels['pay_line']}\n{summary.pay_url}")
    return "\n\n".join(filter(None, texts))


def _about_documents(documents: Attachments, language: str) -> str:
    """Return the sentence about the attached documents, or an empty string if the invoices have none."""
    count = len(documents.attached)
    if documents.has_statement:
        name = "statement_attached"
    elif documents.has_more:
        name = "attached_some" if count else "attached_none"
    elif count:
        name = "attached_one" if count == 1 else "attached_all"
    else:
        return ""
    sentence: str = phrases.LABELS[language][name]
    return sentence


def _append_required_blocks(parts: list[str], summary: Summary, channel: Medium, markers: dict[str, str]) -> None:
    """Append required blocks that the template lacks.

    An email lists all invoices, every message shows the deducted credit and disputed amounts, and all but SMS link to
    the debtor's page.
    """
    needed = ["invoices"] if channel == Medium.EMAIL and summary.several else []
    needed += ["credit", "disputed"]
    needed += ["page_link"] if channel != Medium.SMS else []
    for name in needed:
        if name in markers and name not in parts[1::2]:
            parts += [name, ""]


def _listing(summary: Summary, language: str) -> str:
    labels, texts = phrases.LABELS[language], []
    for section in summary.sections:
        texts.append(f"{section.title}:")
        for line in section.lines:
            values = filter(None, (line.balance, f"{labels['due']} {line.due_date}", line.late))
            texts[-1] += f"\n- {line.number}: {labels['comma'].join(values)}"
            if line.pay_url:
                texts[-1] += f"\n  {labels['pay_now']}:\n  {line.pay_url}"
    if sums := _sums(summary, language):
        texts.append("\n".join(f"{label}: {amount}" for label, amount in sums))
    return "\n\n".join(texts)


def _sums(summary: Summary, language: str) -> list[tuple[str, str]]:
    """Return the labelled sums below the list of invoices: the past due total, or the deduction of the credit."""
    if summary.demand.credit:
        return _calculation(summary, language)
    label = phrases.LABELS[language]["overdue_total"]
    return [(label, phrases.amounts(summary.past_due, language))] if summary.past_due else []


def _calculation(summary: Summary, language: str) -> list[tuple[str, str]]:
    """Return the labelled sum owed, the credit and the remaining amount, or an empty list without credit."""
    labels, demand = phrases.LABELS[language], summary.demand
    if not demand.credit:
        return []
    is_past_due = summary.several and demand.owed == summary.past_due
    return [
        (labels["overdue_total" if is_past_due else "balance"], phrases.amounts(demand.owed, language)),
        (labels["less_credit"], phrases.amounts(demand.credit, language)),
        (labels["left_to_pay"], phrases.amounts(demand.total, language)),
    ]


def _credit_in_text(summary: Summary, language: str, channel: Medium) -> str:
    """Return the deducted credit, or an empty string if the list of invoices includes it."""
    if channel == Medium.EMAIL and summary.several:
        return ""
    lines = [f"{label}: {amount}" for label, amount in _calculation(summary, language)]
    return ". ".join(lines) + "." if lines and channel == Medium.SMS else "\n".join(lines)


def _disputed(summary: Summary, language: str) -> list[str]:
    """Return a sentence for each partly disputed invoice."""
    return [
        phrases.LABELS[language]["contested_part"].format(
            amount=phrases.amount(invoice.contested, invoice.currency, language),
            number=phrases.left_to_right(phrases.clean(invoice.invoice_number), language),
        )
        for invoice in summary.contested
    ]


def _html(
    subject: str,
    parts: list[str],
    blocks: dict[str, str],
    summary: Summary,
    profile: SenderProfile,
    language: str,
    page_url: str,
    unsubscribe_url: str,
    documents: Attachments,
) -> str:
    labels, invoice = phrases.LABELS[language], summary.invoice
    shown = []
    for index, part in enumerate(parts):
        if index % 2:
            shown.append({"block": part})
        else:
            shown += [{"html": phrases.as_html(each)} for each in re.split(r"\n{2,}", part) if each.strip()]
    label, figure = _headline(summary, language)
    context = {
        "language": language,
        "direction": "rtl" if phrases.is_rtl(language) else "ltr",
        "labels": labels,
        "subject": phrases.without_isolates(subject),
        "sender": profiles.name(profile),
        "logo": profiles.logo(bytes(profile.logo)) if profile.logo else None,
        "logo_cid": profiles.LOGO_CID,
        "label": label,
        "figure": phrases.as_html(figure),
        "facts": [(name, phrases.as_html(value)) for name, value in _facts(summary, language)],
        "is_paid": summary.kind == Kind.THANK_YOU,
        "parts": shown,
        "sections": [
            (section.title, [[phrases.as_html(value) for value in dataclasses.astuple(line)] for line in section.lines])
            for section in summary.sections
        ],
        "sums": [(label, phrases.as_html(amount)) for label, amount in _sums(summary, language)],
        "disputed": [phrases.as_html(sentence) for sentence in _disputed(summary, language)],
        "calculation": [(label, phrases.as_html(amount)) for label, amount in _calculation(summary, language)],
        "payment": phrases.as_html(blocks["payment_instructions"].partition("\n")[2]),
        "number": invoice.invoice_number,
        "page_url": page_url,
        "pay_url": "" if summary.several else summary.pay_url,
        "documents": _about_documents(documents, language),
        "unsubscribe_url": unsubscribe_url,
    }
    inlined: str = _inliner.inline(render_to_string("communications/email.html", context))
    return inlined


def _headline(summary: Summary, language: str) -> tuple[str, str]:
    labels, invoice = phrases.LABELS[language], summary.invoice
    if summary.kind == Kind.THANK_YOU:
        return labels["paid"], phrases.amount(invoice.amount, invoice.currency, language)
    if summary.kind == Kind.STATEMENT:
        return labels["balance"], phrases.amounts(summary.demand.total, language)
    if summary.several:
        label = labels["overdue_total" if summary.past_due and not summary.demand.credit else "amount_due"]
        return label, phrases.amounts(summary.demand.total, language)
    return labels["amount_due"], phrases.amount(summary.asked, invoice.currency, language)


def _facts(summary: Summary, language: str) -> Iterable[tuple[str, str]]:
    labels, invoice = phrases.LABELS[language], summary.invoice
    if summary.several:
        yield labels["invoices"], str(len(summary.listed))
    else:
        yield labels["invoice"], phrases.left_to_right(phrases.clean(invoice.invoice_number), language)
        if summary.kind == Kind.THANK_YOU:
            return
        yield labels["due_date"], phrases.date(invoice.due_date, language)
        if summary.promised_on:
            yield labels["promised"], phrases.date(summary.promised_on, language)
        elif summary.overdue:
            yield labels["overdue_by"], phrases.days((summary.today - invoice.due_date).days, language)
    if summary.demand.credit:
        yield labels["less_credit"], phrases.amounts(summary.demand.credit, language)
