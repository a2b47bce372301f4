"""Zapier: instructions and example requests for connecting it."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from inflow.accounts.access import person
from inflow.accounts.roles import Role
from inflow.dashboard.core.responses import page


def show(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Show the instructions."""
    if not person(request).may(Role.ADMIN):
        raise PermissionDenied
    base, head = f"{settings.BASE_URL}/api/zapier", '-H "X-InFlow-Key: $INFLOW_KEY"'
    json = '-H "Content-Type: application/json"'
    examples = [
        (
            _("Test the connection"),
            _("Zapier sends this request when an account is connected. The response has the account's name."),
            f"curl {head} {base}/me",
        ),
        (
            _("Subscribe when a Zap is switched on"),
            _("For REST hook triggers. Zapier sends its address as hookUrl. The response has the id and the secret."),
            f"curl -X POST {head} {json} \\\n"
            '  -d \'{"hookUrl": "https://hooks.zapier.com/hooks/…", "event": "invoice.status_changed"}\' \\\n'
            f"  {base}/webhooks/subscribe",
        ),
        (
            _("Unsubscribe when it is switched off"),
            _("With the ID from the response to the subscription."),
            f"curl -X DELETE {head} {base}/webhooks/$ID",
        ),
        (
            _("Sample data or polling"),
            _("An array with the newest invoices first. Zapier shows it when a Zap is set up."),
            f'curl {head} "{base}/invoices?limit=3"',
        ),
        (
            _("Action: register an invoice"),
            _("With an Idempotency-Key, a Zap that runs twice registers the invoice only once."),
            f'curl -X POST {head} {json} -H "Idempotency-Key: $ZAP_RUN" \\\n'
            '  -d \'{"invoice_number": "INV-1", "debtor_name": "Ahmed Al Rashid", "debtor_email": '
            '"ahmed@example.com", "amount": 25000, "currency": "AED", "due_date": "2026-12-31"}\' \\\n'
            f"  {base}/invoices",
        ),
    ]
    return page(model_admin, request, "admin/zapier.html", {"title": "Zapier", "examples": examples})
