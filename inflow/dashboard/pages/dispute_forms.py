"""Forms about disputes."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import AmountField, DayField, PageForm, TextField
from inflow.dashboard.pages.forms import OnceForm, ReasonForm, plain
from invoices import dispute_records, disputes
from invoices.models import Dispute, Invoice


class _DisputeFields(PageForm):
    dispute_reason = forms.ChoiceField(label=_lazy("Reason"), required=False)
    amount = AmountField(
        label=_lazy("Disputed amount"),
        required=False,
        help_text=_lazy("The rest is still chased. Empty: the whole invoice is disputed, and nothing is sent."),
    )
    owner = forms.ModelChoiceField(User.objects.none(), required=False, empty_label=_lazy("Nobody"))
    answer_by = DayField(label=_lazy("Answer by"), required=False)

    def prepare_for(self, invoice: Invoice, dispute: Dispute | None) -> None:
        """Set the choices, and the values of `dispute` if there is one."""
        offered = {reason.pk: reason for reason in disputes.offered_reasons(invoice.account)}
        if dispute and dispute.reason:
            offered.setdefault(dispute.reason.pk, dispute.reason)
        choices = [("", "–"), *((pk, str(reason)) for pk, reason in offered.items())]
        self.set_choices("dispute_reason", choices, dispute.reason_id if dispute else None)
        people = self.fields["owner"]
        assert isinstance(people, forms.ModelChoiceField)
        members = User.objects.filter(account=invoice.account_id, is_active=True).exclude(role=Role.VIEWER)
        people.queryset = members.order_by("email")
        people.initial = dispute.owner_id if dispute else invoice.debtor.owner_id
        day = dispute.answer_by if dispute else invoice.account.today() + dispute_records.ANSWER_WITHIN
        self.fields["answer_by"].initial = day
        if dispute and dispute.amount is not None:
            self.fields["amount"].initial = plain(dispute.amount, invoice.currency)

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        chosen = data["dispute_reason"]
        return {
            "reason_id": int(chosen) if chosen else None,
            **{name: data[name] for name in ("amount", "owner", "answer_by")},
        }


class OpenDisputeForm(_DisputeFields, ReasonForm):
    field_order = ("dispute_reason", "amount", "reason", "owner", "answer_by")

    def prepare(self) -> None:
        super().prepare()
        self.fields["reason"].label = _lazy("Debtor's objection")
        self.prepare_for(self.row, None)


class ReviseForm(_DisputeFields):
    def prepare(self) -> None:
        self.prepare_for(self.row.invoice, self.row)


class AnswerForm(PageForm):
    answer = TextField(
        rows=6,
        max_length=disputes.MAX_TEXT,
        label=_lazy("Answer to the debtor"),
        help_text=_lazy("The debtor sees it on their page."),
    )


class OptionalAnswerForm(AnswerForm):
    def prepare(self) -> None:
        self.fields["answer"].required = False


class CreditNoteForm(OptionalAnswerForm, OnceForm):
    number = forms.CharField(max_length=64, label=_lazy("Number of the credit note"))
    amount = AmountField()
    field_order = ("number", "amount", "answer")

    def prepare(self) -> None:
        super().prepare()
        invoice = self.row.invoice
        self.fields["amount"].initial = plain(invoice.contested or invoice.balance, invoice.currency)
        OnceForm.prepare(self)


class CorrectionForm(OptionalAnswerForm):
    amount = AmountField(label=_lazy("Correct amount of the invoice"))
    field_order = ("amount", "answer")

    def prepare(self) -> None:
        super().prepare()
        invoice = self.row.invoice
        left = invoice.amount - invoice.contested
        self.fields["amount"].initial = plain(left or invoice.amount, invoice.currency)


class FileForm(PageForm):
    file = forms.FileField(
        label=_lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".pdf,.png,.jpg,.jpeg"}),
        help_text=_lazy("PDF, PNG or JPEG, at most 10 MB. The debtor can download it on their page."),
    )
