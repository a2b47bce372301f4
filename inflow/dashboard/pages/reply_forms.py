"""Forms with which a person handles a reply."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from communications.inbound import replies
from inflow.dashboard.core.forms import DayField, PageForm
from inflow.dashboard.pages.forms import OnceForm, invoice_choice, plain
from invoices import lifecycle


class InvoicesForm(PageForm):
    """About which of the debtor's open invoices. The one that was written about is chosen."""

    invoices = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["invoices"]
        assert isinstance(field, forms.MultipleChoiceField)
        found = list(replies.open_invoices(self.row))
        field.choices = [(str(invoice.pk), invoice_choice(invoice)) for invoice in found]
        about = {invoice.pk for invoice in found} & {self.row.invoice_id}
        field.initial = [str(pk) for pk in about or {invoice.pk for invoice in found[:1]}]


class PromiseForm(InvoicesForm):
    promised_on = DayField(label=_lazy("Day of the payment"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["promised_on"].initial = self.row.promised_on


class DisputeForm(InvoicesForm):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=1000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].initial = self.row.text[:1000]


class HoldForm(InvoicesForm):
    hold_until = DayField(help_text=_lazy("Reminders continue on the day after."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hold_until"].initial = self.row.account.today() + lifecycle.DEFAULT_HOLD


class PaidForm(OnceForm):
    invoice = forms.ChoiceField()
    amount = forms.DecimalField(max_digits=15, decimal_places=3)
    paid_at = DayField(label=_lazy("Day the money came"))
    reference = forms.CharField(max_length=100, required=False, help_text=_lazy("The bank's or the cheque's number."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["invoice"]
        assert isinstance(field, forms.ChoiceField)
        found = list(replies.open_invoices(self.row))
        field.choices = [(str(invoice.pk), invoice_choice(invoice)) for invoice in found]
        about = next((invoice for invoice in found if invoice.pk == self.row.invoice_id), found[0] if found else None)
        if about:
            field.initial = str(about.pk)
            amount = about.balance if self.row.amount is None else self.row.amount
            self.fields["amount"].initial = plain(amount, about.currency)
        self.fields["paid_at"].initial = self.row.paid_on or self.row.account.today()
        self.fields["reference"].initial = self.row.reference
