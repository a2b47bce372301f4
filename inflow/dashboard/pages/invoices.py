"""Invoices: the work list, and a page for each invoice."""

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.decorators import display

from inflow.accounts.access import actor, person, rows_of
from inflow.accounts.roles import Role
from inflow.canonical import canonical_words
from inflow.dashboard.core import listing
from inflow.dashboard.core.bulk import bulk
from inflow.dashboard.core.filters import ValuesFilter, choices
from inflow.dashboard.core.markup import moment, moment_column, text_column, two_lines
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.pages import files, invoice_documents, notes, standing, tasks
from inflow.dashboard.pages.about_invoice import describe, exact
from inflow.dashboard.pages.ages import DueFilter
from inflow.dashboard.pages.files import FileActions
from inflow.dashboard.pages.forms import InvoiceForm
from inflow.dashboard.pages.import_preview import import_url
from inflow.dashboard.pages.invoice_actions import InvoiceActions
from inflow.dashboard.pages.invoice_cells import days_late, invoice_amount, invoice_balance, payment_badge, status_badge
from inflow.dashboard.pages.invoice_documents import DocumentActions
from inflow.dashboard.pages.message_rows import UnsentInline, messages_of
from inflow.dashboard.pages.notes import NoteActions
from inflow.dashboard.pages.payments import AllocationInline, PaymentInline
from inflow.dashboard.pages.tasks import TaskActions
from invoices import ledger, lifecycle, money
from invoices.api import representation
from invoices.debtors import aliases, searching
from invoices.models import Debtor, Invoice, PaymentStatus, Status
from invoices.models.imports import Kind

# The most debtors that a search passes to the database as keys, so that it can use an index.
_MOST_NAMED = 1_000


class CurrencyFilter(ValuesFilter):
    title, parameter_name, path = _lazy("currency"), "currency", "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the currencies of the invoices, each found by the index instead of reading all invoices."""
        rows = model_admin.get_queryset(request).order_by("currency").values_list("currency", flat=True)
        codes, code = list[str](), rows.first()
        while code:
            codes.append(code)
            code = rows.filter(currency__gt=code).first()
        return [(code, code) for code in codes]


def _hold(invoice: Invoice) -> dt.date | None:
    return invoice.hold_until if invoice.status == Status.ON_HOLD else None


def _tags(invoice: Invoice) -> str:
    return ", ".join(invoice.tags)


@admin.register(Invoice)
class InvoiceAdmin(InvoiceActions, DocumentActions, NoteActions, TaskActions, FileActions, OwnRowsAdmin):
    """The work list and the pages of invoices. Rows are never saved here: row actions change them."""

    adds = Role.MANAGER
    list_display = (
        *("number", "debtor_shown", invoice_amount, invoice_balance),
        *("status_shown", "due_shown", "last_contact", "next_contact"),
    )
    list_filter = (DueFilter, *choices("status", "payment_status"), CurrencyFilter)
    linked_by = ("debtor__id__exact",)
    list_fullwidth = True
    search_fields = ("invoice_number", "debtor_name", "debtor_company", "debtor_email")
    export_columns = (
        *("invoice_number", "debtor_name", "debtor_company", "debtor_email", "debtor_phone"),
        *(exact("amount"), "currency", exact("amount_paid"), exact("balance")),
        *("issue_date", "due_date", "status", "payment_status", ("days_overdue", days_late), ("hold_until", _hold)),
        *("escalation_level", "last_contacted_at", "next_contact_at", "language", "notes", "external_id"),
        *("purchase_order", "payment_url", ("tags", _tags), "created_at", "id"),
    )
    search_help_text = _lazy("Beginning of the number, or the debtor's name, company, email or phone number")
    ordering = ("-created_at", "-id")
    fields = ()
    inlines = (UnsentInline, PaymentInline, AllocationInline)
    add_page = AddPage(InvoiceForm, _lazy("Register an invoice"), _lazy("Register"))
    actions = ("assign_selected", "hold_selected", "resume_selected", "choose_policy_selected")
    assign_selected, choose_policy_selected = bulk(InvoiceActions.assign), bulk(InvoiceActions.choose_policy)
    hold_selected, resume_selected = bulk(InvoiceActions.hold), bulk(InvoiceActions.resume)
    actions_detail = (
        *("record_payment", "send_now", "promise"),
        {
            "title": _lazy("More"),
            "items": [
                *("add_note", "add_task", "add_file"),
                *("apply_credit", "credit_note", "log_call", "hold", "dispute", "assign", "resume", "escalate"),
                *("amend", "move_due_date", "note", "choose_policy", "write_off", "cancel", "undo_closing"),
                *("upload_document", "confirm_document", "remove_document", "document"),
            ],
        },
    )

    def about(self, row: Invoice) -> str:
        return describe(row)

    def import_url(self, request: HttpRequest) -> str | None:
        return import_url(person(request), Kind.INVOICES)

    def add(self, request: HttpRequest, form: InvoiceForm) -> HttpResponse:
        assert form.account is not None
        invoice = lifecycle.create(form.account, form.new, actor(request))
        messages.success(request, _("Invoice %(invoice)s is registered.") % {"invoice": invoice})
        return HttpResponseRedirect(self.url("change", invoice.pk))

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        invoice = self.get_object(request, object_id)
        lines = [*standing.entries(invoice), *messages_of(invoice)]
        credit = ledger.credit_for(invoice).get(invoice.currency)
        stops = representation.stops_of(invoice.account)
        case = {
            "document": invoice_documents.shown(invoice, person(request)),
            "standing": standing.of(invoice, person(request)),
            "timeline": sorted(lines, key=lambda line: line["at"], reverse=True),
            "status": status_badge(invoice),
            "payment": payment_badge(invoice),
            "balance": money.display(invoice.balance, invoice.currency),
            "is_stopped": bool(stops and stops(invoice.pk)),
            "amount": money.display(invoice.amount, invoice.currency),
            "paid": money.display(invoice.amount_paid, invoice.currency),
            "credited": money.display(invoice.amount_credited, invoice.currency) if invoice.amount_credited else "",
            "credit": money.display(credit, invoice.currency) if credit and invoice.is_open else "",
            "late": days_late(invoice),
            "contacts": invoice.contacts[1:],
            "debtor_url": reverse("admin:invoices_debtor_change", args=[invoice.debtor_id]),
        }
        user = person(request)
        return {
            "case": case,
            "notes": notes.shown(invoice, user),
            "tasks": tasks.shown(invoice, user),
            "files": files.shown(invoice, user),
        }

    def with_figures(self, request: HttpRequest, rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Annotate `is_stopped`: the next message is stopped by the account's settings or its suspension."""
        channel_is_stopped = Invoice.objects.filter(
            pk=OuterRef("pk"),
            communications__status="scheduled",
            account__collection__stopped_channels__contains=[F("communications__channel")],
        )
        of_account = Q(account__suspended_at__isnull=False) | Q(account__collection__is_stopped=True)
        is_stopped = ExpressionWrapper(of_account | Q(Exists(channel_is_stopped)), output_field=BooleanField())
        return rows.annotate(is_stopped=is_stopped)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """Find invoices by the beginning of the number, and those of the debtors that the text finds."""
        if not (text := listing.bounded(canonical_words(search_term))):
            return queryset, False
        user, found = person(request), Q()
        for number in {text, text.upper(), text.lower()}:
            found |= Q(invoice_number__startswith=number)
        debtors = rows_of(user, Debtor.objects.filter(searching.matching(user.account_id, text)))
        named = list(debtors.select_related("account")[: _MOST_NAMED + 1])
        if len(named) > _MOST_NAMED:
            return queryset.filter(found | Q(debtor__in=debtors.values("pk"))), False
        return queryset.filter(found | Q(debtor__in={aliases.current(each).pk for each in named})), False

    def get_inlines(self, request: HttpRequest, obj: Invoice | None) -> list[Any]:
        """Leave out empty tables."""
        return [each for each in self.inlines if each.has_rows(obj)]

    number = text_column(_lazy("Number"), "invoice_number")

    debtor_shown = text_column(_lazy("Debtor"), "debtor_name", "debtor_company")

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, invoice: Invoice) -> str:
        shown: str = status_badge(invoice)
        if invoice.payment_status == PaymentStatus.PARTIALLY_PAID:
            shown = format_html("{} {}", shown, payment_badge(invoice))
        return shown

    @display(description=_lazy("Due"), ordering="due_date")
    def due_shown(self, invoice: Invoice) -> str:
        days = days_late(invoice)
        return two_lines(
            date_format(invoice.due_date),
            ngettext("%(days)d day late", "%(days)d days late", days) % {"days": days} if days else "",
        )

    last_contact = moment_column(_lazy("Last contact"), "last_contacted_at")

    @display(description=_lazy("Next contact"), ordering="next_contact_at")
    def next_contact(self, invoice: Invoice) -> str:
        if getattr(invoice, "is_stopped", False):
            return two_lines("–", _("stopped"))
        return moment(invoice.next_contact_at)
