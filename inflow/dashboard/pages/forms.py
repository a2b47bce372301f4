"""Forms about invoices and debtors."""

import functools
import operator
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from rest_framework import exceptions
from unfold.widgets import UnfoldAdminTextInputWidget

from communications.models import CallOutcome, ReminderPolicy
from communications.schedule import policies, policy_rules
from inflow import places
from inflow.accounts.models import Language, known_time_zone
from inflow.canonical import canonical
from inflow.dashboard.core.forms import AmountField, DayField, OwnAccountForm, PageForm, TextField
from invoices import ledger, money
from invoices.api.debtor_serializers import MAX_TAGS
from invoices.api.serializers import InvoiceIn
from invoices.debtors import debtor_parties, debtors
from invoices.lifecycle import DEFAULT_HOLD, NewInvoice
from invoices.models import Debtor, Invoice, Payment, Resolution
from invoices.models.invoices import MAX_TAG

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

METHODS = {
    "bank_transfer": _lazy("Bank transfer"),
    "cheque": _lazy("Cheque"),
    "card": _lazy("Card"),
    "cash": _lazy("Cash"),
    "unspecified": _lazy("Other"),
    "manual": _lazy("Manual"),
    "opening": _lazy("Paid before registration"),
}


class TagsField(forms.CharField):
    """Tags, separated by commas."""

    def __init__(self, **kwargs: Any) -> None:
        defaults: dict[str, Any] = {"required": False, "max_length": 1_000, "help_text": _lazy("Separated by commas.")}
        super().__init__(**defaults | kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        tags = [*dict.fromkeys(filter(None, map(canonical, super().clean(value).split(","))))]
        if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in tags):
            message = _("At most %(most)d tags of %(length)d characters are possible.")
            raise ValidationError(message % {"most": MAX_TAGS, "length": MAX_TAG})
        return tags

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial or []) != data)


class InvoiceForm(OwnAccountForm):
    """A new invoice, under the same rules as in the API."""

    invoice_number = forms.CharField(max_length=64)
    debtor_name = forms.CharField(max_length=200)
    debtor_company = forms.CharField(max_length=200, required=False)
    debtor_email = forms.EmailField(required=False)
    debtor_phone = forms.CharField(
        max_length=40, required=False, help_text=_lazy("With the country code, such as +971501234567.")
    )
    amount = AmountField()
    currency = forms.ChoiceField(choices=[(code, code) for code in sorted(money.EXPONENTS)], initial="AED")
    issue_date = DayField(required=False, help_text=_lazy("If empty, the earlier of today and the due date is used."))
    due_date = DayField()
    language = forms.ChoiceField(
        choices=[("", _lazy("Language of the account")), *Language.choices],
        required=False,
        help_text=_lazy("Language of the messages to the debtor."),
    )
    amount_paid = AmountField(required=False, min_value=0, label=_lazy("Amount already paid"))
    purchase_order = forms.CharField(max_length=100, required=False)
    payment_url = forms.CharField(
        max_length=2_000,
        required=False,
        label=_lazy("Payment link"),
        help_text=_lazy("The page on which the debtor can pay the invoice. Its address begins with https://."),
    )
    external_id = forms.CharField(
        max_length=100, required=False, help_text=_lazy("The invoice's id in your accounting system.")
    )
    debtor_external_id = forms.CharField(
        max_length=100, required=False, help_text=_lazy("The debtor's id in your accounting system.")
    )
    tags = TagsField()
    notes = TextField(max_length=10_000, required=False)

    def clean(self) -> None:
        if self.account is None or self.errors:
            return
        data = {name: value for name, value in self.cleaned_data.items() if name != "account_choice" and value}
        values: dict[str, Any] = {
            name: f"{each:f}" if isinstance(each, Decimal) else each if isinstance(each, list) else str(each)
            for name, each in data.items()
        }
        try:
            self.new = NewInvoice(**InvoiceIn.checked(values, account=self.account))
        except exceptions.ValidationError as refusal:
            details: Any = refusal.detail
            raise ValidationError({name: list(error_texts(errors)) for name, errors in details.items()}) from refusal


def error_texts(errors: Any) -> Iterable[str]:
    """Yield the texts of a serializer's errors of one field, which may be nested."""
    for each in errors.values() if isinstance(errors, Mapping) else errors:
        if isinstance(each, str):
            yield str(each)
        else:
            yield from error_texts(each)


class ReasonForm(PageForm):
    reason = TextField(help_text=_lazy("Shown on the timeline."))


class OptionalReasonForm(ReasonForm):
    def prepare(self) -> None:
        self.fields["reason"].required = False


class HoldForm(OptionalReasonForm):
    hold_until = DayField(help_text=_lazy("Reminders resume on the following day."))
    field_order = ("hold_until", "reason")

    def prepare(self) -> None:
        super().prepare()
        self.fields["hold_until"].initial = self.row.hold_until or self.row.account.today() + DEFAULT_HOLD


class OnceForm(PageForm):
    """A form that moves money or adds something. Its key makes it act once, however often it is submitted."""

    key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def prepare(self) -> None:
        self.fields["key"].initial = uuid.uuid4()

    def clean_key(self) -> uuid.UUID:
        key: uuid.UUID | None = self.cleaned_data["key"]
        return key or uuid.uuid4()


class PaymentForm(OnceForm):
    amount = AmountField()
    paid_at = DayField(label=_lazy("Payment date"))
    method = forms.ChoiceField(
        choices=[(name, METHODS[name]) for name in ("bank_transfer", "cheque", "card", "cash", "unspecified")]
    )
    reference = forms.CharField(max_length=100, required=False, help_text=_lazy("Bank reference or cheque number."))

    def prepare(self) -> None:
        super().prepare()
        _set_amount(self.fields["amount"], self.row)
        self.fields["paid_at"].initial = self.row.account.today()

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        return _facts_of(self.row)


class CreditForm(OnceForm):
    """Applies the debtor's unapplied credit to an invoice."""

    amount = AmountField()

    def prepare(self) -> None:
        super().prepare()
        field, invoice = self.fields["amount"], self.row
        self.credit = ledger.credit_for(invoice).get(invoice.currency, Decimal(0))
        _set_amount(field, invoice)
        field.initial = plain(min(self.credit, invoice.balance), invoice.currency)

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        return [(_("Unapplied credit"), money.display(self.credit, self.row.currency)), *_facts_of(self.row)]


class DebtorCreditForm(OnceForm):
    """Applies a debtor's unapplied credit to one of its open invoices in the same currency, by default the oldest."""

    invoice = forms.ModelChoiceField(Invoice.objects.none(), empty_label=None)
    amount = AmountField(required=False, help_text=_lazy("Leave empty to apply as much as possible."))

    def prepare(self) -> None:
        super().prepare()
        self.credit = ledger.credit_of([self.row.pk]).get(self.row.pk, {})
        choice = self.fields["invoice"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = payable_by_credit(self.row)
        choice.label_from_instance = invoice_label  # type: ignore[method-assign,assignment]
        if oldest := choice.queryset.first():
            choice.initial = oldest.pk
            amount = min(ledger.credit_for(oldest)[oldest.currency], oldest.balance)
            self.fields["amount"].initial = plain(amount, oldest.currency)
        if self.is_bound:  # on a second submission the invoice may be paid; the key finds the credit that was applied
            choice.queryset = Invoice.objects.filter(debtor=self.row)

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        return [(_("Unapplied credit"), money.display(amount, code)) for code, amount in sorted(self.credit.items())]


def payable_by_credit(debtor: Debtor) -> QuerySet[Invoice]:
    """Return the debtor's open invoices that its credit can pay, the oldest first: those in the currency of the credit
    and of the party that has it."""
    invoices: QuerySet[Invoice] = Invoice.objects.none()
    if ledger.unapplied().filter(debtor=debtor).exists():
        payable = [
            Q(currency__in=list(credit)) & (Q() if party.is_only else Q(party__in=party.keys))
            for party in debtor_parties.of(debtor)
            if (credit := ledger.credit_of_party(party))
        ]
        invoices = Invoice.objects.filter(functools.reduce(operator.or_, payable, Q(pk=None)), debtor=debtor).open()
    return invoices.order_by("due_date", "issue_date", "invoice_number")


def invoice_label(invoice: Invoice) -> str:
    return _("%(invoice)s, %(balance)s, due %(day)s") % {
        "invoice": invoice.invoice_number,
        "balance": money.display(invoice.balance, invoice.currency),
        "day": date_format(invoice.due_date),
    }


class UndoForm(OnceForm):
    """Voids or reverses a payment. Shows the payment and the invoices that become outstanding again."""

    reason = TextField(required=False, help_text=_lazy("Shown on the timeline."))

    @property
    def payment(self) -> Payment:
        payment: Payment = self.row
        return payment

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        payment = self.payment
        facts: list[tuple[StrOrPromise, str]] = [
            (_("Amount"), money.display(payment.amount, payment.currency)),
            (_("Paid on"), date_format(payment.paid_at)),
        ]
        if payment.reference:
            facts.append((_("Reference"), payment.reference))
        if payment.invoice:
            facts += _facts_of(payment.invoice)
        reopened = ", ".join(
            f"{invoice.invoice_number} ({money.display(share, invoice.currency)})"
            for invoice, share in ledger.reopened_by(payment.receipt)
        )
        return [*facts, (_("Outstanding again"), reopened or _("None: the payment is not applied to an invoice."))]


class PromiseForm(OptionalReasonForm):
    promised_on = DayField(
        label=_lazy("Promised payment date"),
        help_text=_lazy("If the payment has not arrived two working days later, the promise counts as broken."),
    )
    amount = AmountField()
    field_order = ("promised_on", "amount", "reason")

    def prepare(self) -> None:
        super().prepare()
        _set_amount(self.fields["amount"], self.row)


class EscalateForm(PageForm):
    notes = TextField(help_text=_lazy("Information for the person who handles the case."))


class DueDateForm(ReasonForm):
    due_date = DayField(help_text=_lazy("Moving it by seven or more days restarts the reminder schedule."))
    field_order = ("due_date", "reason")
    from_row = ("due_date",)


class ResolveForm(PageForm):
    resolution = forms.ChoiceField(
        choices=[(each.value, each.label) for each in (Resolution.LADDER, Resolution.PROMISE, Resolution.HOLD)],
        label=_lazy("Next step for the invoice"),
    )
    promised_on = DayField(
        required=False, label=_lazy("Promised payment date"), help_text=_lazy("Required for a promise to pay.")
    )
    hold_until = DayField(required=False, help_text=_lazy("For a hold. If empty, 30 days from today."))
    notes = TextField(max_length=10_000, required=False)
    from_row = ("notes",)

    def prepare(self) -> None:
        if not self.row.invoice.is_open:
            for name in ("resolution", "promised_on", "hold_until"):
                del self.fields[name]


class CallForm(PageForm):
    outcome = forms.ChoiceField(choices=CallOutcome.choices)
    note = TextField(max_length=10_000, required=False)


class NotesForm(PageForm):
    notes = TextField(rows=8, max_length=10_000, required=False)
    from_row = ("notes",)


class PolicyForm(PageForm):
    """The reminder policy of one invoice."""

    policy = forms.ChoiceField()

    def prepare(self) -> None:
        own, others = policies.default_for(self.row.account), ReminderPolicy.objects.for_account(self.row.account)
        first = _("%(schedule)s (account default)") % {"schedule": own}
        if theirs := self.row.debtor.policy:
            first = _("%(schedule)s (the debtor's)") % {"schedule": theirs}
        elif chosen := policy_rules.choose(policies.rules_of(self.row.account), self.row):
            first = _("%(schedule)s (by a rule)") % {"schedule": ReminderPolicy.objects.get(pk=chosen)}
        else:
            others = others.exclude(pk=own.pk)
        choices = [
            ("own", first),
            *((str(policy.pk), str(policy)) for policy in others),
            ("none", _("None: no reminders")),
        ]
        self.set_choices("policy", choices, str(self.row.policy_id or "own") if self.row.is_chased else "none")


class NeverChaseForm(PageForm):
    reason = TextField(max_length=300, help_text=_lazy("Shown wherever a message is held back."))


class AddressedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form with an email and a phone number, which are normalised."""

    def clean_email(self) -> str:
        return debtors.normalise_email(self.cleaned_data["email"])

    def clean_phone(self) -> str:
        phone: str = self.cleaned_data["phone"]
        try:
            return phone and debtors.normalise_phone(phone, self.country)
        except debtors.InvalidPhone as error:
            raise ValidationError(_("Enter a phone number with the country code, such as +971501234567.")) from error

    @property
    def country(self) -> str:
        """The country of numbers without a country code."""
        country: str = self.instance.account.country
        return country


class DebtorForm(AddressedForm):
    tags = TagsField(
        label=_lazy("Tags"),
        required=False,
        help_text=_lazy("Separated by commas."),
        widget=UnfoldAdminTextInputWidget({"dir": "auto"}),
    )

    class Meta:
        model = Debtor
        fields = (
            *("name", "company", "email", "phone", "language", "time_zone", "country", "subdivision"),
            *("owner", "tags", "policy"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the members and the policies of the debtor's account."""
        super().__init__(*args, **kwargs)
        for name, own in (("owner", {"is_active": True}), ("policy", {})):
            field = self.fields.get(name)
            if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
                field.queryset = field.queryset.filter(account=self.instance.account_id, **own)

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country:
            places.known_country(country)
        return country

    def clean_subdivision(self) -> str:
        subdivision: str = self.cleaned_data["subdivision"]
        if subdivision and self.cleaned_data.get("country") not in ("", subdivision[:2], None):
            raise ValidationError(_("The emirate or region must be in the country."))
        return subdivision

    def clean_time_zone(self) -> str:
        zone: str = self.cleaned_data["time_zone"]
        if zone:
            known_time_zone(zone)
        return zone


def _facts_of(invoice: Invoice) -> "list[tuple[StrOrPromise, str]]":
    name = f"{invoice.debtor_name}, {invoice.debtor_company}" if invoice.debtor_company else invoice.debtor_name
    return [(_("Invoice"), invoice.invoice_number), (_("Debtor"), name)]


def _set_amount(field: forms.Field, invoice: Invoice) -> None:
    """Label the field with the invoice's currency, and propose its whole balance."""
    field.label = _("Amount in %(currency)s") % {"currency": invoice.currency}
    field.initial = plain(invoice.balance, invoice.currency)


def plain(amount: Decimal, currency: str) -> str:
    """Return the amount as the value of an input."""
    return f"{amount:.{money.EXPONENTS.get(currency, 2)}f}"
