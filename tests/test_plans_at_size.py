"""Every statement of a request path is answered by an index, and reads about as many rows as it shows.

40,000 invoices suffice for PostgreSQL to decide as it does at 1,000,000, which `python -m benchmarks growth` reads too.
"""

import pytest

from benchmarks import _rows
from inflow.accounts.models import Account
from invoices.models import Invoice
from tests import make
from tests.api.client import PLENTY, Caller, caller
from tests.plans import watched

SMALL = {"accounts_account", "accounts_apikey", "communications_policystep", "communications_reminderpolicy"}
SMALL |= {"communications_contact", "communications_communication", "webhooks_subscription", "webhooks_eventcounter"}
PAGE = 50
PARTS = 7  # statuses there are
FILTERS = [
    "",
    "status=new",
    "status=cancelled",  # none has it
    "status=overdue,disputed,on_hold",
    "payment_status=unpaid",
    "payment_status=partially_paid",
    "payment_status=paid,partially_paid",
    "is_overdue=true",
    "is_overdue=false",
    "is_overdue=true&status=new",
    "is_overdue=false&status=overdue",
]


def many() -> tuple[Account, Caller]:
    account = make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)
    _rows.invoices(account.pk, 30_000)
    _rows.invoices(make.account("Oryx").pk, 10_000)
    return account, caller(account)


@pytest.mark.django_db
def test_at_size_each_request_is_answered_by_indexes() -> None:
    account, api = many()
    invoice = Invoice.objects.filter(account=account, status="new").latest("created_at")
    for asked in FILTERS:
        path: str | None = f"invoices?limit={PAGE}&{asked}".rstrip("&")
        for _ in range(2):
            if path is None:
                break
            with watched() as plans:
                answer = api.get(path)
            assert answer.status == 200
            assert plans.walked.keys() <= SMALL, plans.walked
            assert plans.rows <= PARTS * (PAGE + 1) + 20, (path, plans.rows)
            path = answer.next
    new = {
        "invoice_number": "NEW-1",
        "debtor_name": "Ahmed Al Rashid",
        "debtor_email": invoice.debtor_email,
        "amount": 100,
        "currency": "AED",
        "due_date": "2036-02-14",
    }
    for send in (
        lambda: api.get(f"invoices/{invoice.pk}"),
        lambda: api.post("invoices", new),
        lambda: api.patch(f"invoices/{invoice.pk}", {"status": "on_hold"}),
        lambda: api.patch(f"invoices/{invoice.pk}", {"status": "new"}),
        lambda: api.patch(f"invoices/{invoice.pk}", {"payment_status": "paid"}),
    ):
        with watched() as plans:
            assert send().status in (200, 201)
        assert plans.walked.keys() <= SMALL, plans.walked
        assert plans.rows < 40
