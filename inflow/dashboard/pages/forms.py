"""Forms about invoices and debtors."""

import functools
import operator
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from rest_framework import exceptions

from inflow.accounts.models import Language, known_time_zone
from inflow.dashboard.core.forms import DayField, OwnAccountForm, PageForm
from invoices import ledger, money
from invoices.api.serializers import InvoiceIn
from invoices.debtors import debtor_parties, debtors
from invoices.lifecycle import DEFAULT_HOLD, NewInvoice
from invoices.models import Debtor, Invoice, Resolution
from invoices.writing import Refused

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

METHODS = {
    "bank_transfer": _lazy("Bank transfer"),
    "cheque": _lazy("Cheque"),
    "card": _lazy("Card"),
    "cash": _lazy("Cash"),
    "unspecified": _lazy("Other"),
    "manual": _lazy("By hand"),
    "opening": _lazy("Paid before"),
}


class InvoiceForm(OwnAccountForm):
    """A new invoice, under the same rules as the API's."""

    invoice_number = forms.CharField(max_length=64)
    debtor_name = forms.CharField(max_length=200)
    debtor_company = forms.CharField(max_length=200, required=False)
    debtor_email = forms.EmailField(required=False)
    debtor_phone = forms.CharField(
        max_length=40, required=False, help_text=_lazy("With its country code: +971501234567.")
    )
    amount = forms.DecimalField(max_digits=15, decimal_places=3)
    currency = forms.ChoiceField(choices=[(code, code) for code in sorted(money.EXPONENTS)], initial="AED")
    issue_date = DayField(required=False, help_text=_lazy("Empty: today, or the due date if that is earlier."))
    due_date = DayField()
    language = forms.ChoiceField(
        choices=[("", _lazy("The account's")), *Language.choices],
        required=False,
        help_text=_lazy("Of the messages to the debtor."),
    )
    amount_paid = forms.DecimalField(
        max_digits=15, decimal_places=3, required=False, min_value=0, label=_lazy("Paid already")
    )
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=10_000, required=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.account is None or self.errors:
            return data
        said = {name: _as_said(value) for name, value in data.items() if name != "account_choice" and value}
        try:
            self.new = NewInvoice(**InvoiceIn.checked(said, account=self.account))
        except exceptions.ValidationError as refusal:
            details: Any = refusal.detail
            raise ValidationError({name: [*map(str, errors)] for name, errors in details.items()}) from refusal
        return data


@contextmanager
def refusals_on(form: PageForm) -> Iterator[None]:
    """Show on the form what the domain refuses."""
    try:
        yield
    except Refused as refusal:
        message = refusal.message
        raise ValidationError({refusal.field: message} if refusal.field in form.fields else message) from refusal


class ReasonForm(PageForm):
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=1000, help_text=_lazy("Shown on the timeline.")
    )


class OptionalReasonForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = False


class HoldForm(OptionalReasonForm):
    hold_until = DayField(help_text=_lazy("Reminders continue on the day after."))
    field_order = ("hold_until", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hold_until"].initial = self.row.hold_until or self.row.account.today() + DEFAULT_HOLD


class OnceForm(PageForm):
    """A form that moves money. Its key makes it act once, however often it is submitted."""

    key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = uuid.uuid4()

    def clean_key(self) -> uuid.UUID:
        key: uuid.UUID | None = self.cleaned_data["key"]
        return key or uuid.uuid4()


class PaymentForm(OnceForm):
    amount = forms.DecimalField(max_digits=15, decimal_places=3)
    paid_at = DayField(label=_lazy("Day the money came"))
    method = forms.ChoiceField(
        choices=[(name, METHODS[name]) for name in ("bank_transfer", "cheque", "card", "cash", "unspecified")]
    )
    reference = forms.CharField(max_length=100, required=False, help_text=_lazy("The bank's or the cheque's number."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_amount(self.fields["amount"], self.row)
        self.fields["paid_at"].initial = self.row.account.today()

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        return _about(self.row)


class CreditForm(OnceForm):
    """Pay an invoice from its debtor's credit."""

    amount = forms.DecimalField(max_digits=15, decimal_places=3)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field, invoice = self.fields["amount"], self.row
        self.credit = ledger.credit_for(invoice).get(invoice.currency, Decimal(0))
        _ask_amount(field, invoice)
        field.initial = plain(min(self.credit, invoice.balance), invoice.currency)

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        return [(_("Unapplied credit"), money.display(self.credit, self.row.currency)), *_about(self.row)]


class DebtorCreditForm(OnceForm):
    """Pay one of a debtor's open invoices from the credit in its currency: the oldest is proposed."""

    invoice = forms.ModelChoiceField(Invoice.objects.none(), empty_label=None)
    amount = forms.DecimalField(
        max_digits=15,
        decimal_places=3,
        required=False,
        help_text=_lazy("Leave empty to apply as much as possible."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.credit = ledger.credit_of([self.row.pk]).get(self.row.pk, {})
        choice = self.fields["invoice"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = payable_by_credit(self.row)
        choice.label_from_instance = invoice_choice  # type: ignore[method-assign,assignment]
        if oldest := choice.queryset.first():
            choice.initial = oldest.pk
            amount = min(ledger.credit_for(oldest)[oldest.currency], oldest.balance)
            self.fields["amount"].initial = plain(amount, oldest.currency)
        if self.is_bound:  # submitted again, the invoice may be paid: the key tells what was applied
            choice.queryset = Invoice.objects.filter(debtor=self.row)

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        return [(_("Unapplied credit"), money.display(amount, code)) for code, amount in sorted(self.credit.items())]


def payable_by_credit(debtor: Debtor) -> QuerySet[Invoice]:
    """Return the debtor's open invoices that its credit can pay, the oldest first: in the currency of the credit, and
    of the party that has it."""
    invoices: QuerySet[Invoice] = Invoice.objects.none()
    if ledger.unapplied().filter(debtor=debtor).exists():
        payable = [
            Q(currency__in=list(credit)) & (Q() if party.is_only else Q(party__in=party.keys))
            for party in debtor_parties.of(debtor)
            if (credit := ledger.credit_of_party(party))
        ]
        invoices = Invoice.objects.filter(functools.reduce(operator.or_, payable, Q(pk=None)), debtor=debtor).open()
    return invoices.order_by("due_date", "issue_date", "invoice_number")


def invoice_choice(invoice: Invoice) -> str:
    said = _("%(invoice)s, %(balance)s, due %(day)s")
    return said % {
        "invoice": invoice.invoice_number,
        "balance": money.display(invoice.balance, invoice.currency),
        "day": date_format(invoice.due_date),
    }


class UndoForm(OnceForm):
    """Undo a payment: shows what it was and which invoices it reopens."""

    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=1000,
        required=False,
        help_text=_lazy("Shown on the timeline."),
    )

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        payment = self.row
        facts: list[tuple[StrOrPromise, str]] = [
            (_("Amount"), money.display(payment.amount, payment.currency)),
            (_("Paid on"), date_format(payment.paid_at)),
        ]
        if payment.reference:
            facts.append((_("Reference"), payment.reference))
        if payment.invoice:
            facts += _about(payment.invoice)
        reopened = ledger.reopened_by(payment.receipt)
        owed = ", ".join(
            f"{invoice.invoice_number} ({money.display(share, invoice.currency)})" for invoice, share in reopened
        )
        return [*facts, (_("Outstanding again"), owed or _("None: the payment is not applied to an invoice."))]


class PromiseForm(OptionalReasonForm):
    promised_on = DayField(label=_lazy("Day of the promise"), help_text=_lazy("Two working days later it is broken."))
    amount = forms.DecimalField(max_digits=15, decimal_places=3)
    field_order = ("promised_on", "amount", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_amount(self.fields["amount"], self.row)


class EscalateForm(PageForm):
    notes = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=1000, help_text=_lazy("What the next person should know.")
    )


class DueDateForm(ReasonForm):
    due_date = DayField(help_text=_lazy("A date that is seven or more days later restarts the reminder schedule."))
    field_order = ("due_date", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["due_date"].initial = self.row.due_date


class ResolveForm(PageForm):
    resolution = forms.ChoiceField(
        choices=[(each.value, each.label) for each in (Resolution.LADDER, Resolution.PROMISE, Resolution.HOLD)],
        label=_lazy("What becomes of the invoice"),
    )
    promised_on = DayField(required=False, label=_lazy("Promised for"), help_text=_lazy("With a promise: the day."))
    hold_until = DayField(required=False, help_text=_lazy("With a hold. Empty: 30 days."))
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=10_000, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["notes"].initial = self.row.notes
        if not self.row.invoice.is_open:
            for name in ("resolution", "promised_on", "hold_until"):
                del self.fields[name]


class NotesForm(PageForm):
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 8}), max_length=10_000, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["notes"].initial = self.row.notes


class DebtorForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Debtor
        fields = ("name", "company", "email", "phone", "language", "time_zone", "country", "subdivision")

    def clean_email(self) -> str:
        return debtors.normalise_email(self.cleaned_data["email"])

    def clean_phone(self) -> str:
        phone: str = self.cleaned_data["phone"]
        try:
            return phone and debtors.normalise_phone(phone, self.instance.account.country)
        except debtors.InvalidPhone as error:
            raise ValidationError(_("A phone number is needed, with its country code: +971501234567.")) from error

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
            raise ValidationError(_("Two letters of ISO 3166 are needed, such as AE."))
        return country

    def clean_subdivision(self) -> str:
        subdivision: str = self.cleaned_data["subdivision"]
        if subdivision and self.cleaned_data.get("country") not in ("", subdivision[:2], None):
            raise ValidationError(_("It must lie in the country."))
        return subdivision

    def clean_time_zone(self) -> str:
        zone: str = self.cleaned_data["time_zone"]
        if zone:
            known_time_zone(zone)
        return zone


def _about(invoice: Invoice) -> "list[tuple[StrOrPromise, str]]":
    name = f"{invoice.debtor_name}, {invoice.debtor_company}" if invoice.debtor_company else invoice.debtor_name
    return [(_("Invoice"), invoice.invoice_number), (_("Debtor"), name)]


def _ask_amount(field: forms.Field, invoice: Invoice) -> None:
    """Ask for an amount in the invoice's currency, at first its whole balance."""
    field.label = _("Amount in %(currency)s") % {"currency": invoice.currency}
    field.initial = plain(invoice.balance, invoice.currency)


def plain(amount: Decimal, currency: str) -> str:
    """Return the amount as the value of an input."""
    return f"{amount:.{money.EXPONENTS.get(currency, 2)}f}"


def _as_said(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
