"""What a caller may say of an invoice, and nothing else."""

from typing import Any

from rest_framework import serializers

from inflow.accounts.models import Account, Language
from inflow.api.fields import ChoiceField, DateField, MoneyField, StrictSerializer, TextField
from inflow.api.pagination import PageQuery
from invoices import debtors, money, representation
from invoices.lifecycle import NewInvoice
from invoices.models import PaymentStatus, Status


class InvoiceIn(StrictSerializer):
    """POST /api/zapier/invoices. `context["account"]` is whose invoice it is."""

    read_only_names = frozenset(representation.FIELDS)

    invoice_number = TextField(max_length=64)
    debtor_name = TextField(max_length=200)
    debtor_company = TextField(max_length=200, allow_blank=True, required=False)
    debtor_email = TextField(max_length=254, allow_blank=True, required=False)
    debtor_phone = TextField(max_length=40, allow_blank=True, required=False)
    amount = MoneyField()
    currency = TextField(max_length=3)
    issue_date = DateField(required=False, allow_null=True)
    due_date = DateField()
    language = ChoiceField(choices=Language.choices, required=False, allow_null=True)
    notes = TextField(max_length=10_000, allow_blank=True, required=False)
    amount_paid = MoneyField(required=False)

    def validate_currency(self, value: str) -> str:
        if value not in money.EXPONENTS:
            raise serializers.ValidationError("An ISO 4217 code is needed, such as AED.", "unknown_currency")
        return value

    def validate_debtor_email(self, value: str) -> str:
        return serializers.EmailField().run_validation(value) if value else ""

    def validate_debtor_phone(self, value: str) -> str:
        account: Account = self.context["account"]
        try:
            return debtors.normalise_phone(value, account.country) if value else ""
        except debtors.BadPhone as error:
            raise serializers.ValidationError(
                "A phone number is needed, with its country code: +971501234567.", "bad_phone"
            ) from error

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("issue_date", "due_date"):
            date = attrs.get(name)
            if date and not 1970 <= date.year <= 2999:
                raise serializers.ValidationError(
                    {name: [serializers.ErrorDetail("A date from 1970 to 2999 is needed.", "out_of_range")]}
                )
        return attrs

    def new_invoice(self) -> NewInvoice:
        return NewInvoice(**self.validated_data)


class InvoicePatch(StrictSerializer):
    """PATCH /api/zapier/invoices/:id."""

    read_only_names = frozenset(representation.FIELDS)

    status = ChoiceField(choices=Status.choices, required=False)
    payment_status = ChoiceField(choices=PaymentStatus.choices, required=False)
    notes = TextField(max_length=10_000, allow_blank=True, required=False)
    hold_until = DateField(required=False)


class InvoiceQuery(PageQuery):
    """GET /api/zapier/invoices."""

    status = serializers.CharField(required=False, max_length=200)

    def validate_status(self, value: str) -> list[str]:
        labels = value.split(",")
        for label in labels:
            if label not in Status.values:
                raise serializers.ValidationError(
                    f"{label} is no status. They are: {', '.join(Status.values)}.", "unknown_status"
                )
        return labels
