from django.urls import path

from webhooks.api.views import DeliveryViewSet, EventViewSet, WebhookViewSet

urlpatterns = [
    path("webhooks", WebhookViewSet.as_view({"get": "list"}), name="webhooks"),
    path("webhooks/subscribe", WebhookViewSet.as_view({"post": "subscribe"}), name="subscribe"),
    path(
        "webhooks/<uuid:webhook_id>",
        WebhookViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="webhook",
    ),
    path("webhooks/<uuid:webhook_id>/test", WebhookViewSet.as_view({"post": "test"}), name="test-webhook"),
    path(
        "webhooks/<uuid:webhook_id>/rotate-secret",
        WebhookViewSet.as_view({"post": "rotate_secret"}),
        name="rotate-webhook-secret",
    ),
    path("webhooks/<uuid:webhook_id>/enable", WebhookViewSet.as_view({"post": "enable"}), name="enable-webhook"),
    path("webhooks/<uuid:webhook_id>/replay", WebhookViewSet.as_view({"post": "replay"}), name="replay-webhook"),
    path("webhooks/<uuid:webhook_id>/deliveries", DeliveryViewSet.as_view({"get": "list"}), name="deliveries"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay",
        DeliveryViewSet.as_view({"post": "replay"}),
        name="replay-delivery",
    ),
    path("events", EventViewSet.as_view({"get": "list"}), name="events"),
]
