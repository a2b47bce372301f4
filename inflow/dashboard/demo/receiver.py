"""The other end of the demo account's webhooks. `make run` only: inflow/urls.py mounts it where TRY_OUT is set."""

import hmac

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from inflow.accounts.encryption import decrypt
from webhooks.delivery import signing
from webhooks.models import Subscription

PATH = "demo/receiver"


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """204 to what a subscription to this receiver has signed, 401 to anything else."""
    event_id, timestamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    given = request.headers.get("webhook-signature", "").encode().split()
    if not timestamp.isdecimal():
        return HttpResponse(status=401)
    for subscription in Subscription.objects.filter(target_url__endswith=f"/{PATH}", deleted_at=None):
        expected = signing.sign(decrypt(subscription.sealed_secret), event_id, int(timestamp), request.body).encode()
        if any(hmac.compare_digest(expected, signature) for signature in given):
            return HttpResponse(status=204)
    return HttpResponse(status=401)


urlpatterns = [path(PATH, receive)]
