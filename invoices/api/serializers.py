"""Serializers of invoices, payments, cases and their queries. Unknown fields are refused."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow.accounts.models import Account, Language
from inflow.api.fields import (
    EMAIL,
    ChoiceField,
    ChoicesField,
    DateField,
    FlagField,
    IntegerQueryField,
    MomentField,
    MoneyField,
    StrictSerializer,
    TextField,
    UUIDField,
    error_of,
)
from inflow.api.pagination import PageQuery, Part
from inflow.canonical import SHOWN, canonical
from invoices import money
from invoices.api import representation
from invoices.debtors import debtors
from invoices.models import (
    MAX_NUMBER,
    OPEN,
    CaseStatus,
    InvoiceQuerySet,
    PaymentStatus,
    Reason,
    ReceiptStatus,
    Resolution,
    Status,
)


class NumberField(TextField):
    """An invoice number in its one spelling. Spaces at the ends and characters that are not shown are left out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_NUMBER, pattern=rf"[^\x00]*{SHOWN}[^\x00]*", **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        number = canonical(super().run_validation(data))
        if not number:
            self.fail("blank")
        if len(number) > MAX_NUMBER:  # a few letters are several in the composed form
            self.fail("max_length", max_length=MAX_NUMBER)
        return number


class InvoiceIn(StrictSerializer):
    """POST /api/zapier/invoices. `context["account"]` is whose invoice it is."""

    read_only_names = frozenset(representation.FIELDS)

    invoice_number = NumberField()
    debtor_name = TextField(max_length=200)
    debtor_company = TextField(max_length=200, allow_blank=True, required=False)
    debtor_email = TextField(max_length=254, pattern=EMAIL, allow_blank=True, required=False)
    debtor_phone = TextField(max_length=40, allow_blank=True, required=False)
    amount = MoneyField(positive=True)
    currency = ChoiceField(choices=sorted(money.EXPONENTS))
    issue_date = DateField(required=False, allow_null=True)
    due_date = DateField()
    language = ChoiceField(choices=Language.choices, required=False, allow_null=True)
    notes = TextField(max_length=10_000, allow_blank=True, required=False)
    amount_paid = MoneyField(required=False)

    def validate_debtor_email(self, value: str) -> str:
        return debtors.normalise_email(value)

    def validate_debtor_phone(self, value: str) -> str:
        account: Account = self.context["account"]
        try:
            return debtors.normalise_phone(value, account.country) if value else ""
        except debtors.InvalidPhone as error:
            raise serializers.ValidationError(
                _("A phone number is needed, with its country code: +971501234567."), "bad_phone"
            ) from error


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

    amount = MoneyField(positive=True, required=False)
    paid_at = DateField(required=False, allow_null=True)
    method = TextField(max_length=40, required=False)
    reference = TextField(max_length=100, allow_blank=True, required=False)
    reversal_of = UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "reversal_of" in attrs and len(attrs) > 1:
            raise error_of(
                "reversal_of",
                "not_alone",
                _("reversal_of can't be sent with other fields: a reversal takes the payment's amount."),
            )
        if not attrs.keys() & {"reversal_of", "amount"}:
            raise error_of("amount", "required", _("amount is required."))
        return attrs


class PaymentQuery(PageQuery):
    """GET /api/zapier/invoices/:id/payments."""


class TimelineQuery(PageQuery):
    """GET /api/zapier/invoices/:id/timeline."""


class EscalationQuery(PageQuery):
    """GET /api/zapier/escalations."""

    status = ChoicesField(CaseStatus.values, required=False)
    level = IntegerQueryField(min_value=1, max_value=2, required=False)
    invoice_id = serializers.UUIDField(required=False)


class EscalationPatch(StrictSerializer):
    """PATCH /api/zapier/escalations/:id. A resolution goes with `"status": "resolved"`."""

    read_only_names = frozenset(
        {"id", "invoice_id", "invoice_number", "level", "reason", "opened_at", "created_at", "resolved_at"}
    )

    status = ChoiceField(choices=CaseStatus.choices, required=False)
    resolution = ChoiceField(choices=Resolution.choices, required=False)
    hold_until = DateField(required=False)
    promised_on = DateField(required=False)
    notes = TextField(max_length=10_000, allow_blank=True, required=False)
    assignee = TextField(max_length=254, allow_blank=True, required=False)


class InvoiceQuery(PageQuery):
    """GET /api/zapier/invoices."""

    status = ChoicesField(Status.values, required=False)
    payment_status = ChoicesField(PaymentStatus.values, required=False)
    is_overdue = FlagField(required=False)
    currency = serializers.ChoiceField(choices=sorted(money.EXPONENTS), required=False)
    invoice_number = TextField(max_length=64, required=False)
    debtor_email = TextField(max_length=254, required=False)
    due_before = DateField(required=False)
    due_after = DateField(required=False)
    created_after = MomentField(required=False)
    updated_after = MomentField(required=False)
    q = TextField(max_length=200, required=False)

    def validate_debtor_email(self, value: str) -> str:
        return debtors.normalise_email(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Compare a number as it is stored: in its one spelling. One that looks like another may still be stored as it
        came once, so the given spelling is looked for too."""
        given, search = attrs.get("invoice_number", ""), attrs.get("q", "")
        if given != canonical(given):
            attrs |= {"invoice_number": canonical(given), "spelt": given}
        if search != canonical(search):
            attrs["number_begins"] = canonical(search) or search
        return attrs

    @staticmethod
    def apply(query: Mapping[str, Any], invoices: InvoiceQuerySet, today: dt.date | None) -> list[Part]:
        """Return the requested invoices in parts without a row in common. Each has one status or payment status, so
        that an index yields its newest first. `today` is the account's; `is_overdue` needs it."""
        invoices = invoices.filter(**{lookup: query[name] for name, lookup in _LOOKUPS.items() if name in query})
        if "spelt" in query:
            invoices = invoices.filter(Q(invoice_number=query["invoice_number"]) | Q(invoice_number=query["spelt"]))
        elif "invoice_number" in query:
            invoices = invoices.filter(invoice_number=query["invoice_number"])
        if "q" in query:
            beginning = Q(invoice_number__istartswith=query.get("number_begins", query["q"]))
            for name in ("debtor_name", "debtor_company", "debtor_email"):
                beginning |= Q(**{f"{name}__istartswith": query["q"]})
            invoices = invoices.filter(beginning)
        statuses, payment_statuses = set(query.get("status", ())), set(query.get("payment_status", ()))
        if not statuses and "is_overdue" not in query:
            return [Part(invoices.filter(payment_status=one)) for one in sorted(payment_statuses)] or [Part(invoices)]
        if payment_statuses:
            invoices = invoices.filter(payment_status__in=sorted(payment_statuses))
        parts = []
        for status in sorted(statuses or Status.values):
            part = invoices.filter(status=status)
            if "is_overdue" not in query or (status not in OPEN and not query["is_overdue"]):
                parts.append(Part(part))
            elif status in OPEN:
                # The clock makes new ones overdue within a minute: few are on the other side of today.
                is_late: bool = query["is_overdue"]
                part = part.filter(due_date__lt=today) if is_late else part.filter(due_date__gte=today)
                parts.append(Part(part, is_small=status == (Status.NEW if is_late else Status.OVERDUE)))
        return parts or [Part(invoices.none())]


_LOOKUPS = {
    "currency": "currency",
    "debtor_email": "debtor_email",
    "due_before": "due_date__lt",
    "due_after": "due_date__gt",
    "created_after": "created_at__gt",
    "updated_after": "updated_at__gt",
}


@extend_schema_serializer(component_name="Invoice")
class InvoiceOut(serializers.Serializer[Any]):
    """Output of `representation.of_row`."""

    id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    debtor_name = serializers.CharField()
    debtor_company = serializers.CharField(allow_null=True)
    debtor_email = serializers.CharField(allow_null=True)
    debtor_phone = serializers.CharField(allow_null=True, help_text="E.164.")
    amount = MoneyField(help_text="In major units.")
    currency = serializers.CharField(help_text="ISO 4217.")
    status = serializers.ChoiceField(choices=Status.choices)
    payment_status = serializers.ChoiceField(choices=PaymentStatus.choices)
    issue_date = serializers.DateField()
    due_date = serializers.DateField()
    language = serializers.ChoiceField(choices=Language.choices)
    notes = serializers.CharField(allow_null=True)
    amount_paid = MoneyField(help_text="Never more than `amount`: the rest of a payment is the debtor's credit.")
    amount_credited = MoneyField(help_text="The part of `amount` that credit notes cancel.")
    balance = MoneyField(help_text="What is still owed, never below 0.")
    is_overdue = serializers.BooleanField(help_text="Open and past its due date, disputed and on hold included.")
    days_overdue = serializers.IntegerField()
    hold_until = serializers.DateField(allow_null=True)
    escalation_level = serializers.IntegerField()
    last_contacted_at = serializers.DateTimeField(allow_null=True)
    next_contact_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField(help_text="Rises with each lifecycle change; the ETag.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="Payment")
class PaymentOut(serializers.Serializer[Any]):
    """Output of `representation.of_payment_row`."""

    id = serializers.UUIDField()
    amount = MoneyField(help_text="What came in; below 0 for a void or a reversal.")
    paid_at = serializers.DateField()
    method = serializers.CharField()
    reference = serializers.CharField(allow_null=True)
    reversal_of = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(
        choices=ReceiptStatus.choices, help_text="`standing` until it is voided or reversed; an undoing has the same."
    )
    allocated = MoneyField(help_text="What of it pays this invoice now; the sum is the invoice's amount_paid.")
    unallocated = MoneyField(help_text="What of it is the debtor's credit now.")
    created_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="TimelineEntry")
class TimelineEntryOut(serializers.Serializer[Any]):
    """Output of `representation.of_timeline_row`."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    actor = serializers.CharField()
    channel = serializers.CharField()
    text = serializers.CharField(help_text="For people.")
    before = serializers.DictField()
    after = serializers.DictField()
    reason = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="Escalation")
class EscalationOut(serializers.Serializer[Any]):
    """Output of `representation.of_escalation_row`."""

    id = serializers.UUIDField()
    invoice_id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    level = serializers.IntegerField(help_text="1, or 2 for what outlasted a 1.")
    reason = serializers.ChoiceField(choices=Reason.choices)
    status = serializers.ChoiceField(choices=CaseStatus.choices)
    assignee = serializers.CharField(allow_null=True, help_text="The email of a member of the account.")
    resolution = serializers.ChoiceField(choices=Resolution.choices, allow_null=True)
    notes = serializers.CharField(allow_null=True)
    opened_at = serializers.DateTimeField(help_text="The account's time.")
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True, help_text="The account's time.")
