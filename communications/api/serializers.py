import datetime as dt
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from communications.content import template_language
from communications.models import Kind, Medium, State, StepKind
from inflow.accounts.models import Language
from inflow.api.fields import (
    BooleanField,
    ChoiceField,
    IntegerQueryField,
    MomentField,
    StrictSerializer,
    TextField,
    error_of,
)
from inflow.api.pagination import PageQuery


class CommunicationQuery(PageQuery):
    """GET /api/zapier/communications. By default, messages that were sent. `status` selects others, or `all`."""

    status = serializers.ChoiceField(choices=[*State.values, "all"], required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    channel = serializers.ChoiceField(choices=Medium.choices, required=False)
    sent_after = MomentField(required=False)


class ForecastQuery(PageQuery):
    """GET /api/zapier/forecast."""

    days = IntegerQueryField(min_value=1, max_value=90, default=30)


class ClockIn(StrictSerializer):
    """POST /api/zapier/test/clock."""

    now = MomentField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not 1970 < attrs["now"].astimezone(dt.UTC).year < 2999:
            raise error_of("now", "out_of_range", "The time must be between 1971 and 2998.")
        return attrs


class PageLinkIn(StrictSerializer):
    """POST /api/zapier/invoices/:id/page-link: optionally the language of the page."""

    blank_is_absent = True

    language = ChoiceField(choices=Language.choices, required=False)


@extend_schema_serializer(component_name="PageLink")
class PageLinkOut(serializers.Serializer[Any]):
    """The response of `PageLinkViewSet`."""

    url = serializers.CharField(help_text="Anyone who has it can act as the debtor.")
    language = serializers.ChoiceField(choices=Language.choices)
    expires_at = serializers.DateTimeField(help_text="Earlier if the debtor's links are revoked in the dashboard.")


@extend_schema_serializer(component_name="Leap")
class LeapOut(serializers.Serializer[Any]):
    """A test account's clock, and what the last call to move it did."""

    now = serializers.DateTimeField()
    sent = serializers.IntegerField(help_text="Number of messages. One message may be about several invoices.")
    escalated = serializers.IntegerField()


class ClockStatus(models.TextChoices):
    SET = "set"
    ADVANCING = "advancing"
    STOPPED = "stopped"


@extend_schema_serializer(component_name="TestClock")
class ClockOut(LeapOut):
    """A test account's clock and its progress."""

    status = serializers.ChoiceField(
        choices=ClockStatus.choices,
        help_text="`advancing` while the work due before `advancing_to` is being done; `stopped` if that failed: move "
        "the clock again.",
    )
    advancing_to = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(component_name="ForecastEntry")
class ForecastEntryOut(serializers.Serializer[Any]):
    """An entry of `forecast.forecast`."""

    invoice_id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    scheduled_for = serializers.DateTimeField()
    channel = serializers.ChoiceField(choices=Medium.choices, allow_null=True, help_text="Null for a call.")
    step = serializers.IntegerField(
        allow_null=True, help_text="Days from the due date. Null for a one-off message, such as a thank-you."
    )
    kind = serializers.ChoiceField(
        choices=[*Kind.choices, (StepKind.CALL.value, StepKind.CALL.label)], help_text="call: a call that staff make."
    )
    recipient = serializers.CharField(allow_null=True)
    suppressed_reason = serializers.CharField(allow_null=True, help_text="Why it would not be sent.")


class SendIn(StrictSerializer):
    """Request of POST /api/zapier/invoices/:id/send. Everything is optional."""

    blank_is_absent = True

    kind = ChoiceField(choices=[Kind.MANUAL, Kind.STATEMENT, Kind.PROMISE_FOLLOWUP, Kind.THANK_YOU], required=False)
    channel = ChoiceField(choices=Medium.choices, required=False)
    language = ChoiceField(choices=Language.choices, required=False)
    subject = TextField(
        max_length=template_language.SUBJECT_LIMIT,
        required=False,
        help_text="The subject of an email with your own text.",
    )
    text = TextField(
        max_length=template_language.LIMITS[Medium.EMAIL],
        required=False,
        help_text="Your own text. Variables of message templates are allowed.",
    )
    may_wait = BooleanField(
        default=False, help_text="Schedule it for the next allowed time if it can't be sent now. Otherwise 422."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        text, kind = attrs.get("text", ""), attrs.get("kind", Kind.MANUAL)
        if (text or attrs.get("subject")) and kind != Kind.MANUAL:
            raise error_of(
                "text",
                "does_not_fit",
                _("Your own subject and text need the kind manual: send it, or leave subject and text out."),
            )
        return attrs


@extend_schema_serializer(component_name="Copy")
class CopyOut(serializers.Serializer[Any]):
    """One recipient's copy of a message."""

    recipient = serializers.CharField()
    status = serializers.ChoiceField(choices=State.choices)
    sent_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="Communication")
class CommunicationOut(serializers.Serializer[Any]):
    """The result of `representation.of_row`."""

    id = serializers.UUIDField()
    message_id = serializers.UUIDField(help_text="Shared by all invoices of one message.")
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
    copies = CopyOut(many=True, help_text="One for each recipient, once sending has begun.")
