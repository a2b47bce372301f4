from typing import Any

from inflow.accounts.models import Account
from invoices.models import Invoice
from tests.api.client import Caller, is_problem


def test_a_key_sent_in_clear_is_refused_where_https_is_on(settings: Any, account: Account, api: Caller) -> None:
    settings.HTTPS = True
    is_problem(api.get("me"), 403, "https_required")
    is_problem(api.post("invoices", {"invoice_number": "A-1"}), 403, "https_required")
    assert not Invoice.objects.exists()
