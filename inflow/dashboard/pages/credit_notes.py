"""Credit notes."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from inflow.accounts.actors import Actor
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.markup import amount, badge, link
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import exact
from inflow.dashboard.pages.money_forms import CreditNoteForm, DebtorCreditNoteForm, VoidCreditNoteForm
from inflow.dashboard.pages.payments import OwnCurrencyFilter, paid_invoices, with_paid_invoices
from invoices import credit_notes, money
from invoices.errors import Refused
from invoices.models import CreditNote, CreditNoteStatus, Debtor, Invoice


def issue_on_invoice(invoice: Invoice, actor: Actor, form: CreditNoteForm) -> str:
    about: dict[str, Any] = {"invoice_id": invoice.pk, "currency": invoice.currency}
    try:
        return _issued(credit_notes.issue(invoice.account, actor, **about, **form.cleaned_data))
    except Refused as refusal:
        if refusal.code != "above_balance":
            raise
        text = _("The balance is only %(balance)s. Tick the box to make the rest the debtor's credit.")
        balance = money.display(invoice.balance, invoice.currency)
        raise Refused(refusal.field, refusal.code, text % {"balance": balance}) from refusal


def issue_to_debtor(debtor: Debtor, actor: Actor, form: DebtorCreditNoteForm) -> str:
    return _issued(credit_notes.issue(debtor.account, actor, debtor_id=debtor.pk, **form.cleaned_data))


def _issued(note: CreditNote) -> str:
    values = {"number": note.number, "amount": money.display(note.amount, note.currency)}
    return _("Credit note %(number)s of %(amount)s was recorded.") % values


@admin.register(CreditNote)
class CreditNoteAdmin(OwnRowsAdmin):
    """Credit notes. They are issued on the page of an invoice or of a debtor."""

    empty_text = _lazy(
        "There are no credit notes. Issue one on the page of an invoice, or on the page of a debtor under “More”."
    )
    list_display = ("date", "number", "debtor_link", "amount_shown", "applied_shown", "credit_shown", "status_shown")
    list_filter = (("date", RangeDateFilter), *choices("status"), OwnCurrencyFilter)
    list_select_related = ("debtor", "invoice")
    ordering = ("-created_at", "-id")
    search_fields = ("number", "debtor__name", "debtor__company", "invoice__invoice_number")
    search_help_text = _lazy("Number, name, company or invoice number")
    export_columns = (
        *("number", "date", exact("amount"), "currency", exact("open", "unallocated"), "status"),
        *(("invoice_number", "invoice__invoice_number"), ("debtor_name", "debtor__name")),
        *(("debtor_company", "debtor__company"), "created_at", "id"),
    )
    fields = readonly_fields = (
        *("number", "date", "debtor_link", "invoice_link", "amount_shown", "applied_shown", "credit_shown"),
        *("status_shown", "created_at"),
    )
    actions_detail = ("void",)

    @row_action(
        _lazy("Void (recorded by mistake)"),
        icon="undo",
        form=VoidCreditNoteForm,
        fits=lambda note: note.status == CreditNoteStatus.STANDING,
        intro=_lazy(
            "For a credit note that was recorded by mistake. Its invoices return to their previous state,"
            " and no case is opened."
        ),
        is_grave=True,
    )
    def void(self, note: CreditNote, actor: Actor, form: VoidCreditNoteForm) -> str:
        credit_notes.void(note.account, note.pk, actor, **form.cleaned_data)
        return _("The credit note was voided. No messages about its invoices are sent before the next working day.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditNote]:
        return with_paid_invoices(super().get_queryset(request), "credit_note")

    @display(description=_lazy("Debtor"), ordering="debtor__name")
    def debtor_link(self, note: CreditNote) -> str:
        return link(reverse("admin:invoices_debtor_change", args=[note.debtor_id]), note.debtor)

    @display(description=_lazy("Invoice"))
    def invoice_link(self, note: CreditNote) -> str:
        if note.invoice is None:
            return "–"
        return link(reverse("admin:invoices_invoice_change", args=[note.invoice_id]), note.invoice)

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, note: CreditNote) -> str:
        return amount(note.amount, note.currency)

    @display(description=_lazy("Applied to"))
    def applied_shown(self, note: CreditNote) -> str:
        return paid_invoices(note)

    @display(description=_lazy("Unapplied credit"), ordering="unallocated")
    def credit_shown(self, note: CreditNote) -> str:
        return amount(note.unallocated, note.currency) if note.unallocated else "–"

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, note: CreditNote) -> str:
        status = CreditNoteStatus(note.status)
        return badge(status.label, "success" if status == CreditNoteStatus.STANDING else "warning")
