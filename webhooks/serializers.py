"""Subscribing, in the words of the contract and of Zapier."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow.api.fields import ChoiceField, StrictSerializer, TextField, error_of
from webhooks import targets
from webhooks.models import EventType, Subscription

_URL_NAMES = ("target_url", "hookUrl", "url")


class SubscriptionIn(StrictSerializer):
    """`target_url` (or `hookUrl`, or `url`) and `event`, or `events` for several."""

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
            raise error_of("target_url", "contradiction", "target_url, hookUrl and url differ.")
        events = set(attrs.get("events", []))
        if "event" in attrs:
            if events and events != {attrs["event"]}:
                raise error_of("event", "contradiction", "event and events differ.")
            events.add(attrs["event"])
        if not events:
            raise error_of("event", "required", "event is required.")
        url = urls.pop()
        try:
            targets.check_form(url)
        except targets.Forbidden as error:
            raise error_of("target_url", "forbidden_target", str(error)) from error
        return {"target_url": url, "events": sorted(events)}


@extend_schema_serializer(component_name="Webhook")
class SubscriptionOut(serializers.Serializer[Any]):
    """What `of_subscription` writes."""

    id = serializers.UUIDField()
    target_url = serializers.CharField()
    event = serializers.ChoiceField(choices=EventType.choices, help_text="The first of `events`.")
    events = serializers.ListField(child=serializers.ChoiceField(choices=EventType.choices))
    is_active = serializers.BooleanField()
    disabled_reason = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="NewWebhook")
class NewSubscriptionOut(SubscriptionOut):
    secret = serializers.CharField(help_text="Shown this once.")


def of_subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": subscription.pk,
        "target_url": subscription.target_url,
        "event": subscription.events[0],
        "events": subscription.events,
        "is_active": subscription.is_active,
        "disabled_reason": subscription.disabled_reason or None,
        "created_at": subscription.created_at,
    }
