"""The words of a message: subject, text and HTML in one language, from the invoice as it is at the gate."""

from dataclasses import dataclass

import css_inline
from django.template.loader import render_to_string

from communications.models import Communication
from invoices import money

_inliner = css_inline.CSSInliner(load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    text: str
    html: str


def render(communication: Communication) -> Message:
    """Raises `django.template.TemplateDoesNotExist` for a kind without a template in the language."""
    invoice, account = communication.invoice, communication.account
    days = (account.today() - invoice.due_date).days
    language = communication.language
    context = {
        "account": account,
        "invoice": invoice,
        "balance": money.display(invoice.balance, invoice.currency),
        "days": _days_ar(days) if language == "ar" else f"{days} day" + ("" if days == 1 else "s"),
        "language": language,
        "direction": "rtl" if language == "ar" else "ltr",
    }
    base = f"communications/{language}/{communication.kind}"
    subject = " ".join(render_to_string(f"{base}.subject.txt", context).split())
    text = render_to_string(f"{base}.txt", context).strip() + "\n"
    paragraphs = [paragraph for paragraph in text.split("\n\n") if paragraph.strip()]
    html = render_to_string("communications/email.html", context | {"paragraphs": paragraphs, "subject": subject})
    return Message(subject, text, _inliner.inline(html))


def _days_ar(days: int) -> str:
    """Arabic counts in six forms: 1 one, 2 two, 3-10 few, 11-99 many, 100-102 other; Latin digits."""
    if days == 1:
        return "يوم واحد"
    if days == 2:
        return "يومين"
    if 3 <= days % 100 <= 10:
        return f"{days} أيام"
    return f"{days} يومًا" if 11 <= days % 100 <= 99 else f"{days} يوم"
