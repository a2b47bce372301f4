"""The dashboard's pages of what a person works through: cases, promises and the ledger."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter
from unfold.decorators import display

from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge, bdi, moment, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages import imports
from inflow.dashboard.pages.forms import METHODS, OptionalReasonForm, ResolveForm, UndoForm, refusals_on
from invoices import lifecycle, money
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.debtors import receivables
from invoices.models import CaseStatus, Escalation, Payment, Promise, PromiseStatus, ReceiptStatus, Status
from invoices.models.imports import Kind
from invoices.writing import Refused

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
    search_help_text = _lazy("Invoice number, name or company")

    @display(description=_lazy("Invoice"), ordering="invoice__invoice_number")
    def invoice_link(self, row: Any) -> str:
        url = reverse("admin:invoices_invoice_change", args=[row.invoice_id])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, row.invoice)

    @display(description=_lazy("Debtor"), ordering="invoice__debtor_name")
    def debtor_shown(self, row: Any) -> str:
        return two_lines(row.invoice.debtor_name, row.invoice.debtor_company)

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, row: Any) -> str:
        return bdi(money.display(row.amount, row.invoice.currency))


class CurrencyFilter(DropdownFilter):
    """By the currency of the row's invoice."""

    title, parameter_name = _lazy("currency"), "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = model_admin.get_queryset(request).order_by("invoice__currency")
        return [(code, code) for code in own.values_list("invoice__currency", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(invoice__currency=self.value()) if self.value() else queryset


# --- Cases -------------------------------------------------------------------------------------------------------


class AssignForm(PageForm):
    assignee = forms.ModelChoiceField(User.objects.none(), required=False, empty_label=_lazy("Nobody"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["assignee"]
        assert isinstance(choice, forms.ModelChoiceField)
        members = User.objects.filter(account=self.row.account_id, is_active=True).exclude(role=Role.VIEWER)
        choice.queryset, choice.initial = members.order_by("email"), getattr(self.row, "assignee_id", None)


def _change(case: Escalation, actor: Actor, form: PageForm, **asked: Any) -> None:
    with refusals_on(form):
        cases.change(case.account, case.pk, actor, CaseChange(**asked))


def _take(case: Escalation, actor: Actor, form: PageForm) -> str:
    is_member = User.objects.filter(account=case.account_id, email=actor.name).exists()
    _change(case, actor, form, status=CaseStatus.ACKNOWLEDGED, assignee=actor.name if is_member else None)
    return _("The case is yours.") if is_member else _("The case is being worked on.")


def _assign(case: Escalation, actor: Actor, form: AssignForm) -> str:
    member = form.cleaned_data["assignee"]
    _change(case, actor, form, assignee=member.email if member else "")
    return _("The case is %(member)s's.") % {"member": member} if member else _("The case is nobody's.")


def _resolve(case: Escalation, actor: Actor, form: ResolveForm) -> str:
    said = {name: form.cleaned_data.get(name) or None for name in ("resolution", "hold_until", "promised_on", "notes")}
    _change(case, actor, form, status=CaseStatus.RESOLVED, **said)
    return _("The case is resolved.")


class WhoseFilter(DropdownFilter):
    title, parameter_name = _lazy("whose"), "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("mine", _("Mine")), ("nobodys", _("Nobody's")), ("waiting", _("Mine or nobody's"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Escalation]) -> QuerySet[Escalation]:
        mine, nobodys = queryset.filter(assignee=person(request)), queryset.filter(assignee=None)
        return {"mine": mine, "nobodys": nobodys, "waiting": mine | nobodys}.get(str(self.value()), queryset)


class CaseStatusFilter(DropdownFilter):
    title, parameter_name = _lazy("status"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        return [("unresolved", _("Not resolved")), *CaseStatus.choices]

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
    take = row_action(
        _lazy("Take it"),
        _take,
        needs=Role.AGENT,
        icon="front_hand",
        fits=lambda case: case.status == CaseStatus.OPEN,
        intro=format_lazy(
            _lazy("You are working on it. The invoice is on hold for {days} days."), days=cases.ACKNOWLEDGED_HOLDS_DAYS
        ),
        is_primary=True,
    )
    resolve = row_action(
        _lazy("Resolve"),
        _resolve,
        needs=Role.AGENT,
        icon="task_alt",
        form=ResolveForm,
        fits=lambda case: case.status != CaseStatus.RESOLVED,
        intro=_lazy("An open invoice needs a way on. To give it up, write it off on its own page."),
    )
    assign = row_action(
        _lazy("Assign"),
        _assign,
        needs=Role.AGENT,
        icon="person_add",
        form=AssignForm,
        fits=lambda case: case.status != CaseStatus.RESOLVED,
    )

    @display(description=_lazy("Balance"))
    def balance_shown(self, case: Escalation) -> str:
        return bdi(money.display(case.invoice.balance, case.invoice.currency))

    @display(description=_lazy("Level"), ordering="level")
    def level_shown(self, case: Escalation) -> str:
        return badge(_("Level %(level)s") % {"level": case.level}, "danger" if case.level > 1 else "warning")

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, case: Escalation) -> str:
        return badge(case.get_status_display(), CASE_BADGES[CaseStatus(case.status)])

    @display(description=_lazy("Opened"), ordering="opened_at")
    def opened(self, case: Escalation) -> str:
        return moment(case.opened_at)


# --- Promises ----------------------------------------------------------------------------------------------------


def _withdraw(promise: Promise, actor: Actor, form: OptionalReasonForm) -> str:
    with refusals_on(form):
        if promise.status != PromiseStatus.OPEN:
            raise Refused("status", "illegal_transition", _("The promise is not open any more."))
        lifecycle.change(
            promise.account, promise.invoice_id, actor, status=Status.NEW, reason=form.cleaned_data["reason"]
        )
    return _("The promise is withdrawn: invoice %(number)s is chased again.") % {"number": promise.invoice}


@admin.register(Promise)
class PromiseAdmin(AboutInvoice):
    """What debtors said they would pay, and whether they did."""

    list_display = (
        "invoice_link",
        "debtor_shown",
        "amount_shown",
        "left_shown",
        "promised_on",
        "hold_until",
        "status_shown",
    )
    list_filter = (("status", ChoicesDropdownFilter), ("promised_on", RangeDateFilter), CurrencyFilter)
    ordering = ("-promised_on", "-id")
    fields = ("invoice_link", "amount_shown", "promised_on", "hold_until", "status_shown", "created_at")
    readonly_fields = ("invoice_link", "amount_shown", "status_shown")
    actions_detail = ("withdraw",)
    withdraw = row_action(
        _lazy("Withdraw"),
        _withdraw,
        needs=Role.AGENT,
        icon="undo",
        form=OptionalReasonForm,
        fits=lambda promise: promise.status == PromiseStatus.OPEN,
        intro=_lazy("The debtor takes it back, or it was never given: the invoice is chased again from now on."),
    )

    @display(description=_lazy("Still to come"))
    def left_shown(self, promise: Promise) -> str:
        if promise.status != PromiseStatus.OPEN:
            return "–"
        return bdi(money.display(receivables.promised(promise), promise.invoice.currency))

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, promise: Promise) -> str:
        return badge(promise.get_status_display(), PROMISE_BADGES.get(PromiseStatus(promise.status), ""))


# --- Payments ----------------------------------------------------------------------------------------------------


def _void(payment: Payment, actor: Actor, form: UndoForm) -> str:
    with refusals_on(form):
        lifecycle.void_payment(payment.account, payment.pk, actor, **form.cleaned_data)
    return _("The payment was voided. No messages about its invoices are sent before the next working day.")


def _reverse(payment: Payment, actor: Actor, form: UndoForm) -> str:
    with refusals_on(form):
        lifecycle.reverse_payment(payment.account, None, payment.pk, actor, **form.cleaned_data)
    return _("The payment was reversed. No messages about its invoices are sent before the next working day.")


def _stands(payment: Payment) -> bool:
    return payment.amount > 0 and payment.status == ReceiptStatus.STANDING


@admin.register(Payment)
class PaymentAdmin(AboutInvoice):
    """The ledger: money that came in, and its voids and reversals."""

    list_display = (
        "paid_at",
        "invoice_link",
        "debtor_shown",
        "amount_shown",
        "method_shown",
        "reference",
        "status_shown",
    )
    list_filter = (("paid_at", RangeDateFilter), ("status", ChoicesDropdownFilter), CurrencyFilter)
    ordering = ("-paid_at", "-created_at", "-id")
    search_fields = (*AboutInvoice.search_fields, "reference")
    search_help_text = _lazy("Invoice number, name, company or reference")
    fields = (
        "invoice_link",
        "amount_shown",
        "credit_shown",
        "paid_at",
        "method_shown",
        "reference",
        "status_shown",
        "created_at",
    )
    readonly_fields = ("invoice_link", "amount_shown", "credit_shown", "method_shown", "status_shown")
    actions_detail = ("void", "reverse")
    void = row_action(
        _lazy("Undo (recorded by mistake)"),
        _void,
        needs=Role.AGENT,
        icon="undo",
        form=UndoForm,
        fits=_stands,
        intro=_lazy(
            "For a payment that was recorded by mistake. Its invoices return to their previous state,"
            " and no case is opened."
        ),
        is_grave=True,
    )
    reverse = row_action(
        _lazy("Reverse (bank took it back)"),
        _reverse,
        needs=Role.AGENT,
        icon="money_off",
        form=UndoForm,
        fits=_stands,
        intro=_lazy(
            "For a bounced cheque or a returned transfer. Its invoices become outstanding again, and a case is opened."
        ),
        is_grave=True,
    )

    def import_url(self, request: HttpRequest) -> str | None:
        return imports.import_url(person(request), Kind.PAYMENTS)

    @display(description=_lazy("Method"))
    def method_shown(self, payment: Payment) -> str:
        return payment_method(payment)

    @display(description=_lazy("Credit"))
    def credit_shown(self, payment: Payment) -> str:
        return bdi(money.display(payment.unallocated, payment.currency)) if payment.unallocated else "–"

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, payment: Payment) -> str:
        return payment_status(payment)


def payment_method(payment: Payment) -> str:
    method = str(METHODS.get(payment.method) or payment.method.replace("_", " ").capitalize())
    if not payment.reversal_of_id:
        return method
    said = _("%(method)s, voided") if payment.status == ReceiptStatus.VOIDED else _("%(method)s, reversed")
    return said % {"method": method}


def payment_status(payment: Payment) -> str:
    status = ReceiptStatus(payment.status)
    return badge(status.label, "success" if status == ReceiptStatus.STANDING else "warning")
