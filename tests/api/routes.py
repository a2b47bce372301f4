"""Every route of the API, found in the URL configuration, with what a test needs to call it."""

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from inflow.accounts.models import Account
from invoices import credit_notes, lifecycle
from invoices.debtors import merging
from invoices.models import Invoice
from tests import make
from webhooks.models import Delivery

_INVOICE = {
    "invoice_number": "INV-2026-001",
    "debtor_name": "Ahmed Al Rashid",
    "amount": 25000,
    "currency": "AED",
    "due_date": "2026-02-14",
}
# A body that the route accepts, where it needs one.
_BODIES: dict[str, Any] = {
    "POST invoices": _INVOICE,
    "PATCH invoices/<invoice_id>": {"status": "paid"},
    "PUT invoices": _INVOICE,
    "PUT invoices/by-number/<number>": _INVOICE | {"invoice_number": None},
    "POST invoices/bulk": {"invoices": [_INVOICE], "upsert": True},
    "POST invoices/<invoice_id>/payments": {"amount": 100},
    "POST payments": {
        "amount": 100,
        "currency": "AED",
        "allocations": [{"invoice_number": "INV-PAID", "amount": 60}],
    },
    "POST invoices/<invoice_id>/apply-credit": {"amount": 1},
    "POST credit-notes": {"number": "CN-1", "amount": 10, "currency": "AED", "invoice_number": "INV-PAID"},
    "POST credit-notes/<note_id>/void": {"reason": "Issued twice."},
    "POST payments/<payment_id>/void": {"reason": "Recorded twice."},
    "POST payments/<payment_id>/reverse": {"reason": "The cheque bounced."},
    "POST debtors": {"name": "Ahmed Al Rashid", "external_id": "C-1", "contacts": [{"email": "ap@debtor.example"}]},
    "PATCH debtors/<debtor_id>": {"tags": ["wholesale"]},
    "POST debtors/<debtor_id>/merge": {"into": "00000000-0000-4000-8000-000000000007", "dry_run": True},
    "POST debtor-merges/<merge_id>/undo": {},
    "POST invoices/<invoice_id>/promises": {"promised_on": make.FAR_AHEAD},
    "POST invoices/<invoice_id>/disputes": {"reason": "Wrong quantity", "amount": 1, "text": "Two are missing."},
    "POST invoices/<invoice_id>/notes": {"text": "They moved."},
    "POST open-items": {"items": []},
    "PATCH webhooks/<webhook_id>": {"description": "The ledger"},
    "POST webhooks/subscribe": {"target_url": "https://example.com/new", "event": "invoice.created"},
    "POST webhooks/<webhook_id>/replay": {"since": "2026-03-01T00:00:00Z"},
}


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # below /api/zapier/, with ids as <invoice_id>
    scope: str | None
    is_list: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def body(self) -> Any:
        return _BODIES.get(str(self))


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, path)
        elif path.startswith("api/zapier/"):
            yield re.sub("<[a-z]+:", "<", path.removeprefix("api/zapier/")), entry


def _routes() -> Iterator[Route]:
    for path, entry in _patterns(get_resolver()):
        for method, action in entry.callback.actions.items():  # type: ignore[attr-defined]
            if method != "head":
                scope = entry.callback.cls.scopes[action]  # type: ignore[attr-defined]
                yield Route(method.upper(), path, scope, is_list=action in ("list", "of_invoice"))


ROUTES = sorted(_routes(), key=str)


def address(route: Route, account: Account, *, made_up: bool = False) -> str:
    """The route's path with ids of things that `account` has, or of nothing."""
    ids: dict[str, object] = dict.fromkeys(re.findall("<([a-z_]+)>", route.path), uuid.uuid4())
    if "INV-PAID" in str(route.body) and not Invoice.objects.filter(account=account, invoice_number="INV-PAID"):
        make.invoice(account, invoice_number="INV-PAID")
    if ids and not made_up:
        ids = _made(route, account, ids)
    path = route.path + ("?number=INV-2026-001" if str(route) == "PUT invoices" else "")
    for name, value in ids.items():
        path = path.replace(f"<{name}>", str(value))
    return path


def _made(route: Route, account: Account, names: Iterable[str]) -> dict[str, object]:
    """The ids of these names, of things that are made here."""
    subscription, _ = make.subscription(account, f"https://example.com/{uuid.uuid4()}")
    invoice = make.invoice(account)

    def merge() -> object:
        other = make.invoice(account, debtor_company="Merged LLC", debtor_email=f"{uuid.uuid4()}@example.com")
        return merging.merge(account, other.debtor_id, invoice.debtor_id, make.API).pk

    def note() -> object:
        values: dict[str, Any] = {"date": account.today(), "amount": Decimal(10), "currency": "AED"}
        values |= {"number": f"CN-{uuid.uuid4()}", "debtor_id": invoice.debtor_id}
        return credit_notes.issue(account, make.API, **values).pk

    if route.path.endswith("apply-credit"):
        note()
    makers: dict[str, Callable[[], object]] = {
        "debtor_id": lambda: invoice.debtor_id,
        "merge_id": merge,
        "invoice_id": lambda: invoice.pk,
        "number": lambda: "A-1",
        "webhook_id": lambda: subscription.pk,
        "delivery_id": lambda: Delivery.objects.get(subscription=subscription).pk,
        "escalation_id": lambda: make.escalation(invoice).pk,
        "payment_id": lambda: lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(100)).pk,
        "note_id": note,
    }
    return {name: makers[name]() for name in names}
