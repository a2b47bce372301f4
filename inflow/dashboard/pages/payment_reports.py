"""Reports of payment providers: recorded payments, and those that need a person."""

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts.actors import Actor
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import amount, badge, bdi, link, moment_column, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import record, row_action
from inflow.dashboard.pages.about_invoice import exact
from inflow.dashboard.pages.forms import ReasonForm, UndoForm
from invoices import money
from invoices.models import MAX_NUMBER, Payment, PaymentReport, ReportKind, ReportStatus
from invoices.payment_hooks import reports

_BADGES = {ReportStatus.RECORDED: "success", ReportStatus.OPEN: "warning"}


def _is_open(report: PaymentReport) -> bool:
    return report.status == ReportStatus.OPEN


def _is_recordable(report: PaymentReport) -> bool:
    return _is_open(report) and report.kind == ReportKind.PAYMENT


class RecordForm(PageForm):
    invoice_number = forms.CharField(max_length=MAX_NUMBER, label=_lazy("Invoice number"))

    def prepare(self) -> None:
        self.fields["invoice_number"].initial = self.row.invoice_number[:MAX_NUMBER]

    def facts(self) -> "list[tuple[object, str]]":  # type: ignore[override]
        report = self.row
        return [(_("Amount"), money.display(report.amount, report.currency)), (_("Reference"), report.reference or "–")]


class ReverseForm(UndoForm):
    """A form that shows the payment that the provider took back, and the invoices that become outstanding again."""

    @property
    def payment(self) -> Payment:
        payment: Payment = Payment.objects.select_related("receipt", "invoice").get(pk=self.row.receipt_id)
        return payment


@admin.register(PaymentReport)
class PaymentReportAdmin(OwnRowsAdmin):
    """Reports are recorded or dismissed by a person, and never edited."""

    list_display = ("kind", "amount_shown", "about", "state", "why", "provider", "received")
    list_filter = choices("status", "kind")
    list_select_related = ("invoice", "hook", "receipt")
    search_fields = ("invoice_number", "reference", "payment_id")
    search_help_text = _lazy("Invoice number or reference")
    export_columns = (
        *("kind", exact("amount"), "currency", "paid_on", "invoice_number", "reference", "status", "problem"),
        *("payment_id", "event_id", "created_at", "handled_by", "handled_because", "id"),
    )
    fields = (
        *("kind", "amount_shown", "paid_on", "about", "reference", "payment_id", "provider", "received"),
        *("state", "why", "payment", "handled_by", "handled_because"),
    )
    readonly_fields = fields
    actions_detail = ("record_on_invoice", "reverse_payment", "dismiss")

    @row_action(
        _lazy("Record on an invoice"),
        icon="payments",
        form=RecordForm,
        fits=_is_recordable,
        intro=_lazy("Records the payment on this invoice. Any amount above its balance becomes the debtor's credit."),
        is_primary=True,
    )
    def record_on_invoice(self, report: PaymentReport, actor: Actor, form: RecordForm) -> str:
        receipt = reports.record_on(report, form.cleaned_data["invoice_number"], actor)
        text = _("A payment of %(amount)s was recorded.")
        return text % {"amount": money.display(receipt.amount, receipt.currency)}

    @row_action(
        _lazy("Reverse the payment"),
        icon="money_off",
        form=ReverseForm,
        fits=reports.is_reversible,
        intro=_lazy("The provider took the payment back. Its invoices become outstanding again, and a case is opened."),
        is_grave=True,
        is_primary=True,
    )
    def reverse_payment(self, report: PaymentReport, actor: Actor, form: ReverseForm) -> str:
        reports.reverse(report, actor, **form.cleaned_data)
        return _("The payment was reversed. No messages about its invoices are sent before the next working day.")

    @row_action(
        _lazy("Dismiss"),
        icon="done",
        form=ReasonForm,
        fits=_is_open,
        intro=_lazy("Nothing is recorded. If the provider took a payment back, reverse it instead."),
    )
    def dismiss(self, report: PaymentReport, actor: Actor, form: ReasonForm) -> str:
        reports.dismiss(report, actor, reason=form.cleaned_data["reason"])
        record(report, actor, "paymentreport.dismissed", reason=form.cleaned_data["reason"])
        return _("The report is dismissed.")

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, report: PaymentReport) -> str:
        return amount(report.amount, report.currency)

    @display(description=_lazy("Invoice"), ordering="invoice_number")
    def about(self, report: PaymentReport) -> str:
        if report.invoice:
            return link(reverse("admin:invoices_invoice_change", args=[report.invoice_id]), report.invoice)
        return bdi(report.invoice_number or "–")

    @display(description=_lazy("Status"), ordering="status")
    def state(self, report: PaymentReport) -> str:
        status = ReportStatus(report.status)
        return badge(status.label, _BADGES.get(status, ""))

    @display(description=_lazy("Reason"), ordering="problem")
    def why(self, report: PaymentReport) -> str:
        reason = reports.reason_of(report)
        return two_lines(reason, report.detail) if reason else "–"

    @display(description=_lazy("Payment"))
    def payment(self, report: PaymentReport) -> str:
        if report.receipt_id is None:
            return "–"
        return link(reverse("admin:invoices_payment_change", args=[report.receipt_id]), _("Open the payment"))

    @display(description=_lazy("Provider"))
    def provider(self, report: PaymentReport) -> str:
        return str(report.hook)

    received = moment_column(_lazy("Received"), "created_at")
