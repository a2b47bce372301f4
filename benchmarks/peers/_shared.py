"""Common parts of the peers: API keys, two rate limits by django-ratelimit, and the fields of an invoice."""

import functools
import hashlib
from typing import Any

from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited

from inflow.accounts.models import ApiKey
from invoices.models import Debtor

FIELDS = [
    "id",
    "invoice_number",
    "debtor_name",
    "debtor_company",
    "debtor_email",
    "debtor_phone",
    "amount",
    "currency",
    "status",
    "payment_status",
    "issue_date",
    "due_date",
    "language",
    "notes",
    "amount_paid",
    "balance",
    "hold_until",
    "escalation_level",
    "last_contacted_at",
    "next_contact_at",
    "version",
    "created_at",
    "updated_at",
]
READ_ONLY = ["id", "amount_paid", "hold_until", "escalation_level", "last_contacted_at", "next_contact_at", "version"]


def key_of(plaintext: str) -> ApiKey | None:
    digest = hashlib.sha256(plaintext.encode()).hexdigest()
    return ApiKey.objects.select_related("account").filter(digest=digest, revoked_at=None).first()


def is_limited(request: HttpRequest, key: ApiKey) -> bool:
    def account(group: str, request: HttpRequest) -> str:
        return str(key.account_id)

    rates: list[dict[str, Any]] = [{"group": "minute", "rate": "10000000/m"}, {"group": "day", "rate": "100000000/d"}]
    return any(is_ratelimited(request, key=account, increment=True, **rate) for rate in rates)


@functools.cache
def a_debtor(account_id: Any) -> Any:
    """Return a debtor of the account. InFlow looks up the debtor of an invoice; the peers always use this one."""
    return Debtor.objects.filter(account_id=account_id).values_list("pk", flat=True)[0]
