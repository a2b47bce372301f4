"""Serializers of receipts, credit notes and their queries. Unknown fields are refused."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow.accounts.models import Account
from inflow.api.fields import (
    BooleanField,
    ChoicesField,
    DateField,
    MomentField,
    MoneyField,
    ReferenceField,
    StrictSerializer,
    TextField,
    UUIDField,
    error_of,
)
from inflow.api.pagination import PageQuery
from invoices import money
from invoices.api.invoice_fields import CurrencyField, NumberField
from invoices.api.receipt_representation import CREDIT_NOTE_COLUMNS, RECEIPT_COLUMNS
from invoices.errors import Refused
from invoices.models import MAX_NUMBER, CreditNoteStatus, Invoice, ReceiptStatus
from invoices.transfers import MAX_ALLOCATIONS

_CURRENCIES = sorted(money.EXPONENTS)


class AllocationIn(StrictSerializer):
    """Part of a receipt that pays an invoice, which is named by its number or its id."""

    blank_is_absent = True

    invoice_number = NumberField(required=False)
    invoice_id = UUIDField(required=False)
    amount = MoneyField(positive=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"invoice_number", "invoice_id"}) != 1:
            raise error_of("invoice_number", "required", _("Send either invoice_number or invoice_id."))
        return attrs


class ReceiptIn(StrictSerializer):
    """POST /api/zapier/payments."""

    blank_is_absent = True
    read_only_names = frozenset(RECEIPT_COLUMNS)

    amount = MoneyField(positive=True)
    currency = CurrencyField()
    paid_at = DateField(required=False)
    method = TextField(max_length=40, required=False)
    reference = ReferenceField(max_length=100, required=False)
    bank_id = ReferenceField(max_length=100, required=False)
    debtor_id = UUIDField(required=False)
    allocations = serializers.ListField(child=AllocationIn(), required=False, max_length=MAX_ALLOCATIONS)


class UndoIn(StrictSerializer):
    """POST that voids or reverses: nothing, or a reason."""

    blank_is_absent = True

    reason = TextField(max_length=1000, required=False)


class ApplyCreditIn(StrictSerializer):
    """POST /api/zapier/invoices/:id/apply-credit: nothing, or an amount."""

    blank_is_absent = True

    amount = MoneyField(positive=True, required=False)


class CreditNoteIn(StrictSerializer):
    """POST /api/zapier/credit-notes: against an invoice, or of a debtor."""

    blank_is_absent = True
    read_only_names = frozenset(CREDIT_NOTE_COLUMNS)

    number = NumberField()
    date = DateField(required=False)
    amount = MoneyField(positive=True)
    currency = CurrencyField()
    invoice_number = NumberField(required=False)
    invoice_id = UUIDField(required=False)
    debtor_id = UUIDField(required=False)
    open_remainder = BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("invoice_number") and attrs.get("invoice_id"):
            raise error_of("invoice_number", "not_alone", _("Send either invoice_number or invoice_id."))
        return attrs


def ids_of(account: Account, numbers: set[str], field: str) -> dict[str, uuid.UUID]:
    """Return the ids of the invoices with these numbers that are not cancelled. Raise `Refused` if one is unknown."""
    rows = Invoice.objects.for_account(account).filter(invoice_number__in=numbers, cancelled_at=None)
    found = dict(rows.values_list("invoice_number", "pk"))
    if unknown := sorted(numbers - found.keys()):
        message = _("There is no invoice with the number %(number)s that is not cancelled.")
        raise Refused(field, "unknown_invoice", message % {"number": unknown[0]})
    return found


class ReceiptQuery(PageQuery):
    """GET /api/zapier/payments."""

    status = ChoicesField(ReceiptStatus.values, required=False)
    currency = serializers.ChoiceField(choices=_CURRENCIES, required=False)
    debtor_id = UUIDField(required=False, help_text="The debtor who paid.")
    invoice_number = TextField(
        max_length=MAX_NUMBER, required=False, help_text="Payments that pay or paid the invoice with this number."
    )
    reference = TextField(max_length=100, required=False)
    bank_id = TextField(max_length=100, required=False)
    paid_before = DateField(required=False, help_text="Exclusive.")
    paid_after = DateField(required=False, help_text="Exclusive.")
    created_after = MomentField(required=False, help_text="Exclusive.")


class CreditNoteQuery(PageQuery):
    """GET /api/zapier/credit-notes."""

    status = ChoicesField(CreditNoteStatus.values, required=False)
    currency = serializers.ChoiceField(choices=_CURRENCIES, required=False)
    debtor_id = UUIDField(required=False)
    invoice_number = TextField(
        max_length=MAX_NUMBER,
        required=False,
        help_text="Credit notes issued for or applied to the invoice with this number.",
    )
    number = TextField(max_length=MAX_NUMBER, required=False)
    created_after = MomentField(required=False, help_text="Exclusive.")


@extend_schema_serializer(component_name="Allocation")
class AllocationOut(serializers.Serializer[Any]):
    """Entry of a receipt's `allocations`."""

    id = serializers.UUIDField()
    invoice_id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    amount = MoneyField()


@extend_schema_serializer(component_name="Receipt")
class ReceiptOut(serializers.Serializer[Any]):
    """Output of `receipt_representation.of_receipt_row`."""

    id = serializers.UUIDField()
    debtor_id = serializers.UUIDField(help_text="The debtor who paid.")
    amount = MoneyField()
    currency = serializers.CharField()
    paid_at = serializers.DateField()
    method = serializers.CharField()
    reference = serializers.CharField(allow_null=True)
    bank_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=ReceiptStatus.choices)
    unallocated = MoneyField(help_text="The part that is the debtor's credit now.")
    created_at = serializers.DateTimeField()
    allocations = AllocationOut(many=True, help_text="The invoices that it pays now.")


@extend_schema_serializer(component_name="CreditNote")
class CreditNoteOut(serializers.Serializer[Any]):
    """Output of `receipt_representation.of_credit_note_row`."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    date = serializers.DateField()
    amount = MoneyField()
    currency = serializers.CharField()
    debtor_id = serializers.UUIDField()
    invoice_id = serializers.UUIDField(allow_null=True, help_text="The invoice that it was issued for.")
    open = MoneyField(help_text="The part that is the debtor's credit now.")
    status = serializers.ChoiceField(choices=CreditNoteStatus.choices)
    created_at = serializers.DateTimeField()
