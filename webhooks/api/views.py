"""Views of /api/zapier/webhooks and /api/zapier/events."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from inflow.accounts import audit
from inflow.accounts.models import Account, Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import Problem, invalid, not_found
from inflow.api.idempotency import idempotent
from inflow.api.pagination import PageQuery
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from webhooks import replaying, subscriptions
from webhooks.api import history
from webhooks.api.serializers import (
    SUBSCRIPTION_COLUMNS,
    DeliveryOut,
    EventOut,
    EventQuery,
    NewSubscriptionOut,
    ReplayIn,
    ReplayOut,
    RotateIn,
    SubscriptionIn,
    SubscriptionOut,
    SubscriptionPatch,
    TestEventOut,
    of_delivery_row,
    of_event_row,
    of_subscription,
    of_subscription_row,
)
from webhooks.errors import DuplicateSubscription, EventTooOld, SubscriptionDisabled, TooManySubscriptions
from webhooks.models import Attempt, Delivery, Subscription

SUBSCRIPTION_EXAMPLE = OpenApiExample(
    "A subscription",
    request_only=True,
    value={"target_url": "https://hooks.zapier.com/hooks/standard/1/abc/", "event": "invoice.status_changed"},
)


class WebhookViewSet(ApiViewSet):
    scopes = dict.fromkeys(
        (
            *("list", "retrieve", "subscribe", "partial_update", "destroy"),
            *("test", "rotate_secret", "enable", "replay"),
        ),
        Scope.WEBHOOKS_MANAGE,
    )

    @extend_schema(
        operation_id="list_webhooks",
        summary="List subscriptions",
        parameters=[PageQuery],
        responses=SubscriptionOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        query = PageQuery.of(request)
        rows = Subscription.objects.for_account(account_of(request)).filter(deleted_at=None)
        return pagination.respond(request, rows.values(*SUBSCRIPTION_COLUMNS), query, of_subscription_row)

    @extend_schema(operation_id="get_webhook", summary="Get one subscription", responses=SubscriptionOut)
    def retrieve(self, request: Request, webhook_id: uuid.UUID) -> ApiResponse:
        return ApiResponse(of_subscription(_subscription(request, webhook_id)))

    @extend_schema(
        operation_id="subscribe",
        summary="Subscribe to events",
        request=SubscriptionIn,
        examples=[SUBSCRIPTION_EXAMPLE],
        responses={200: SubscriptionOut, 201: NewSubscriptionOut},
    )
    @idempotent
    def subscribe(self, request: Request) -> ApiResponse:
        data = SubscriptionIn.checked(request.data)
        account = account_of(request)
        with _errors_as_problems("target_url", account):
            subscription, secret = subscriptions.subscribe(account, **data)
        if secret is None:
            return ApiResponse(of_subscription(subscription))
        _record(request, subscription, "created")
        return ApiResponse({**of_subscription(subscription), "secret": secret}, status=201)

    @extend_schema(
        operation_id="update_webhook",
        summary="Change the target, the events or the description of a subscription",
        description="The secret stays. Pending deliveries go to the new target.",
        request=SubscriptionPatch,
        responses=SubscriptionOut,
    )
    def partial_update(self, request: Request, webhook_id: uuid.UUID) -> ApiResponse:
        subscription = _subscription(request, webhook_id)
        data = SubscriptionPatch.checked(request.data)
        with transaction.atomic(), _errors_as_problems("target_url"):
            if changed := subscriptions.change(subscription, **data):
                _record(request, subscription, "changed", fields=changed)
        return ApiResponse(of_subscription(subscription))

    @extend_schema(operation_id="unsubscribe", summary="Unsubscribe", responses={204: None})
    def destroy(self, request: Request, webhook_id: uuid.UUID) -> ApiResponse:
        subscription = _subscription(request, webhook_id)
        if not subscriptions.unsubscribe(subscription):
            raise not_found()
        _record(request, subscription, "ended")
        return ApiResponse(status=204)

    @extend_schema(
        operation_id="send_test_event",
        summary="Send a webhook.test event to this subscription alone",
        request=None,
        responses={202: TestEventOut},
    )
    def test(self, request: Request, webhook_id: uuid.UUID) -> ApiResponse:
        with _errors_as_problems("webhook"):
            event_id = subscriptions.send_test(_subscription(request, webhook_id))
        return ApiResponse({"event_id": event_id}, status=202)

    test.problems = (422,)  # type: ignore[attr-defined]

    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Create a new secret. Secrets of the last 24 hours, at most five in all, keep signing",
        request=RotateIn,
        responses=NewSubscriptionOut,
    )
    @idempotent
    def rotate_secret(self, request: Request, webhook_id: uuid.UUID) -> ApiResponse:
        subscription = _subscription(request, webhook_id)
        data = RotateIn.checked(request.data)
        secret = subscriptions.rotate_secret(subscription, revoke=data["revoke"])
        _record(request, subscription, "secret_rotated", **({"revoke": True} if data["revoke"] else {}))
        return ApiResponse({**of_subscription(subscription), "secret": secret})

    @extend_schema(
        operation_id="enable_webhook",
        summary="Send to a disabled subscription again",
        request=None,
        responses=SubscriptionOut,
    )
    def enable(self, request: Request, webhook_id: uuid.UUID) -> ApiResponse:
        subscription = _subscription(request, webhook_id)
        with _errors_as_problems("webhook", account_of(request)):
            if subscriptions.enable(subscription):
                _record(request, subscription, "enabled")
        return ApiResponse(of_subscription(subscription))

    enable.problems = (422,)  # type: ignore[attr-defined]

    @extend_schema(
        operation_id="replay_since",
        summary="Send this subscription's deliveries again since a moment of the last 14 days",
        request=ReplayIn,
        responses={202: ReplayOut},
    )
    def replay(self, request: Request, webhook_id: uuid.UUID) -> ApiResponse:
        subscription = _subscription(request, webhook_id)
        data = ReplayIn.checked(request.data)
        with _errors_as_problems("since"):
            count = replaying.replay_since(subscription, data["since"])
        _record(request, subscription, "replayed", deliveries=count)
        return ApiResponse({"deliveries": count}, status=202)


class DeliveryViewSet(ApiViewSet):
    scopes = {"list": Scope.WEBHOOKS_MANAGE, "replay": Scope.WEBHOOKS_MANAGE}

    @extend_schema(
        operation_id="list_deliveries",
        summary="List the subscription's deliveries, each with its attempts",
        parameters=[PageQuery],
        responses=DeliveryOut(many=True),
    )
    def list(self, request: Request, webhook_id: uuid.UUID) -> ApiResponse:
        query = PageQuery.of(request)
        rows = _rows(Delivery.objects.filter(subscription=_subscription(request, webhook_id)))
        return pagination.respond(request, rows, query, of_delivery_row)

    @extend_schema(
        operation_id="replay_delivery", summary="Send a delivery again", request=None, responses={202: DeliveryOut}
    )
    def replay(self, request: Request, webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> ApiResponse:
        subscription = _subscription(request, webhook_id)
        delivery = Delivery.objects.filter(subscription=subscription, pk=delivery_id).first()
        if delivery is None:
            raise not_found()
        with _errors_as_problems("delivery"):
            replaying.replay(delivery)
        return ApiResponse(of_delivery_row(_rows(Delivery.objects.filter(pk=delivery_id)).get()), status=202)

    replay.problems = (422,)  # type: ignore[attr-defined]


class EventViewSet(ApiViewSet):
    scopes = {"list": Scope.WEBHOOKS_MANAGE}

    @extend_schema(
        operation_id="list_events",
        summary="List the account's events in the order of their numbers",
        parameters=[EventQuery],
        responses=EventOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        query = EventQuery.of(request)
        account = account_of(request)
        rows = history.retained(account).values("seq", "body")
        if (after := query.get("after")) is not None:
            if after < history.last_deleted(account):
                message = "Events after this number are no longer stored. Omit `after` to start from the oldest."
                raise Problem(410, "events_gone", message)
            rows = rows.filter(seq__gt=after)
        return pagination.respond(request, rows, query, of_event_row, by=("seq",), ascending=True)

    list.problems = (410,)  # type: ignore[attr-defined]


def _subscription(request: Request, webhook_id: uuid.UUID) -> Subscription:
    rows = Subscription.objects.for_account(account_of(request)).select_related("account")
    subscription: Subscription | None = rows.filter(pk=webhook_id, deleted_at=None).first()
    if subscription is None:
        raise not_found()
    return subscription


def _record(request: Request, subscription: Subscription, action: str, **detail: Any) -> None:
    """Record in the audit log what a key did to a subscription."""
    target = subscription.target_url[:120]
    audit.record(account_of(request), actor_of(request).name, f"subscription.{action}", target, **detail)


def _rows(deliveries: QuerySet[Any]) -> QuerySet[Any]:
    attempt = JSONObject(at="at", ms="ms", status="status", error="error")
    tries = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("at", "id").values(as_json=attempt)
    rows: QuerySet[Any] = deliveries.annotate(tries=ArraySubquery(tries)).values(
        "id", "event_id", "event__type", "status", "next_attempt_at", "created_at", "tries"
    )
    return rows


@contextmanager
def _errors_as_problems(field: str, account: Account | None = None) -> Iterator[None]:
    try:
        yield
    except TooManySubscriptions as refusal:
        assert account is not None
        message = (
            f"The {account.plan} plan allows {account.limits.subscriptions} webhook subscriptions. All are in use; "
            f"{refusal.disabled} of them are disabled. Delete one first."
        )
        raise invalid(field, "too_many_subscriptions", message) from refusal
    except DuplicateSubscription as refusal:
        message = "Another subscription has this target and these events."
        raise invalid(field, "duplicate", message) from refusal
    except SubscriptionDisabled as refusal:
        raise invalid(field, "disabled", "This webhook is disabled. Enable it first.") from refusal
    except EventTooOld as refusal:
        message = f"Events can be sent again for {replaying.REPLAY_WINDOW.days} days."
        raise invalid(field, "too_old", message) from refusal
