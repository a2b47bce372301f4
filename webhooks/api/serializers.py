"""Serializers of subscriptions, deliveries and events."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import orjson
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow import masking
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
from inflow.egress import targets
from inflow.egress.errors import ForbiddenTarget
from webhooks.models import ANY_EVENT, DeliveryStatus, EventType

_URL_NAMES = ("target_url", "hookUrl", "url")


class SubscriptionIn(StrictSerializer):
    """A new subscription: `target_url` (or `hookUrl` or `url`), and `event` or `events`."""

    blank_is_absent = True

    target_url = TextField(required=False, max_length=2000)
    hookUrl = TextField(required=False, max_length=2000)
    url = TextField(required=False, max_length=2000)
    event = ChoiceField(choices=EventType.choices, required=False)
    events = serializers.ListField(
        child=ChoiceField(choices=EventType.choices), required=False, allow_empty=False, min_length=1, max_length=20
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        urls = {attrs[name] for name in _URL_NAMES if name in attrs}
        if not urls:
            raise error_of("target_url", "required", "target_url is required.")
        if len(urls) > 1:
            raise error_of("target_url", "contradiction", "target_url, hookUrl and url differ: send one of them.")
        events = set(attrs.get("events", []))
        if "event" in attrs:
            if events and events != {attrs["event"]}:
                raise error_of("event", "contradiction", "event and events differ: send one of them.")
            events.add(attrs["event"])
        if not events:
            raise error_of("event", "required", "event is required.")
        url = urls.pop()
        try:
            return {"target_url": _checked(url), "events": sorted(events)}
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"target_url": error.detail}) from error


class SubscriptionPatch(StrictSerializer):
    """Body of PATCH /api/zapier/webhooks/:id."""

    read_only_names = frozenset({"id", "event", "is_active", "disabled_reason", "created_at", "secret"})

    target_url = TextField(required=False, max_length=2000)
    events = serializers.ListField(
        child=ChoiceField(choices=EventType.choices), required=False, allow_empty=False, min_length=1, max_length=20
    )
    description = TextField(required=False, max_length=200, allow_blank=True)

    def validate_target_url(self, value: str) -> str:
        return _checked(value)


def _checked(url: str) -> str:
    """Return a URL to which webhooks may be sent. Raise `ValidationError` otherwise."""
    try:
        targets.check_url(url)
    except ForbiddenTarget as error:
        raise serializers.ValidationError(str(error), "forbidden_target") from error
    return url


class ReplayIn(StrictSerializer):
    """Body of POST /api/zapier/webhooks/:id/replay."""

    since = MomentField()


class RotateIn(StrictSerializer):
    """Body of POST /api/zapier/webhooks/:id/rotate-secret, which is optional."""

    blank_is_absent = True

    revoke = BooleanField(
        default=False, help_text="Revoke the earlier secrets immediately. Otherwise each signs for 24 more hours."
    )


class EventQuery(PageQuery):
    """Query of GET /api/zapier/events. `after` is the last `seq` that the caller has received."""

    after = IntegerQueryField(min_value=0, required=False)


@extend_schema_serializer(component_name="Webhook")
class SubscriptionOut(serializers.Serializer[Any]):
    """Output of `of_subscription`."""

    id = serializers.UUIDField()
    target_url = serializers.CharField()
    event = serializers.ChoiceField(choices=EventType.choices, help_text="The first of `events`.")
    events = serializers.ListField(child=serializers.ChoiceField(choices=EventType.choices))
    description = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField()
    disabled_reason = serializers.CharField(
        allow_null=True, help_text="`gone`: the endpoint returned 410. `failing`: it has failed for 120 hours."
    )
    created_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="NewWebhook")
class NewSubscriptionOut(SubscriptionOut):
    secret = serializers.CharField(help_text="Shown only once.")


@extend_schema_serializer(component_name="Attempt")
class AttemptOut(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    ms = serializers.IntegerField(help_text="Duration in milliseconds.")
    status = serializers.IntegerField(allow_null=True, help_text="The HTTP status.")
    error = serializers.CharField(allow_null=True, help_text="Why no HTTP status was received.")


@extend_schema_serializer(component_name="Delivery")
class DeliveryOut(serializers.Serializer[Any]):
    """Output of `of_delivery_row`."""

    id = serializers.UUIDField()
    event_id = serializers.CharField()
    type = serializers.ChoiceField(choices=ANY_EVENT)
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    attempts = AttemptOut(many=True)


@extend_schema_serializer(component_name="Event")
class EventOut(serializers.Serializer[Any]):
    """Output of `of_event_row`."""

    seq = serializers.IntegerField(help_text="1, 2, 3 … in the order in which the changes became visible.")
    id = serializers.CharField()
    type = serializers.ChoiceField(choices=ANY_EVENT)
    timestamp = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment]


@extend_schema_serializer(component_name="TestEvent")
class TestEventOut(serializers.Serializer[Any]):
    event_id = serializers.CharField()


@extend_schema_serializer(component_name="Replay")
class ReplayOut(serializers.Serializer[Any]):
    deliveries = serializers.IntegerField(help_text="Number of deliveries that will be sent again.")


SUBSCRIPTION_COLUMNS = ("id", "target_url", "events", "description", "is_active", "disabled_reason", "created_at")


def of_subscription(subscription: Any) -> dict[str, Any]:
    return of_subscription_row({name: getattr(subscription, name) for name in SUBSCRIPTION_COLUMNS})


def of_subscription_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "target_url": row["target_url"],
        "event": row["events"][0],
        "events": row["events"],
        "description": row["description"] or None,
        "is_active": row["is_active"],
        "disabled_reason": row["disabled_reason"] or None,
        "created_at": row["created_at"],
    }


def of_delivery_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a delivery. `tries` holds its attempts as JSON objects."""
    return {
        "id": row["id"],
        "event_id": row["event_id"],
        "type": row["event__type"],
        "status": row["status"],
        "next_attempt_at": row["next_attempt_at"],
        "created_at": row["created_at"],
        "attempts": [
            {
                "at": dt.datetime.fromisoformat(attempt["at"]),
                "ms": attempt["ms"],
                "status": attempt["status"],
                "error": attempt["error"] or None,
            }
            for attempt in row["tries"]
        ],
    }


def of_event_row(row: Mapping[str, Any]) -> dict[str, Any]:
    body = orjson.loads(masking.mask_links(row["body"]))  # older releases stored unmasked links
    return {"seq": row["seq"]} | {name: body[name] for name in ("id", "type", "timestamp", "data")}
