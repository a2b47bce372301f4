"""Invoices: the work list and the case file."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
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
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from communications.schedule import one_off
from inflow.accounts.access import actor, person
from inflow.accounts.roles import Role
from inflow.dashboard.core.bulk import bulk
from inflow.dashboard.core.filters import ValuesFilter
from inflow.dashboard.core.markup import amount, bdi, moment, two_lines
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages import invoice_actions, standing
from inflow.dashboard.pages.ages import DueFilter
from inflow.dashboard.pages.cases import AssignForm
from inflow.dashboard.pages.choose_policy import PolicyForm, apply_policy
from inflow.dashboard.pages.forms import (
    CreditForm,
    DueDateForm,
    EscalateForm,
    HoldForm,
    InvoiceForm,
    NotesForm,
    OptionalReasonForm,
    PaymentForm,
    PromiseForm,
    ReasonForm,
    refusals_on,
)
from inflow.dashboard.pages.import_preview import import_url
from inflow.dashboard.pages.invoice_cells import late, payment_badge, status_badge
from inflow.dashboard.pages.message_rows import UnsentInline, messages_of
from inflow.dashboard.pages.payments import PaymentInline
from inflow.dashboard.pages.send_now import send_now
from invoices import ledger, lifecycle, money
from invoices.api import representation
from invoices.models import Invoice, PaymentStatus, Status
from invoices.models.imports import Kind


class CurrencyFilter(ValuesFilter):
    title, parameter_name, path = _lazy("currency"), "currency", "currency"


def _exact(name: str) -> tuple[str, Callable[[Invoice], Decimal]]:
    """Return the column of an amount, with the decimals of its currency."""
    return name, lambda invoice: money.quantize(getattr(invoice, name), invoice.currency)


def _hold(invoice: Invoice) -> dt.date | None:
    return invoice.hold_until if invoice.status == Status.ON_HOLD else None


@admin.register(Invoice)
class InvoiceAdmin(OwnRowsAdmin):
    """The work list and the case file. A row is never saved here: its row actions change it."""

    adds = Role.MANAGER
    list_display = (
        *("number", "debtor_shown", "amount_shown", "balance_shown"),
        *("status_shown", "due_shown", "last_contact", "next_contact"),
    )
    list_filter = (
        DueFilter,
        ("status", ChoicesDropdownFilter),
        ("payment_status", ChoicesDropdownFilter),
        CurrencyFilter,
    )
    linked_by = ("debtor__id__exact",)
    list_fullwidth = True
    search_fields = ("invoice_number", "debtor_name", "debtor_company", "debtor_email")
    export_columns = (
        *("invoice_number", "debtor_name", "debtor_company", "debtor_email", "debtor_phone"),
        *(_exact("amount"), "currency", _exact("amount_paid"), _exact("balance")),
        *("issue_date", "due_date", "status", "payment_status", ("days_overdue", late), ("hold_until", _hold)),
        *("escalation_level", "last_contacted_at", "next_contact_at", "language", "notes", "created_at", "id"),
    )
    search_help_text = _lazy("Number, name, company or email")
    ordering = ("-created_at", "-id")
    fields = ()
    inlines = (UnsentInline, PaymentInline)
    actions = ("assign_selected", "hold_selected", "resume_selected", "choose_policy_selected")
    actions_detail = (
        *("record_payment", "send_now", "promise"),
        {
            "title": _lazy("More"),
            "items": [
                *("apply_credit", "hold", "dispute", "assign", "resume", "escalate"),
                *("move_due_date", "note", "choose_policy", "write_off", "cancel"),
            ],
        },
    )
    record_payment = row_action(
        _lazy("Record payment"),
        invoice_actions.record_payment,
        needs=Role.AGENT,
        icon="payments",
        form=PaymentForm,
        fits=lambda invoice: invoice.is_open or invoice.status == Status.WRITTEN_OFF,
        intro=_lazy("The ledger is append-only. More than the balance is kept as the debtor's credit."),
        is_primary=True,
    )
    send_now = page_action(
        _lazy("Send now"), needs=Role.AGENT, icon="send", fits=lambda invoice: bool(one_off.kinds_for(invoice))
    )(send_now)
    apply_credit = row_action(
        _lazy("Apply credit"),
        invoice_actions.apply_credit,
        needs=Role.AGENT,
        icon="account_balance_wallet",
        form=CreditForm,
        fits=invoice_actions.takes_credit,
        intro=_lazy("Applies the debtor's unapplied credit to this invoice."),
    )
    promise = row_action(
        _lazy("Promise to pay"),
        invoice_actions.promise,
        needs=Role.AGENT,
        icon="handshake",
        form=PromiseForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy(
            "Nothing is sent until the second working day after it. Without the money by then, a case is opened."
        ),
        undo="resume",
    )
    hold = row_action(
        _lazy("Put on hold"),
        invoice_actions.hold,
        needs=Role.AGENT,
        icon="pause_circle",
        form=HoldForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy("Nothing is sent while an invoice is on hold."),
        undo="resume",
    )
    dispute = row_action(
        _lazy("Mark as disputed"),
        invoice_actions.dispute,
        needs=Role.AGENT,
        icon="gavel",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open and invoice.status != Status.DISPUTED,
        intro=_lazy("The debtor contests this invoice. Nothing is sent until it is resumed."),
        undo="resume",
    )
    resume = row_action(
        _lazy("Resume"),
        invoice_actions.resume,
        needs=Role.AGENT,
        icon="play_circle",
        form=OptionalReasonForm,
        fits=lambda invoice: invoice.status in (Status.ON_HOLD, Status.DISPUTED),
        intro=_lazy("Ends the hold or the dispute: the invoice is new or overdue again, as its due date says."),
    )
    escalate = row_action(
        _lazy("Call in a person"),
        invoice_actions.escalate,
        needs=Role.AGENT,
        icon="support_agent",
        form=EscalateForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy("Opens a case without waiting for the reminder schedule."),
    )
    assign = row_action(
        _lazy("Assign"),
        invoice_actions.assign,
        needs=Role.AGENT,
        icon="person_add",
        form=AssignForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy("Its open case is theirs. Where none is open, one of level 1 is opened for them."),
    )
    choose_policy = row_action(
        _lazy("Choose policy"),
        apply_policy,
        needs=Role.MANAGER,
        icon="stairs",
        form=PolicyForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy("Steps that are done stay done: the new policy continues after the last one."),
    )
    assign_selected, choose_policy_selected = bulk(assign), bulk(choose_policy)
    hold_selected, resume_selected = bulk(hold), bulk(resume)
    move_due_date = row_action(
        _lazy("Move the due date"),
        invoice_actions.move_due_date,
        needs=Role.MANAGER,
        icon="event",
        form=DueDateForm,
        fits=lambda invoice: invoice.is_open,
    )
    note = row_action(_lazy("Edit notes"), invoice_actions.note, needs=Role.AGENT, icon="edit_note", form=NotesForm)
    write_off = row_action(
        _lazy("Write off"),
        invoice_actions.write_off,
        needs=Role.MANAGER,
        icon="money_off",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy("Gives the money up and stops all messages. A later payment still makes it paid."),
        is_grave=True,
    )
    cancel = row_action(
        _lazy("Cancel invoice"),
        invoice_actions.cancel,
        needs=Role.MANAGER,
        icon="cancel",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open or invoice.status == Status.WRITTEN_OFF,
        intro=_lazy("For an invoice that should not exist. This can't be undone."),
        is_grave=True,
    )

    def import_url(self, request: HttpRequest) -> str | None:
        return import_url(person(request), Kind.INVOICES)

    add_page = AddPage(InvoiceForm, _lazy("Register an invoice"), _lazy("Register"))

    def add(self, request: HttpRequest, form: InvoiceForm) -> HttpResponse:
        assert form.account is not None
        with refusals_on(form):
            invoice = lifecycle.create(form.account, form.new, actor(request))
        messages.success(request, _("Invoice %(invoice)s is registered.") % {"invoice": invoice})
        return HttpResponseRedirect(self.url("change", invoice.pk))

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        invoice = self.get_object(request, object_id)
        lines = [*standing.entries(invoice), *messages_of(invoice)]
        credit = ledger.credit_for(invoice).get(invoice.currency)
        stops = representation.stops_of(invoice.account)
        case = {
            "stands": standing.of(invoice, person(request)),
            "timeline": sorted(lines, key=lambda line: line["at"], reverse=True),
            "status": status_badge(invoice),
            "payment": payment_badge(invoice),
            "balance": money.display(invoice.balance, invoice.currency),
            "is_stopped": bool(stops and stops(invoice.pk)),
            "amount": money.display(invoice.amount, invoice.currency),
            "paid": money.display(invoice.amount_paid, invoice.currency),
            "credit": money.display(credit, invoice.currency) if credit and invoice.is_open else "",
            "late": late(invoice),
            "debtor_url": reverse("admin:invoices_debtor_change", args=[invoice.debtor_id]),
        }
        return {"case": case}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Annotate `is_stopped`: the account's switch or suspension stops the next message."""
        channel_is_stopped = Invoice.objects.filter(
            pk=OuterRef("pk"),
            communications__status="scheduled",
            account__collection__stopped_channels__contains=[F("communications__channel")],
        )
        of_account = Q(account__suspended_at__isnull=False) | Q(account__collection__is_stopped=True)
        is_stopped = ExpressionWrapper(of_account | Q(Exists(channel_is_stopped)), output_field=BooleanField())
        rows: QuerySet[Invoice] = super().get_queryset(request)
        return rows.annotate(is_stopped=is_stopped)

    def get_inlines(self, request: HttpRequest, obj: Invoice | None) -> list[Any]:
        """Leave out empty tables."""
        return [each for each in self.inlines if each.has_rows(obj)]

    @display(description=_lazy("Number"), ordering="invoice_number")
    def number(self, invoice: Invoice) -> str:
        return bdi(invoice.invoice_number)

    @display(description=_lazy("Debtor"), ordering="debtor_name")
    def debtor_shown(self, invoice: Invoice) -> str:
        return two_lines(invoice.debtor_name, invoice.debtor_company)

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, invoice: Invoice) -> str:
        return amount(invoice.amount, invoice.currency)

    @display(description=_lazy("Balance"))
    def balance_shown(self, invoice: Invoice) -> str:
        return amount(invoice.balance, invoice.currency) if invoice.balance else "–"

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, invoice: Invoice) -> str:
        if invoice.payment_status == PaymentStatus.PARTIALLY_PAID:
            return format_html("{} {}", status_badge(invoice), payment_badge(invoice))
        return status_badge(invoice)

    @display(description=_lazy("Due"), ordering="due_date")
    def due_shown(self, invoice: Invoice) -> str:
        days = late(invoice)
        return two_lines(
            date_format(invoice.due_date),
            ngettext("%(days)d day late", "%(days)d days late", days) % {"days": days} if days else "",
        )

    @display(description=_lazy("Last contact"), ordering="last_contacted_at")
    def last_contact(self, invoice: Invoice) -> str:
        return moment(invoice.last_contacted_at)

    @display(description=_lazy("Next contact"), ordering="next_contact_at")
    def next_contact(self, invoice: Invoice) -> str:
        if getattr(invoice, "is_stopped", False):
            return two_lines("–", _("stopped"))
        return moment(invoice.next_contact_at)
