"""Every reader of text from outside, by a name, and texts that are made to take long. None asks the database."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from anymail.inbound import AnymailInboundMessage
from django.test import RequestFactory
from django.utils.translation import get_language_from_request

from communications.channels import refusals
from communications.contacts import addresses
from communications.content import linters, phrases, profiles, template_language
from communications.inbound import automatic, delivery_reports, mail_hooks, mail_parts, markup, quoting, texts
from communications.inbound.triage import classification, signatures, spelling
from inflow import masking, proxies, sheets
from inflow.accounts import keys, second_step, sessions
from inflow.api import etags, fields, idempotency, middleware
from inflow.dashboard.templatetags import narration
from inflow.egress import targets
from invoices.debtors import contacts, parties
from invoices.imports import amounts, cells, headings, statuses
from invoices.imports.parsing.xml import unescaped
from invoices.models import TimelineEntry

Read = Callable[[str], Any]
TODAY = dt.date(2026, 1, 5)
SENT = quoting.describe(
    "Dear Ahmed,\nInvoice INV-7 of AED 4,000.00 was due on 9 November.\nPlease pay it this week, or tell us when.",
    "",
    "Invoice INV-7 is overdue",
    ["no-reply@inflow.example"],
)


def _line(text: str) -> str:
    return " ".join(text.split("\n"))


def _mail(head: str, body: str = "") -> Any:
    head = head.encode(errors="replace").decode()
    return AnymailInboundMessage.parse_raw_mime(f"{head}\nTo: a@b.example\n\n{body}")


def _with_header(name: str) -> Callable[[str], Any]:
    return lambda text: RequestFactory().get("/", headers={name: _line(text)})


def _provider(text: str) -> bool:
    told = json.dumps({"FromFull": {"Email": text}, "Subject": text, "Headers": [{"Name": text, "Value": text}]})
    mail_parts.repaired(told.encode())
    return mail_parts.has_long_header(told.encode())


READERS: dict[str, Read] = {
    # Cells of imports
    "date": lambda text: cells.date(text, ""),
    "amount": lambda text: amounts.amount(text, "AED", "Amount"),
    "plain amount": lambda text: cells.amount(text, "AED"),
    "phone": lambda text: cells.phone(text, "AE"),
    "language": cells.language,
    "currency": lambda text: amounts.known_currency(text, "Currency"),
    "currency name": amounts.is_currency_name,
    "heading": headings.folded,
    "status": statuses.state_of,
    "flag": statuses.paid_flag,
    "word": statuses.may_be_word,
    "document": statuses.document_of,
    "escape of a workbook": unescaped,
    "formula": sheets.unescaped,
    # Replies
    "HTML": markup.to_text,
    "is HTML": markup.is_html,
    "quote": quoting.without_quote,
    "quote of ours": lambda text: quoting.without_quote(text, SENT),
    "signature": lambda text: signatures.without(text[: classification.MAX_READ]),
    "triage": lambda text: classification.read(text, TODAY),
    "spelling": spelling.normalise,
    "links": spelling.without_links,
    "shown text": texts.shown,
    "stored text": texts.storable,
    "From": lambda text: mail_parts.sender_of(_mail(f"From: {_line(text)}")),
    "Subject": lambda text: automatic.is_automatic(_mail(f"Subject: {_line(text)}")),
    "References": lambda text: mail_hooks._ID.findall(text),
    "mail": lambda text: mail_parts.body(_mail("Content-Type: text/html", text)),
    "report": lambda text: delivery_reports.is_report(_mail("From: mailer-daemon@x.example", text)),
    "provider's JSON": _provider,
    "refusal": refusals.classify_text,
    # Names, addresses and numbers
    "email": contacts.normalise_email,
    "number": lambda text: contacts.normalise_phone(text, "AE"),
    "address": lambda text: addresses.normal("email", text),
    "name": lambda text: parties.of(text, text),
    # Texts of an account
    "SMS": lambda text: linters.lint("sms", "AE", "Falcon", text),
    "template": lambda text: template_language.check(text, "email"),
    "filled template": lambda text: template_language.fill(text[:8_000], "email", {}),
    "isolates": lambda text: phrases.isolated_text(text, "ar"),
    "message as HTML": phrases.as_html,
    "one line": phrases.clean,
    "lines": phrases.clean_lines,
    "IBAN": profiles.invalid_ibans,
    "timeline": lambda text: narration.sentence(TimelineEntry(kind="noted", stored_text=text)),
    # Requests
    "request id": middleware._SANE.fullmatch,
    "key": keys.is_well_formed,
    "idempotency key": idempotency._FORM.fullmatch,
    "If-Match": etags._VERSION.findall,
    "forwarded": lambda text: proxies.client_address(_with_header("X-Forwarded-For")(text)),
    "Accept-Language": lambda text: get_language_from_request(_with_header("Accept-Language")(text)),
    "User-Agent": sessions.device,
    "target": targets.check_url,
    "code": second_step._digest,
    "link in a log": lambda text: masking._PATH_TOKEN.sub("", text),
    "money": lambda text: fields.MoneyField().run_validation(text),
    "text": lambda text: fields.TextField(max_length=200).run_validation(text),
    "moment": lambda text: fields.MomentField().run_validation(text),
    "day": lambda text: fields.DateField().run_validation(text),
}

# Repeated to any length.
WORST = (
    *("<head", "<style ", "<!--", "<!", "<a href=", "<p>", "<blockquote>", "&", "&#", ">", "> ", "| "),
    *(
        "On x wrote:\n",
        "From: a@b.c\n",
        "a@b.c:\n",
        "x: y\n\n",
        "كتب :\n",
        "-- \n",
        "--",
        "=",
        "_",
        "br\n",
        "Kind regards\n",
    ),
    *(
        "0",
        "1",
        "1,",
        "1.",
        "1/1 ",
        "12/12/2026 ",
        "+1 ",
        "00 1",
        "AE12",
        "AED ",
        "ref no ",
        "٠",
        "١ ",
        "T1:00",
        "1 jan",
    ),
    *(" ", "\n", " \n", "\t", "\r\n", "(", "()", "((", "[", "a@", "a@b.", "@", "a.", "a-", "a ", "A", "A\n", "'", '"'),
    *("\u0300", "e\u0301", "\u0640", "\u200f", "\u2068", "\u2069", "ﷺ", "شركة ", "株式会社", "ب & ", "m / s "),
    *("{{", "{%", "{% if ", "{#", "http://", "www.", "stop ", "unsubscribe ", "user not ", "550 5.1.1 ", "<a@b.c>"),
)
# Those that are tried each time.
FEW = ("<head", "On x wrote:\n", "0", " ", "a@")


def long(word: str, length: int) -> str:
    return word * (length // len(word)) + "x>"
