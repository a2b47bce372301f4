"""/api/zapier/webhooks: parse, one verb, answer."""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from inflow.accounts.models import Scope
from inflow.api.authentication import account_of
from inflow.api.errors import invalid, not_found
from inflow.api.idempotency import idempotent
from inflow.api.viewsets import ApiViewSet
from webhooks import subscriptions
from webhooks.models import Subscription
from webhooks.serializers import NewSubscriptionOut, SubscriptionIn, SubscriptionOut, of_subscription


class WebhookViewSet(ApiViewSet):
    scopes = {"subscribe": Scope.WEBHOOKS_MANAGE, "destroy": Scope.WEBHOOKS_MANAGE}

    @extend_schema(
        operation_id="subscribe",
        summary="Subscribe to events",
        request=SubscriptionIn,
        responses={200: SubscriptionOut, 201: NewSubscriptionOut},
    )
    @idempotent
    def subscribe(self, request: Request) -> Response:
        given = SubscriptionIn(data=request.data)
        given.is_valid(raise_exception=True)
        account = account_of(request)
        try:
            subscription, secret = subscriptions.subscribe(account, **given.validated_data)
        except subscriptions.TooMany as error:
            raise invalid(
                "target_url",
                "too_many_subscriptions",
                f"The {account.plan} plan has {account.limits.subscriptions} webhook subscriptions.",
            ) from error
        if secret is None:
            return Response(of_subscription(subscription))
        return Response({**of_subscription(subscription), "secret": secret}, status=201)

    @extend_schema(operation_id="unsubscribe", summary="Unsubscribe", responses={204: None})
    def destroy(self, request: Request, webhook_id: uuid.UUID) -> Response:
        subscription = (
            Subscription.objects.for_account(account_of(request)).filter(pk=webhook_id, deleted_at=None).first()
        )
        if subscription is None or not subscriptions.unsubscribe(subscription):
            raise not_found()
        return Response(status=204)
