from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from communications.models import Kind, Medium, State
from inflow.accounts.models import Language
from inflow.api.fields import MomentField
from inflow.api.pagination import PageQuery


class CommunicationQuery(PageQuery):
    """GET /api/zapier/communications. What left us, unless `status` says otherwise; `all` is everything."""

    status = serializers.ChoiceField(choices=[*State.values, "all"], required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    channel = serializers.ChoiceField(choices=Medium.choices, required=False)
    sent_after = MomentField(required=False)


@extend_schema_serializer(component_name="Communication")
class CommunicationOut(serializers.Serializer[Any]):
    """What `representation.of_row` writes."""

    id = serializers.UUIDField()
    message_id = serializers.UUIDField(help_text="Shared by the invoices of one message.")
    invoice_id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    channel = serializers.ChoiceField(choices=Medium.choices)
    status = serializers.ChoiceField(choices=State.choices)
    suppressed_reason = serializers.CharField(allow_null=True)
    recipient = serializers.CharField(allow_null=True)
    language = serializers.ChoiceField(choices=Language.choices)
    subject = serializers.CharField(allow_null=True)
    body = serializers.CharField(allow_null=True)
    step = serializers.IntegerField(allow_null=True, help_text="Days from the due date.")
    scheduled_for = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    error = serializers.CharField(allow_null=True)
