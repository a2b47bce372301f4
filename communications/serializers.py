from rest_framework import serializers

from communications.models import Kind, Medium, State
from inflow.api.pagination import PageQuery


class CommunicationQuery(PageQuery):
    """GET /api/zapier/communications. What left us, unless `status` says otherwise; `all` is everything."""

    status = serializers.ChoiceField(choices=[*State.values, "all"], required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    channel = serializers.ChoiceField(choices=Medium.choices, required=False)
    sent_after = serializers.DateTimeField(required=False)
