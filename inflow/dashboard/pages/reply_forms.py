"""Forms with which a person handles a reply."""

from django import forms
from django.utils.translation import gettext_lazy as _lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from communications.inbound import replies
from inflow.dashboard.core.forms import AmountField, DayField, PageForm, TextField
from inflow.dashboard.pages.forms import OnceForm, invoice_label, plain
from invoices import lifecycle
from invoices.models import Invoice


def _offer_invoices(form: PageForm, name: str) -> Invoice | None:
    """Offer the debtor's open invoices. Return the one that the reply is about, else the first."""
    found = list(replies.open_invoices(form.row))
    form.set_choices(name, [(str(invoice.pk), invoice_label(invoice)) for invoice in found])
    return next((invoice for invoice in found if invoice.pk == form.row.invoice_id), found[0] if found else None)


class InvoicesForm(PageForm):
    """A choice of the debtor's open invoices. The one that the reply is about is selected."""

    invoices = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def prepare(self) -> None:
        about = _offer_invoices(self, "invoices")
        self.fields["invoices"].initial = [str(about.pk)] if about else []


class PromiseForm(InvoicesForm):
    promised_on = DayField(label=_lazy("Promised payment date"))
    from_row = ("promised_on",)


class DisputeForm(InvoicesForm):
    reason = TextField()

    def prepare(self) -> None:
        super().prepare()
        self.fields["reason"].initial = self.row.text[:1000]


class HoldForm(InvoicesForm):
    hold_until = DayField(help_text=_lazy("Reminders resume on the following day."))

    def prepare(self) -> None:
        super().prepare()
        self.fields["hold_until"].initial = self.row.account.today() + lifecycle.DEFAULT_HOLD


class PaidForm(OnceForm):
    invoice = forms.ChoiceField()
    amount = AmountField()
    paid_at = DayField(label=_lazy("Payment date"))
    reference = forms.CharField(max_length=100, required=False, help_text=_lazy("Bank reference or cheque number."))
    from_row = ("reference",)

    def prepare(self) -> None:
        super().prepare()
        if about := _offer_invoices(self, "invoice"):
            self.fields["invoice"].initial = str(about.pk)
            amount = about.balance if self.row.amount is None else self.row.amount
            self.fields["amount"].initial = plain(amount, about.currency)
        self.fields["paid_at"].initial = self.row.paid_on or self.row.account.today()
