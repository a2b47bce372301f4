"""Invoices, messages, replies, promises, payments and the timeline on a debtor's page."""

import datetime as dt
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from communications.models import CallLog, Communication, Reply, ReplyStatus, Triage
from inflow.dashboard.core.inlines import RowsInside
from inflow.dashboard.core.markup import amount, badge, link, moment
from inflow.dashboard.core.responses import page
from inflow.dashboard.pages.invoice_cells import days_late, invoice_amount, invoice_balance, status_badge
from inflow.dashboard.pages.message_rows import MessageInline
from inflow.dashboard.pages.payments import PaymentInline
from inflow.dashboard.pages.promises import PROMISE_BADGES
from inflow.dashboard.pages.replies import STATUS_BADGES, TRIAGE_BADGES
from invoices.documents import documents
from invoices.models import OPEN, Debtor, DebtorExternalId, Invoice, Promise, PromiseStatus, TimelineEntry

_OPEN_SHOWN, _PROMISES_SHOWN, _ENTRIES_SHOWN = 15, 10, 50
# Rows of each table: the page has five tables, and each row takes some milliseconds.
_PER_PAGE = 10


def context(debtor: Debtor) -> dict[str, Any]:
    """Return the open invoices, the promises and the external ids, for the top of the page."""
    found = Invoice.objects.filter(debtor=debtor, status__in=OPEN).order_by("due_date", "invoice_number", "pk")
    invoices = list(found[: _OPEN_SHOWN + 1])
    for invoice in invoices:
        invoice.account = debtor.account
    promises = Promise.objects.filter(invoice__debtor=debtor).select_related("invoice")
    order = Case(When(status=PromiseStatus.OPEN, then=Value(0)), default=Value(1))
    return {
        "open_invoices": [_line(invoice) for invoice in invoices[:_OPEN_SHOWN]],
        "has_more_invoices": len(invoices) > _OPEN_SHOWN,
        "promises": [_promise(each) for each in promises.order_by(order, "-promised_on", "-pk")[:_PROMISES_SHOWN]],
        "external_ids": list(DebtorExternalId.objects.filter(debtor=debtor).values_list("external_id", flat=True)),
    }


def _line(invoice: Invoice) -> dict[str, Any]:
    return {
        "invoice": invoice,
        "url": reverse("admin:invoices_invoice_change", args=[invoice.pk]),
        "balance": invoice_balance(invoice),
        "status": status_badge(invoice),
        "late": days_late(invoice),
        "next": moment(invoice.next_contact_at),
    }


def _promise(promise: Promise) -> dict[str, Any]:
    return {
        "promise": promise,
        "amount": amount(promise.amount, promise.invoice.currency),
        "url": reverse("admin:invoices_promise_change", args=[promise.pk]),
        "status": badge(promise.get_status_display(), PROMISE_BADGES.get(PromiseStatus(promise.status), "")),
    }


# --- Tables -------------------------------------------------------------------------------------------------------


class InvoiceInline(RowsInside):
    model = Invoice
    per_page = _PER_PAGE
    fields = readonly_fields = (
        *("number", invoice_amount, invoice_balance),
        *(status_badge, "due_date", "late_shown", "document_shown"),
    )
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Return the open invoices first."""
        rows: QuerySet[Invoice] = super().get_queryset(request)
        closed = Case(When(Q(status__in=OPEN), then=Value(0)), default=Value(1))
        rows = rows.select_related("account").annotate(has_document=Exists(documents.CURRENT))
        return rows.order_by(closed, "-due_date", "pk")

    @display(description=_lazy("Number"))
    def number(self, invoice: Invoice) -> str:
        return link(reverse("admin:invoices_invoice_change", args=[invoice.pk]), invoice.invoice_number)

    @display(description=_lazy("Days late"))
    def late_shown(self, invoice: Invoice) -> str:
        return str(days_late(invoice) or "–")

    @display(description=_lazy("Document"))
    def document_shown(self, invoice: Any) -> str:
        if not invoice.has_document:
            return "–"
        return link(reverse("admin:invoices_invoice_document", args=[invoice.pk]), _("Download"))


class ReplyInline(RowsInside):
    model = Reply
    per_page = _PER_PAGE
    fields = readonly_fields = ("text_shown", "triage_shown", "status_shown", "channel", "received_at")
    ordering = ("-received_at", "-pk")

    @display(description=_lazy("Text"))
    def text_shown(self, reply: Reply) -> str:
        url = reverse("admin:communications_reply_change", args=[reply.pk])
        return link(url, reply.text[:80] or "–")

    @display(description=_lazy("Classified as"))
    def triage_shown(self, reply: Reply) -> str:
        return badge(reply.get_triage_display(), TRIAGE_BADGES.get(Triage(reply.triage), ""))

    @display(description=_lazy("Status"))
    def status_shown(self, reply: Reply) -> str:
        return badge(reply.get_status_display(), STATUS_BADGES.get(ReplyStatus(reply.status), ""))


class MessagesInline(MessageInline):
    """The debtor's messages. A message about several invoices has a row for each of them, of which one is shown."""

    per_page = _PER_PAGE

    def get_queryset(self, request: HttpRequest) -> QuerySet[Communication]:
        rows: QuerySet[Communication] = super().get_queryset(request)
        same = Communication.objects.filter(message_id=OuterRef("message_id"), debtor=OuterRef("debtor"))
        return rows.filter(~Exists(same.filter(pk__lt=OuterRef("pk"))))


class PaymentsInline(PaymentInline):
    per_page = _PER_PAGE
    ordering = ("-paid_at", "-created_at", "-pk")


class CallInline(RowsInside):
    model = CallLog
    per_page = _PER_PAGE
    tab = True
    fields = readonly_fields = ("at", "outcome", "invoice", "note", "author")
    ordering = ("-at",)


INLINES = (InvoiceInline, MessagesInline, ReplyInline, CallInline, PaymentsInline)


# --- Timeline ----------------------------------------------------------------------------------------------------


def timeline(model_admin: Any, request: HttpRequest, debtor: Debtor) -> HttpResponse:
    """Show the timelines of all of the debtor's invoices as one, the newest entries first. `?before=` is where a page
    begins."""
    entries = TimelineEntry.objects.filter(invoice__debtor=debtor).select_related("invoice").order_by("-at", "-id")
    if before := _key(request.GET.get("before", "")):
        entries = entries.filter(TupleLessThan(Tuple("at", "id"), before))
    found = list(entries[: _ENTRIES_SHOWN + 1])
    last = found[_ENTRIES_SHOWN - 1] if len(found) > _ENTRIES_SHOWN else None
    shown = {
        "title": _("Timeline"),
        "debtor": debtor,
        "entries": found[:_ENTRIES_SHOWN],
        "older": urlencode({"before": f"{last.at.isoformat()}~{last.pk}"}) if last else "",
        "back": model_admin.url("change", debtor.pk),
    }
    return page(model_admin, request, "admin/invoices/debtor/timeline.html", shown)


def _key(text: str) -> tuple[dt.datetime, int] | None:
    """Return the time and the id of the entry before which a page begins."""
    at, _separator, pk = text[:100].partition("~")
    try:
        moment, number = dt.datetime.fromisoformat(at), int(pk)
    except ValueError:
        return None
    return (moment, number) if moment.tzinfo and 0 <= number < 2**63 else None
