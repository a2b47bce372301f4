"""The dashboard's pages of invoices and debtors. What changes an invoice goes through `lifecycle`, as everywhere."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from inflow.accounts import pages
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from inflow.accounts.scoping import OwnRowsAdmin, RowsInside, actor, person, rows_of
from invoices import lifecycle, money
from invoices.derivation import days_overdue
from invoices.forms import (
    DebtorForm,
    HoldForm,
    InvoiceForm,
    NotesForm,
    OptionalReasonForm,
    PaymentForm,
    ReasonForm,
)
from invoices.lifecycle import Refused
from invoices.models import OPEN, Debtor, Invoice, Payment, PaymentStatus, Status, TimelineEntry

STATUS_BADGES = {
    Status.NEW: "info",
    Status.OVERDUE: "danger",
    Status.ON_HOLD: "warning",
    Status.DISPUTED: "warning",
    Status.PAID: "success",
}
PAYMENT_BADGES = {PaymentStatus.PARTIALLY_PAID: "warning", PaymentStatus.PAID: "success"}


def past_due(user: User) -> Q:
    """The invoices past their due date, among those the person sees: on each account's own date."""
    if not user.is_superuser:
        assert user.account is not None
        return Q(status__in=OPEN, due_date__lt=user.account.today())
    wanted = Q(pk__in=[])
    zones: dict[dt.date, list[str]] = {}
    for name in Account.objects.order_by().values_list("time_zone", flat=True).distinct():
        zones.setdefault(Account(time_zone=name).today(), []).append(name)
    for today, names in zones.items():
        wanted |= Q(account__time_zone__in=names, due_date__lt=today)
    return wanted & Q(status__in=OPEN)


def status_badge(invoice: Invoice) -> str:
    return pages.badge(invoice.get_status_display(), STATUS_BADGES.get(Status(invoice.status), ""))


def payment_badge(invoice: Invoice) -> str:
    status = PaymentStatus(invoice.payment_status)
    return pages.badge(invoice.get_payment_status_display(), PAYMENT_BADGES.get(status, ""))


def late(invoice: Invoice) -> int:
    return days_overdue(invoice.status, invoice.due_date, invoice.account.today())


@contextmanager
def _refusals_on(form: pages.PageForm) -> Iterator[None]:
    """What the lifecycle refuses is said on the form."""
    try:
        yield
    except Refused as refusal:
        message = refusal.message
        raise ValidationError({refusal.field: message} if refusal.field in form.fields else message) from refusal


# --- What is then done -------------------------------------------------------------------------------------------


def _record_payment(invoice: Invoice, actor: Actor, form: PaymentForm) -> str:
    with _refusals_on(form):
        payment = lifecycle.record_payment(invoice.account, invoice.pk, actor, **form.cleaned_data)
    return f"A payment of {money.display(payment.amount, invoice.currency)} is recorded."


def _dispute(invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
    return _to(Status.DISPUTED, invoice, actor, form, "is disputed: nothing is sent until it is resumed.")


def _hold(invoice: Invoice, actor: Actor, form: HoldForm) -> str:
    until = form.cleaned_data["hold_until"]
    return _to(Status.ON_HOLD, invoice, actor, form, f"is on hold until {until:%-d %B %Y}.", hold_until=until)


def _resume(invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
    return _to(Status.NEW, invoice, actor, form, "is chased again.")


def _write_off(invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
    with _refusals_on(form):
        lifecycle.write_off(invoice.account, invoice.pk, actor, reason=form.cleaned_data["reason"])
    return f"Invoice {invoice} is written off."


def _cancel(invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
    return _to(Status.CANCELLED, invoice, actor, form, "is cancelled.")


def _note(invoice: Invoice, actor: Actor, form: NotesForm) -> str:
    with _refusals_on(form):
        lifecycle.change(invoice.account, invoice.pk, actor, notes=form.cleaned_data["notes"])
    return "The notes are kept."


def _to(
    status: Status,
    invoice: Invoice,
    actor: Actor,
    form: pages.PageForm,
    said: str,
    *,
    hold_until: dt.date | None = None,
) -> str:
    reason = form.cleaned_data["reason"]
    with _refusals_on(form):
        lifecycle.change(invoice.account, invoice.pk, actor, status=status, hold_until=hold_until, reason=reason)
    return f"Invoice {invoice} {said}"


# --- Invoices ----------------------------------------------------------------------------------------------------


class DueFilter(DropdownFilter):
    title, parameter_name = "due", "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("past", "Past due"), ("later", "Open, not past due")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        if self.value() == "past":
            return queryset.filter(past_due(person(request)))
        if self.value() == "later":
            return queryset.filter(status__in=OPEN).exclude(past_due(person(request)))
        return queryset.filter(status__in=OPEN) if self.value() == "open" else queryset


class CurrencyFilter(DropdownFilter):
    title, parameter_name = "currency", "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = rows_of(person(request), Invoice.objects.order_by("currency"))
        return [(code, code) for code in own.values_list("currency", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        return queryset.filter(currency=self.value()) if self.value() else queryset


class PaymentInline(RowsInside):
    model = Payment
    fields = readonly_fields = ("paid_at", "amount_shown", "method_shown", "reference", "created_at")

    @display(description="Amount")
    def amount_shown(self, payment: Payment) -> str:
        return pages.bdi(money.display(payment.amount, payment.invoice.currency))

    @display(description="Method")
    def method_shown(self, payment: Payment) -> str:
        method = payment.method.replace("_", " ").capitalize()
        return f"{method}, reversed" if payment.reversal_of_id else method


class TimelineInline(RowsInside):
    model = TimelineEntry
    template = "admin/invoices/timeline.html"
    fields = ()
    ordering = ("-at", "-id")


@admin.register(Invoice)
class InvoiceAdmin(OwnRowsAdmin):
    """The work list and the case file. A row is never saved here: the verbs below change it."""

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
    list_fullwidth = True
    search_fields = ("invoice_number", "debtor_name", "debtor_company", "debtor_email")
    search_help_text = "Number, name, company or email"
    ordering = ("-created_at", "-id")
    fields = ()
    # The rooms above add theirs: messages come from communications.
    inlines: ClassVar[list[type[RowsInside]]] = [PaymentInline, TimelineInline]

    actions_detail = (
        "record_payment",
        {"title": "More", "items": ["hold", "dispute", "resume", "note", "write_off", "cancel"]},
    )
    record_payment = pages.verb(
        "Record payment",
        _record_payment,
        needs=Role.AGENT,
        icon="payments",
        form=PaymentForm,
        fits=lambda invoice: invoice.is_open or invoice.status == Status.WRITTEN_OFF,
        intro="The ledger is append-only. More than the balance is kept as the debtor's credit.",
        is_primary=True,
    )
    hold = pages.verb(
        "Put on hold",
        _hold,
        needs=Role.AGENT,
        icon="pause_circle",
        form=HoldForm,
        fits=lambda invoice: invoice.is_open,
        intro="Nothing is sent while an invoice is on hold.",
    )
    dispute = pages.verb(
        "Mark as disputed",
        _dispute,
        needs=Role.AGENT,
        icon="gavel",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open and invoice.status != Status.DISPUTED,
        intro="The debtor contests this invoice. Nothing is sent until it is resumed.",
    )
    resume = pages.verb(
        "Resume",
        _resume,
        needs=Role.AGENT,
        icon="play_circle",
        form=OptionalReasonForm,
        fits=lambda invoice: invoice.status in (Status.ON_HOLD, Status.DISPUTED),
        intro="Ends the hold or the dispute: the invoice is new or overdue again, as its due date says.",
    )
    note = pages.verb("Edit notes", _note, needs=Role.AGENT, icon="edit_note", form=NotesForm)
    write_off = pages.verb(
        "Write off",
        _write_off,
        needs=Role.MANAGER,
        icon="money_off",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open,
        intro="Gives the money up and stops all messages. A later payment still makes it paid.",
        is_grave=True,
    )
    cancel = pages.verb(
        "Cancel invoice",
        _cancel,
        needs=Role.MANAGER,
        icon="cancel",
        form=ReasonForm,
        fits=lambda invoice: invoice.is_open or invoice.status == Status.WRITTEN_OFF,
        intro="For an invoice that should not exist. This can't be undone.",
        is_grave=True,
    )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = InvoiceForm(request.POST if request.method == "POST" else None, person=person(request))

        def create() -> HttpResponse:
            assert form.account is not None
            with _refusals_on(form):
                invoice = lifecycle.create(form.account, form.new, actor(request))
            messages.success(request, f"Invoice {invoice} is registered.")
            return HttpResponseRedirect(self.url("change", invoice.pk))

        return pages.form_page(
            self, request, form, create, title="Register an invoice", button="Register", back=self.url("changelist")
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        invoice = self.get_object(request, object_id)
        case = {
            "status": status_badge(invoice),
            "payment": payment_badge(invoice),
            "balance": money.display(invoice.balance, invoice.currency),
            "amount": money.display(invoice.amount, invoice.currency),
            "paid": money.display(invoice.amount_paid, invoice.currency),
            "late": late(invoice),
            "debtor_url": reverse("admin:invoices_debtor_change", args=[invoice.debtor_id]),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "case": case})

    @display(description="Number", ordering="invoice_number")
    def number(self, invoice: Invoice) -> str:
        return pages.bdi(invoice.invoice_number)

    @display(description="Debtor", ordering="debtor_name")
    def debtor_shown(self, invoice: Invoice) -> str:
        return pages.two_lines(invoice.debtor_name, invoice.debtor_company)

    @display(description="Amount", ordering="amount")
    def amount_shown(self, invoice: Invoice) -> str:
        return pages.bdi(money.display(invoice.amount, invoice.currency))

    @display(description="Balance")
    def balance_shown(self, invoice: Invoice) -> str:
        return pages.bdi(money.display(invoice.balance, invoice.currency)) if invoice.balance else "–"

    @display(description="Status", ordering="status")
    def status_shown(self, invoice: Invoice) -> str:
        if invoice.payment_status == PaymentStatus.PARTIALLY_PAID:
            return format_html("{} {}", status_badge(invoice), payment_badge(invoice))
        return status_badge(invoice)

    @display(description="Due", ordering="due_date")
    def due_shown(self, invoice: Invoice) -> str:
        days = late(invoice)
        return pages.two_lines(
            date_format(invoice.due_date), f"{days} day{'' if days == 1 else 's'} late" if days else ""
        )

    @display(description="Last contact", ordering="last_contacted_at")
    def last_contact(self, invoice: Invoice) -> str:
        return pages.moment(invoice.last_contacted_at)

    @display(description="Next contact", ordering="next_contact_at")
    def next_contact(self, invoice: Invoice) -> str:
        return pages.moment(invoice.next_contact_at)


# --- Debtors -----------------------------------------------------------------------------------------------------


class InvoiceInline(RowsInside):
    model = Invoice
    fields = readonly_fields = ("number", "amount_shown", "balance_shown", "status_shown", "due_date", "late_shown")
    ordering = ("-due_date",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return super().get_queryset(request).select_related("account")

    @display(description="Number")
    def number(self, invoice: Invoice) -> str:
        url = reverse("admin:invoices_invoice_change", args=[invoice.pk])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, invoice.invoice_number)

    @display(description="Amount")
    def amount_shown(self, invoice: Invoice) -> str:
        return pages.bdi(money.display(invoice.amount, invoice.currency))

    @display(description="Balance")
    def balance_shown(self, invoice: Invoice) -> str:
        return pages.bdi(money.display(invoice.balance, invoice.currency))

    @display(description="Status")
    def status_shown(self, invoice: Invoice) -> str:
        return status_badge(invoice)

    @display(description="Days late")
    def late_shown(self, invoice: Invoice) -> str:
        return str(late(invoice) or "–")


@admin.register(Debtor)
class DebtorAdmin(OwnRowsAdmin):
    """Who owes. A correction here is written to from then on; an invoice keeps the name it came with."""

    changes = Role.AGENT
    form = DebtorForm
    ordering = ("name", "pk")
    list_display = ("name", "company", "email", "phone", "open_invoices", "created_at")
    search_fields = ("name", "company", "email", "phone")
    fields = (("name", "company"), ("email", "phone"), "language", ("time_zone", "country", "subdivision"))
    inlines: ClassVar[list[type[RowsInside]]] = [InvoiceInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Debtor]:
        still_open = Count("invoices", filter=Q(invoices__status__in=OPEN))
        return super().get_queryset(request).annotate(still_open=still_open)

    @display(description="Open invoices", ordering="still_open")
    def open_invoices(self, debtor: Any) -> str:
        return str(debtor.still_open or "–")


from invoices import calendar_admin  # noqa: E402, F401  (registers its page)
