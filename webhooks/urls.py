from django.urls import path

from webhooks.views import WebhookViewSet

urlpatterns = [
    path("webhooks/subscribe", WebhookViewSet.as_view({"post": "subscribe"}), name="subscribe"),
    path("webhooks/<uuid:webhook_id>", WebhookViewSet.as_view({"delete": "destroy"}), name="webhook"),
]
