"""Serializers of promises and notes."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow.api.fields import DateField, MoneyField, StrictSerializer, TextField
from invoices.disputes import MAX_TEXT as MAX_DISPUTE_TEXT
from invoices.models import DisputeOutcome, DisputeStatus, PromiseStatus
from invoices.notes import MAX_TEXT


class PromiseIn(StrictSerializer):
    """Request of POST /api/zapier/invoices/:id/promises."""

    blank_is_absent = True
    read_only_names = frozenset({"id", "invoice_id", "invoice_number", "hold_until", "status", "created_at"})

    promised_on = DateField()
    amount = MoneyField(positive=True, required=False)


@extend_schema_serializer(component_name="Promise")
class PromiseOut(serializers.Serializer[Any]):
    """A promise, as `representation.of_promise` writes it."""

    id = serializers.UUIDField()
    invoice_id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    promised_on = serializers.DateField()
    amount = MoneyField()
    hold_until = serializers.DateField(help_text="The last day of its grace period.")
    status = serializers.ChoiceField(choices=PromiseStatus.choices)
    created_at = serializers.DateTimeField()


class DisputeIn(StrictSerializer):
    """Request of POST /api/zapier/invoices/:id/disputes."""

    blank_is_absent = True
    read_only_names = frozenset(
        {"id", "invoice_id", "invoice_number", "owner", "status", "outcome", "answer", "opened_at", "resolved_at"}
    )

    reason = TextField(max_length=80, required=False, help_text="The English name of one of the account's reasons.")
    amount = MoneyField(positive=True, required=False, help_text="The disputed amount. Without it, the whole invoice.")
    text = TextField(max_length=MAX_DISPUTE_TEXT, required=False)
    answer_by = DateField(required=False)


@extend_schema_serializer(component_name="Dispute")
class DisputeOut(serializers.Serializer[Any]):
    """A dispute, as `representation.of_dispute` writes it."""

    id = serializers.UUIDField()
    invoice_id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    amount = MoneyField(allow_null=True, help_text="The disputed amount. Null: the whole invoice.")
    text = serializers.CharField(allow_null=True)
    owner = serializers.EmailField(allow_null=True)
    answer_by = serializers.DateField(allow_null=True)
    status = serializers.ChoiceField(choices=DisputeStatus.choices)
    outcome = serializers.ChoiceField(choices=DisputeOutcome.choices, allow_null=True)
    answer = serializers.CharField(allow_null=True, help_text="The answer that the debtor gets.")
    opened_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class NoteIn(StrictSerializer):
    """Request of POST /api/zapier/invoices/:id/notes."""

    read_only_names = frozenset({"id", "author", "created_at"})

    text = TextField(max_length=MAX_TEXT)


@extend_schema_serializer(component_name="Note")
class NoteOut(serializers.Serializer[Any]):
    """A note."""

    id = serializers.UUIDField()
    text = serializers.CharField()
    author = serializers.CharField(help_text="The email of a person, or the name of a key.")
    created_at = serializers.DateTimeField()
