"""Two at the same moment."""

import pytest

from tests import make
from tests.api.client import Answer, Caller, is_problem
from tests.parallel import at_once
from webhooks.models import Subscription

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_patches_with_one_etag_one_is_200_and_one_is_412() -> None:
    account = make.account(plan="pro")
    invoice = make.invoice(account)
    caller = Caller(make.key(account)[1])
    etag = caller.get(f"invoices/{invoice.pk}").headers["ETag"]

    def change(status: str) -> Answer:
        return caller.patch(f"invoices/{invoice.pk}", {"status": status}, If_Match=etag)

    answers = at_once(lambda: change("disputed"), lambda: change("cancelled"))
    done, refused = sorted((answer for answer in answers if isinstance(answer, Answer)), key=lambda one: one.status)
    assert done.status == 200
    is_problem(refused, 412, "version_mismatch")
    assert caller.get(f"invoices/{invoice.pk}").json == done.json
    events = [event for event in make.events_of(account) if event != "dispute.opened"]  # if the dispute won
    assert events == ["invoice.created", "invoice.status_changed"]


def test_of_six_posts_of_one_invoice_number_one_is_201_and_five_name_it() -> None:
    account = make.account(plan="pro")
    caller = Caller(make.key(account)[1])
    body = {"invoice_number": "1", "debtor_name": "A", "amount": 1, "currency": "AED", "due_date": "2026-02-14"}
    answers = [answer for answer in at_once(*[lambda: caller.post("invoices", body)] * 6) if isinstance(answer, Answer)]
    (made,) = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    assert len(refused) == 5
    for answer in refused:
        assert made.json["id"] in is_problem(answer, 422, "duplicate", "invoice_number")["detail"]


def test_parallel_subscribes_stop_at_the_plans_number() -> None:
    account = make.account(plan="free")
    caller = Caller(make.key(account)[1])
    for number in range(4):
        make.subscription(account, f"https://example.com/{number}")

    def subscribe(number: int) -> Answer:
        return caller.post("webhooks/subscribe", {"url": f"https://example.com/n{number}", "event": "invoice.created"})

    answers = at_once(*[lambda number=number: subscribe(number) for number in range(4)])
    assert sorted(answer.status for answer in answers if isinstance(answer, Answer)) == [201, 422, 422, 422]
    assert Subscription.objects.for_account(account).count() == 5
