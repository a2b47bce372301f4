"""Debtors: their contacts, consent and credit."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from communications.contacts import consent
from communications.models import CallLog, Medium, Source
from communications.portal import links
from communications.schedule import calls
from inflow.accounts.access import actor, person, rows_of
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.inlines import RowsInside
from inflow.dashboard.core.markup import link
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages import debtor_messages
from inflow.dashboard.pages.forms import CallForm, DebtorCreditForm, DebtorForm, ReasonForm, payable_by_credit
from inflow.dashboard.pages.invoice_actions import apply_credit
from inflow.dashboard.pages.invoice_cells import days_late, invoice_amount, invoice_balance, status_badge
from inflow.dashboard.pages.message_rows import MessageInline
from invoices import ledger
from invoices.debtors import debtors
from invoices.models import OPEN, Debtor, Invoice


class InvoiceInline(RowsInside):
    model = Invoice
    fields = readonly_fields = (
        *("number", invoice_amount, invoice_balance),
        *(status_badge, "due_date", "late_shown"),
    )
    ordering = ("-due_date",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        rows: QuerySet[Invoice] = super().get_queryset(request)
        return rows.select_related("account")

    @display(description=_lazy("Number"))
    def number(self, invoice: Invoice) -> str:
        return link(reverse("admin:invoices_invoice_change", args=[invoice.pk]), invoice.invoice_number)

    @display(description=_lazy("Days late"))
    def late_shown(self, invoice: Invoice) -> str:
        return str(days_late(invoice) or "–")


class CallInline(RowsInside):
    model = CallLog
    fields = readonly_fields = ("at", "outcome", "invoice", "note", "author")
    ordering = ("-at",)


class CreditFilter(DropdownFilter):
    title, parameter_name = _lazy("unapplied credit"), "credit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = rows_of(person(request), ledger.unapplied().order_by("currency"))
        codes = own.values_list("currency", flat=True).distinct()
        return [("any", _("In any currency")), *((code, code) for code in codes)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Debtor]) -> QuerySet[Debtor]:
        if not self.value():
            return queryset
        credit = rows_of(person(request), ledger.unapplied())
        if self.value() != "any":
            credit = credit.filter(currency=self.value())
        return queryset.filter(pk__in=credit.values("debtor_id"))


@admin.register(Debtor)
class DebtorAdmin(OwnRowsAdmin):
    """Debtors. A corrected contact is used from then on; invoices keep the name they came with."""

    changes = Role.AGENT
    form = DebtorForm
    ordering = ("name", "pk")
    list_display = ("name", "company", "email", "phone", "open_invoices", "created_at")
    list_filter = (CreditFilter,)
    search_fields = ("name", "company", "email", "phone")
    export_columns = (
        *("name", "company", "email", "phone", "language", "time_zone", "country", "subdivision"),
        *(("open_invoices", "still_open"), "opted_out_at", "created_at", "id"),
    )
    fields = (("name", "company"), ("email", "phone"), ("language", "time_zone"), ("country", "subdivision"))
    inlines = (InvoiceInline, MessageInline, CallInline)
    actions_detail = (
        "apply_credit",
        "opt_out",
        "opt_in",
        "agree",
        "revoke_links",
        "statement",
        "send_statement",
        "log_call",
    )

    @row_action(
        _lazy("Apply credit"),
        icon="account_balance_wallet",
        form=DebtorCreditForm,
        fits=lambda debtor: payable_by_credit(debtor).exists(),
        intro=_lazy("Applies the debtor's unapplied credit to an open invoice in the same currency."),
    )
    def apply_credit(self, debtor: Debtor, actor: Actor, form: DebtorCreditForm) -> str:
        return apply_credit(form.cleaned_data["invoice"], actor, form)

    @row_action(
        _lazy("Stop messages"),
        icon="notifications_off",
        form=ReasonForm,
        fits=lambda debtor: debtor.opted_out_at is None,
        intro=_lazy(
            "For a debtor who wants no more messages on any channel. The reason is recorded in the consent log."
        ),
    )
    def opt_out(self, debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
        consent.opt_out(debtor, "", actor, Source.STAFF, form.cleaned_data["reason"])
        return _("Nothing is sent to %(debtor)s any more.") % {"debtor": debtor}

    @row_action(
        _lazy("Allow messages again"),
        icon="undo",
        form=ReasonForm,
        fits=lambda debtor: debtor.opted_out_at is not None,
        intro=_lazy("Only at the debtor's request. The reason is recorded in the consent log."),
    )
    def opt_in(self, debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
        consent.restore_debtor(debtor, actor, form.cleaned_data["reason"])
        return _("Messages to %(contact)s are allowed again.") % {"contact": debtor}

    @row_action(
        _lazy("Record WhatsApp consent"),
        icon="how_to_reg",
        form=ReasonForm,
        fits=lambda debtor: bool(debtor.phone) and debtor.opted_out_at is None,
        intro=_lazy(
            "WhatsApp requires the debtor's consent. Enter where and how it was given; it is recorded in the consent "
            "log."
        ),
    )
    def agree(self, debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
        consent.opt_in(debtor, Medium.WHATSAPP, actor, form.cleaned_data["reason"])
        return _("WhatsApp messages to %(debtor)s are allowed.") % {"debtor": debtor}

    @row_action(
        _lazy("Revoke page links"),
        icon="link_off",
        intro=_lazy("For a link to the debtor page that got into the wrong hands. The next message has a new link."),
        is_grave=True,
    )
    def revoke_links(self, debtor: Debtor, actor: Actor, form: PageForm) -> str:
        links.revoke(debtor, actor)
        return _("All links sent to this debtor have stopped working. The next message has a new one.")

    @row_action(
        _lazy("Log a call"),
        icon="call",
        form=CallForm,
        intro=_lazy("A call in which somebody was reached counts as a contact."),
    )
    def log_call(self, debtor: Debtor, actor: Actor, form: CallForm) -> str:
        calls.log(debtor.account, actor, debtor_id=debtor.pk, **form.cleaned_data)
        return _("The call was logged.")

    # Linked from the page, once for each language.
    statement = page_action("Statement", needs=Role.VIEWER, icon="description", fits=lambda debtor: False)(
        debtor_messages.statement_pdf
    )

    send_statement = page_action(
        _lazy("Send statement"),
        icon="forward_to_inbox",
        fits=lambda debtor: debtor.invoices.filter(status__in=OPEN).exists(),
    )(debtor_messages.send_statement)

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        return debtor_messages.context(self.get_object(request, object_id))

    def save_model(self, request: HttpRequest, obj: Debtor, form: Any, change: bool) -> None:
        """Update a changed contact on the debtor's invoices too."""
        with transaction.atomic():
            before = Debtor.objects.select_for_update(no_key=True).get(pk=obj.pk)
            super().save_model(request, obj, form, change)
            debtors.record_edit(before, obj, actor(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Debtor]:
        rows: QuerySet[Debtor] = super().get_queryset(request)
        return rows.annotate(still_open=Count("invoices", filter=Q(invoices__status__in=OPEN)))

    @display(description=_lazy("Open invoices"), ordering="still_open")
    def open_invoices(self, debtor: Any) -> str:
        return str(debtor.still_open or "–")
