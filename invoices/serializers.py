"""What a caller may say of an invoice, and nothing else."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from rest_framework import serializers

from inflow.accounts.models import Account, Language
from inflow.api.fields import (
    ChoiceField,
    ChoicesField,
    DateField,
    FlagField,
    MomentField,
    MoneyField,
    StrictSerializer,
    TextField,
    UUIDField,
    error_of,
)
from inflow.api.pagination import PageQuery
from invoices import debtors, money, representation
from invoices.lifecycle import NewInvoice
from invoices.models import InvoiceQuerySet, PaymentStatus, Status


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
                raise error_of(name, "out_of_range", "A date from 1970 to 2999 is needed.")
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


class PaymentIn(StrictSerializer):
    """POST /api/zapier/invoices/:id/payments: an amount, or `reversal_of` alone."""

    read_only_names = frozenset({"id", "created_at"})

    amount = MoneyField(required=False)
    paid_at = DateField(required=False, allow_null=True)
    method = TextField(max_length=40, required=False)
    reference = TextField(max_length=100, allow_blank=True, required=False)
    reversal_of = UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "reversal_of" in attrs and len(attrs) > 1:
            raise error_of(
                "reversal_of", "not_alone", "reversal_of stands alone: a reversal takes the payment's amount."
            )
        if not attrs.keys() & {"reversal_of", "amount"}:
            raise error_of("amount", "required", "amount is required.")
        return attrs


class PaymentQuery(PageQuery):
    """GET /api/zapier/invoices/:id/payments."""


class InvoiceQuery(PageQuery):
    """GET /api/zapier/invoices."""

    status = ChoicesField(Status.values, required=False)
    payment_status = ChoicesField(PaymentStatus.values, required=False)
    is_overdue = FlagField(required=False)
    currency = serializers.ChoiceField(choices=sorted(money.EXPONENTS), required=False)
    invoice_number = serializers.CharField(max_length=64, required=False, trim_whitespace=False)
    debtor_email = serializers.CharField(max_length=254, required=False)
    due_before = DateField(required=False)
    due_after = DateField(required=False)
    created_after = MomentField(required=False)
    updated_after = MomentField(required=False)
    q = serializers.CharField(max_length=200, required=False)

    @staticmethod
    def apply(query: Mapping[str, Any], invoices: InvoiceQuerySet, today: dt.date) -> InvoiceQuerySet:
        """Narrow `invoices` to what was asked for. `today` is the account's."""
        exact = {lookup: query[name] for name, lookup in _LOOKUPS.items() if name in query}
        invoices = invoices.filter(**exact)
        if "is_overdue" in query:
            invoices = invoices.past_due(on=today) if query["is_overdue"] else invoices.not_past_due(on=today)
        if "q" in query:
            beginning = Q()
            for name in ("invoice_number", "debtor_name", "debtor_company", "debtor_email"):
                beginning |= Q(**{f"{name}__istartswith": query["q"]})
            invoices = invoices.filter(beginning)
        return invoices


_LOOKUPS = {
    "status": "status__in",
    "payment_status": "payment_status__in",
    "currency": "currency",
    "invoice_number": "invoice_number",
    "debtor_email": "debtor_email__iexact",
    "due_before": "due_date__lt",
    "due_after": "due_date__gt",
    "created_after": "created_at__gt",
    "updated_after": "updated_at__gt",
}
