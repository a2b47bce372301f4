"""The delivery engine, from the row to the receiver and back."""

import pytest

from tests import make
from tests.receiver import Answer, Receiver
from webhooks.models import Delivery
from webhooks.sending import deliver_due

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings):
    settings.TRY_OUT = True


def test_what_is_due_is_sent_signed_once_and_recorded() -> None:
    account = make.account()
    with Receiver() as receiver:
        subscription, secret = make.subscription(account, receiver.url)
        for _ in range(30):
            make.invoice(account)
        assert deliver_due() == 30
        assert len(receiver.requests) == 30
        assert deliver_due() == 0
    assert {request.verified(secret)["type"] for request in receiver.requests} == {"invoice.created"}
    for delivery in Delivery.objects.all():
        assert (delivery.status, delivery.attempts_made, delivery.next_attempt_at) == ("delivered", 1, None)
        assert delivery.attempts.get().status == 200
