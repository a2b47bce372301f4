"""The dashboard's pages of what a person works through: cases, promises and the ledger."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter
from unfold.decorators import display

from inflow.accounts import pages
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.accounts.scoping import OwnRowsAdmin, person
from invoices import cases, import_admin, lifecycle, money
from invoices.cases import CaseChange
from invoices.forms import ResolveForm, refusals_on
from invoices.imports.models import Kind
from invoices.models import CaseStatus, Escalation, Payment, Promise, PromiseStatus

CASE_BADGES = {CaseStatus.OPEN: "danger", CaseStatus.ACKNOWLEDGED: "warning", CaseStatus.RESOLVED: "success"}
PROMISE_BADGES = {PromiseStatus.OPEN: "info", PromiseStatus.KEPT: "success", PromiseStatus.BROKEN: "danger"}


class AboutInvoice(OwnRowsAdmin):
    """Rows that belong to an invoice: each list leads to its case file."""

    list_select_related: ClassVar[tuple[str, ...]] = ("invoice",)
    search_fields: ClassVar[tuple[str, ...]] = (
        "invoice__invoice_number",
        "invoice__debtor_name",
        "invoice__debtor_company",
    )
    search_help_text = "Invoice number, name or company"

    @display(description="Invoice", ordering="invoice__invoice_number")
    def invoice_link(self, row: Any) -> str:
        url = reverse("admin:invoices_invoice_change", args=[row.invoice_id])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, row.invoice)

    @display(description="Debtor", ordering="invoice__debtor_name")
    def debtor_shown(self, row: Any) -> str:
        return pages.two_lines(row.invoice.debtor_name, row.invoice.debtor_company)

    @display(description="Amount", ordering="amount")
    def amount_shown(self, row: Any) -> str:
        return pages.bdi(money.display(row.amount, row.invoice.currency))


class CurrencyFilter(DropdownFilter):
    """By the currency of the row's invoice."""

    title, parameter_name = "currency", "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = model_admin.get_queryset(request).order_by("invoice__currency")
        return [(code, code) for code in own.values_list("invoice__currency", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(invoice__currency=self.value()) if self.value() else queryset


# --- Cases -------------------------------------------------------------------------------------------------------


class AssignForm(pages.PageForm):
    assignee = forms.ModelChoiceField(User.objects.none(), required=False, empty_label="Nobody")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["assignee"]
        assert isinstance(choice, forms.ModelChoiceField)
        members = User.objects.filter(account=self.row.account_id, is_active=True).exclude(role=Role.VIEWER)
        choice.queryset, choice.initial = members.order_by("email"), self.row.assignee_id


def _change(case: Escalation, actor: Actor, form: pages.PageForm, **asked: Any) -> None:
    with refusals_on(form):
        cases.change(case.account, case.pk, actor, CaseChange(**asked))


def _take(case: Escalation, actor: Actor, form: pages.PageForm) -> str:
    is_member = User.objects.filter(account=case.account_id, email=actor.name).exists()
    _change(case, actor, form, status=CaseStatus.ACKNOWLEDGED, assignee=actor.name if is_member else None)
    return "The case is yours." if is_member else "The case is being worked on."


def _assign(case: Escalation, actor: Actor, form: AssignForm) -> str:
    member = form.cleaned_data["assignee"]
    _change(case, actor, form, assignee=member.email if member else "")
    return f"The case is {member}'s." if member else "The case is nobody's."


def _resolve(case: Escalation, actor: Actor, form: ResolveForm) -> str:
    said = {name: form.cleaned_data[name] or None for name in ("resolution", "hold_until", "promised_on", "notes")}
    _change(case, actor, form, status=CaseStatus.RESOLVED, **said)
    return "The case is resolved."


class WhoseFilter(DropdownFilter):
    title, parameter_name = "whose", "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("mine", "Mine"), ("nobodys", "Nobody's"), ("waiting", "Mine or nobody's")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Escalation]) -> QuerySet[Escalation]:
        mine, nobodys = queryset.filter(assignee=person(request)), queryset.filter(assignee=None)
        return {"mine": mine, "nobodys": nobodys, "waiting": mine | nobodys}.get(str(self.value()), queryset)


class CaseStatusFilter(DropdownFilter):
    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unresolved", "Not resolved"), *CaseStatus.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Escalation]) -> QuerySet[Escalation]:
        if self.value() == "unresolved":
            return queryset.exclude(status=CaseStatus.RESOLVED)
        return queryset.filter(status=self.value()) if self.value() in CaseStatus.values else queryset


@admin.register(Escalation)
class EscalationAdmin(AboutInvoice):
    """Where a person was called in. What is done about it goes through `cases`."""

    list_display = (
        "invoice_link",
        "debtor_shown",
        "balance_shown",
        "level_shown",
        "reason",
        "status_shown",
        "assignee",
        "opened",
    )
    list_filter = (CaseStatusFilter, WhoseFilter, "level", ("reason", ChoicesDropdownFilter))
    list_select_related = ("invoice", "assignee")
    ordering = ("-opened_at", "-id")
    fields = (
        "invoice_link",
        "level",
        "reason",
        "status",
        "assignee",
        "resolution",
        "notes",
        "opened_at",
        "resolved_at",
    )
    readonly_fields = ("invoice_link",)

    actions_detail = ("take", "resolve", "assign")
    take = pages.verb(
        "Take it",
        _take,
        needs=Role.AGENT,
        icon="front_hand",
        fits=lambda case: case.status == CaseStatus.OPEN,
        intro=f"You are working on it. The invoice is on hold for {cases.ACKNOWLEDGED_HOLDS_DAYS} days.",
        is_primary=True,
    )
    resolve = pages.verb(
        "Resolve",
        _resolve,
        needs=Role.AGENT,
        icon="task_alt",
        form=ResolveForm,
        fits=lambda case: case.status != CaseStatus.RESOLVED,
        intro="An open invoice needs a way on. To give it up, write it off on its own page.",
    )
    assign = pages.verb(
        "Assign",
        _assign,
        needs=Role.AGENT,
        icon="person_add",
        form=AssignForm,
        fits=lambda case: case.status != CaseStatus.RESOLVED,
    )

    @display(description="Balance")
    def balance_shown(self, case: Escalation) -> str:
        return pages.bdi(money.display(case.invoice.balance, case.invoice.currency))

    @display(description="Level", ordering="level")
    def level_shown(self, case: Escalation) -> str:
        return pages.badge(f"Level {case.level}", "danger" if case.level > 1 else "warning")

    @display(description="Status", ordering="status")
    def status_shown(self, case: Escalation) -> str:
        return pages.badge(case.get_status_display(), CASE_BADGES[CaseStatus(case.status)])

    @display(description="Opened", ordering="opened_at")
    def opened(self, case: Escalation) -> str:
        return pages.moment(case.opened_at)


# --- Promises ----------------------------------------------------------------------------------------------------


@admin.register(Promise)
class PromiseAdmin(AboutInvoice):
    """What debtors said they would pay, and whether they did."""

    list_display = ("invoice_link", "debtor_shown", "amount_shown", "promised_on", "hold_until", "status_shown")
    list_filter = (("status", ChoicesDropdownFilter), ("promised_on", RangeDateFilter), CurrencyFilter)
    ordering = ("-promised_on", "-id")
    fields = ("invoice", "amount", "promised_on", "hold_until", "status", "created_at")

    @display(description="Status", ordering="status")
    def status_shown(self, promise: Promise) -> str:
        return pages.badge(promise.get_status_display(), PROMISE_BADGES.get(PromiseStatus(promise.status), ""))


# --- Payments ----------------------------------------------------------------------------------------------------


def _reverse(payment: Payment, actor: Actor, form: pages.PageForm) -> str:
    with refusals_on(form):
        lifecycle.reverse_payment(payment.account, payment.invoice_id, payment.pk, actor)
    return f"The payment is reversed: invoice {payment.invoice} is owed again."


@admin.register(Payment)
class PaymentAdmin(AboutInvoice):
    """The ledger: what came in, and what was taken back."""

    list_display = ("paid_at", "invoice_link", "debtor_shown", "amount_shown", "method_shown", "reference")
    list_filter = (("paid_at", RangeDateFilter), CurrencyFilter)
    ordering = ("-paid_at", "-created_at", "-id")
    search_fields = (*AboutInvoice.search_fields, "reference")
    search_help_text = "Invoice number, name, company or reference"
    fields = ("invoice_link", "amount_shown", "paid_at", "method_shown", "reference", "created_at")
    readonly_fields = ("invoice_link", "amount_shown", "method_shown")
    actions_detail = ("reverse",)
    reverse = pages.verb(
        "Reverse",
        _reverse,
        needs=Role.AGENT,
        icon="undo",
        fits=lambda payment: payment.amount > 0 and not hasattr(payment, "reversal"),
        intro="For a cheque that bounced or money that was sent back. The invoice is owed again, and a case is opened.",
        is_grave=True,
    )

    def import_url(self, request: HttpRequest) -> str | None:
        return import_admin.import_url(person(request), Kind.PAYMENTS)

    @display(description="Method")
    def method_shown(self, payment: Payment) -> str:
        return payment_method(payment)


def payment_method(payment: Payment) -> str:
    method = payment.method.replace("_", " ").capitalize()
    return f"{method}, reversed" if payment.reversal_of_id else method
