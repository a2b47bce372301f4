"""Invoices: the work list and the case file."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from inflow.accounts.access import actor, person, rows_of
from inflow.accounts.roles import Role
from inflow.dashboard.core.bulk import bulk
from inflow.dashboard.core.markup import bdi, moment, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin, RowsInside
from inflow.dashboard.core.responses import form_page
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages import imports, standing
from inflow.dashboard.pages.ages import AGES, aged, overdue, part
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
from inflow.dashboard.pages.invoice_actions import (
    _apply_credit,
    _cancel,
    _dispute,
    _escalate,
    _hold,
    _move_due_date,
    _note,
    _promise,
    _record_payment,
    _resume,
    _takes_credit,
    _write_off,
)
from inflow.dashboard.pages.invoice_cells import late, payment_badge, status_badge
from inflow.dashboard.pages.payments import payment_method, payment_status
from invoices import ledger, lifecycle, money
from invoices.api import representation
from invoices.debtors.receivables import Part
from invoices.models import OPEN, Invoice, Payment, PaymentStatus, Status
from invoices.models.imports import Kind


class DueFilter(DropdownFilter):
    title, parameter_name = _lazy("due"), "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        ages = [
            (
                age,
                _("%(first)d–%(last)d days late") % {"first": first, "last": last} if last else _("Over 90 days late"),
            )
            for age, (first, last) in AGES.items()
        ]
        parts = [
            ("open", _("Open")),
            ("later", _("Open, not past due")),
            ("on_hold", _("On hold")),
            ("disputed", _("Disputed")),
            ("past", _("Past due")),
        ]
        return [*parts, *ages]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """The parts are those of `receivables`: an invoice that is disputed or on hold is not past due."""
        chosen, user = self.value(), person(request)
        if chosen in AGES:
            return queryset.filter(aged(user, chosen))
        if chosen == "past":
            return queryset.filter(overdue(user))
        if chosen in _PARTS:
            return queryset.filter(part(user, _PARTS[chosen]))
        return queryset.filter(status__in=OPEN) if chosen == "open" else queryset


_PARTS = {"later": Part.NOT_DUE, "on_hold": Part.ON_HOLD, "disputed": Part.DISPUTED}


class CurrencyFilter(DropdownFilter):
    title, parameter_name = _lazy("currency"), "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = rows_of(person(request), Invoice.objects.order_by("currency"))
        return [(code, code) for code in own.values_list("currency", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        return queryset.filter(currency=self.value()) if self.value() else queryset


class PaymentInline(RowsInside):
    model = Payment
    fields = readonly_fields = ("paid_on", "amount_shown", "method_shown", "reference", "status_shown", "created_at")

    @display(description=_lazy("Paid on"))
    def paid_on(self, payment: Payment) -> str:
        url = reverse("admin:invoices_payment_change", args=[payment.pk])
        return format_html('<a class="text-link" href="{}">{}</a>', url, date_format(payment.paid_at))

    @display(description=_lazy("Amount"))
    def amount_shown(self, payment: Payment) -> str:
        return bdi(money.display(payment.amount, payment.currency))

    @display(description=_lazy("Method"))
    def method_shown(self, payment: Payment) -> str:
        return payment_method(payment)

    @display(description=_lazy("Status"))
    def status_shown(self, payment: Payment) -> str:
        return payment_status(payment)


@admin.register(Invoice)
class InvoiceAdmin(OwnRowsAdmin):
    """The work list and the case file. A row is never saved here: its row actions change it."""

    adds = Role.MANAGER
    list_display = (
        "number",
        "debtor_shown",
        "amount_shown",
        "balance_shown",
        "status_shown",
        "due_shown",
        "last_contact",
        "next_contact",
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
    search_help_text = _lazy("Number, name, company or email")
    ordering = ("-created_at", "-id")
    fields = ()
    # The rooms above add theirs: messages come from communications.
    inlines: ClassVar[list[type[RowsInside]]] = [PaymentInline]
    told: ClassVar[list[Callable[[Invoice], list[dict[str, Any]]]]] = [standing.entries]
    actions: ClassVar[Any] = ("hold_selected", "resume_selected")

    actions_detail = (
        "record_payment",
        "promise",
        {
            "title": _lazy("More"),
            "items": [
                *("apply_credit", "hold", "dispute", "resume", "escalate"),
                *("move_due_date", "note", "write_off", "cancel"),
            ],
        },
    )
    record_payment = row_action(
        _lazy("Record payment"),
        _record_payment,
        needs=Role.AGENT,
        icon="payments",
        form=PaymentForm,
        fits=lambda invoice: invoice.is_open or invoice.status == Status.WRITTEN_OFF,
        intro=_lazy("The ledger is append-only. More than the balance is kept as the debtor's credit."),
        is_primary=True,
    )
    apply_credit = row_action(
        _lazy("Apply credit"),
        _apply_credit,
        needs=Role.AGENT,
        icon="account_balance_wallet",
        form=CreditForm,
        fits=_takes_credit,
        intro=_lazy("Applies the debtor's unapplied credit to this invoice."),
    )
    promise = row_action(
        _lazy("Promise to pay"),
        _promise,
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
        _hold,
        needs=Role.AGENT,
        icon="pause_circle",
        form=HoldForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy("Nothing is sent while an invoice is on hold."),
        undo="resume",
    )
    dispute = row_action(
        _lazy("Mark as disputed"),
        _dispute,
        needs=Role.AGENT,
        icon="gavel",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open and invoice.status != Status.DISPUTED,
        intro=_lazy("The debtor contests this invoice. Nothing is sent until it is resumed."),
        undo="resume",
    )
    resume = row_action(
        _lazy("Resume"),
        _resume,
        needs=Role.AGENT,
        icon="play_circle",
        form=OptionalReasonForm,
        fits=lambda invoice: invoice.status in (Status.ON_HOLD, Status.DISPUTED),
        intro=_lazy("Ends the hold or the dispute: the invoice is new or overdue again, as its due date says."),
    )
    escalate = row_action(
        _lazy("Call in a person"),
        _escalate,
        needs=Role.AGENT,
        icon="support_agent",
        form=EscalateForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy("Opens a case without waiting for the reminder schedule."),
    )
    hold_selected, resume_selected = bulk(hold), bulk(resume)
    move_due_date = row_action(
        _lazy("Move the due date"),
        _move_due_date,
        needs=Role.MANAGER,
        icon="event",
        form=DueDateForm,
        fits=lambda invoice: invoice.is_open,
    )
    note = row_action(_lazy("Edit notes"), _note, needs=Role.AGENT, icon="edit_note", form=NotesForm)
    write_off = row_action(
        _lazy("Write off"),
        _write_off,
        needs=Role.MANAGER,
        icon="money_off",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open,
        intro=_lazy("Gives the money up and stops all messages. A later payment still makes it paid."),
        is_grave=True,
    )
    cancel = row_action(
        _lazy("Cancel invoice"),
        _cancel,
        needs=Role.MANAGER,
        icon="cancel",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open or invoice.status == Status.WRITTEN_OFF,
        intro=_lazy("For an invoice that should not exist. This can't be undone."),
        is_grave=True,
    )

    def import_url(self, request: HttpRequest) -> str | None:
        return imports.import_url(person(request), Kind.INVOICES)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = InvoiceForm(request.POST if request.method == "POST" else None, person=person(request))

        def create() -> HttpResponse:
            assert form.account is not None
            with refusals_on(form):
                invoice = lifecycle.create(form.account, form.new, actor(request))
            messages.success(request, _("Invoice %(invoice)s is registered.") % {"invoice": invoice})
            return HttpResponseRedirect(self.url("change", invoice.pk))

        return form_page(
            self,
            request,
            form,
            create,
            title=_("Register an invoice"),
            button=_("Register"),
            back=self.url("changelist"),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        invoice = self.get_object(request, object_id)
        lines = [line for tell in self.told for line in tell(invoice)]
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
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "case": case})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """With `is_stopped`: the account's switch or suspension stops the next message."""
        channel_is_stopped = Invoice.objects.filter(
            pk=OuterRef("pk"),
            communications__status="scheduled",
            account__collection__stopped_channels__contains=[F("communications__channel")],
        )
        of_account = Q(account__suspended_at__isnull=False) | Q(account__collection__is_stopped=True)
        is_stopped = ExpressionWrapper(of_account | Q(Exists(channel_is_stopped)), output_field=BooleanField())
        return super().get_queryset(request).annotate(is_stopped=is_stopped)

    def get_inlines(self, request: HttpRequest, obj: Invoice | None) -> list[Any]:
        """No empty tables."""
        return [each for each in self.inlines if each.has_rows(obj)]

    @display(description=_lazy("Number"), ordering="invoice_number")
    def number(self, invoice: Invoice) -> str:
        return bdi(invoice.invoice_number)

    @display(description=_lazy("Debtor"), ordering="debtor_name")
    def debtor_shown(self, invoice: Invoice) -> str:
        return two_lines(invoice.debtor_name, invoice.debtor_company)

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, invoice: Invoice) -> str:
        return bdi(money.display(invoice.amount, invoice.currency))

    @display(description=_lazy("Balance"))
    def balance_shown(self, invoice: Invoice) -> str:
        return bdi(money.display(invoice.balance, invoice.currency)) if invoice.balance else "–"

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
