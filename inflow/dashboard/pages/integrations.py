"""What Settings > Integrations shows of rooms that don't know of each other: use against the plan, and Zapier."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from inflow.accounts.access import person
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.api import throttling
from inflow.dashboard.core.responses import page
from inflow.dashboard.pages.api_keys import ApiKeyAdmin
from inflow.dashboard.pages.webhooks import SubscriptionAdmin

# A window that is fuller than this is said to be tight.
_TIGHT = 80


@dataclass(frozen=True, slots=True)
class Meter:
    """One window of the plan."""

    label: str
    used: int
    limit: int | None
    resets_in: int

    @property
    def used_shown(self) -> str:
        return number_format(self.used, force_grouping=True)

    @property
    def limit_shown(self) -> str:
        return number_format(self.limit or 0, force_grouping=True)

    @property
    def is_tight(self) -> bool:
        return self.limit is not None and self.used * 100 >= self.limit * _TIGHT


def meters(account: Account) -> list[Meter]:
    """Empty where the cache is away."""
    names = {"minute": _("This minute"), "day": _("Today")}
    usage = throttling.used(account)
    return [Meter(names[each.name], each.used, each.limit or None, each.resets_in) for each in usage]


def _shows_use(request: HttpRequest) -> dict[str, Any]:
    account = person(request).account
    return {"plan": account.get_plan_display(), "meters": meters(account)} if account else {}


ApiKeyAdmin.pictures.append(_shows_use)


# --- Zapier ------------------------------------------------------------------------------------------------------


def _zapier(admin: SubscriptionAdmin, request: HttpRequest) -> HttpResponse:
    """How to connect. Nothing is made here."""
    if not person(request).may(Role.ADMIN):
        raise PermissionDenied
    base, head = f"{settings.BASE_URL}/api/zapier", '-H "X-InFlow-Key: $INFLOW_KEY"'
    json = '-H "Content-Type: application/json"'
    examples = [
        (
            _("Test the connection"),
            _("Zapier calls this when somebody connects their account; it answers with the account’s name."),
            f"curl {head} {base}/me",
        ),
        (
            _("Subscribe, when a Zap is switched on"),
            _("REST hook triggers: Zapier sends its own address as hookUrl. The answer holds the id and the secret."),
            f"curl -X POST {head} {json} \\\n"
            '  -d \'{"hookUrl": "https://hooks.zapier.com/hooks/…", "event": "invoice.status_changed"}\' \\\n'
            f"  {base}/webhooks/subscribe",
        ),
        (
            _("Unsubscribe, when it is switched off"),
            _("With the id that subscribing answered."),
            f"curl -X DELETE {head} {base}/webhooks/$ID",
        ),
        (
            _("A sample, or polling"),
            _("The newest first, as an array: what Zapier shows when a Zap is set up."),
            f'curl {head} "{base}/invoices?limit=3"',
        ),
        (
            _("An action: register an invoice"),
            _("An Idempotency-Key keeps a Zap that runs twice from registering it twice."),
            f'curl -X POST {head} {json} -H "Idempotency-Key: $ZAP_RUN" \\\n'
            '  -d \'{"invoice_number": "INV-1", "debtor_name": "Ahmed Al Rashid", "debtor_email": '
            '"ahmed@example.com", "amount": 25000, "currency": "AED", "due_date": "2026-12-31"}\' \\\n'
            f"  {base}/invoices",
        ),
    ]
    return page(admin, request, "admin/zapier.html", {"title": "Zapier", "examples": examples})


def _urls(admin: SubscriptionAdmin) -> list[URLPattern]:
    def view(request: HttpRequest) -> HttpResponse:
        return _zapier(admin, request)

    return [path("zapier/", admin.admin_site.admin_view(view), name="zapier")]


SubscriptionAdmin.more_urls.append(_urls)
