"""First three steps of a new account: an API key, an invoice, a reminder."""

import datetime as dt
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inflow.accounts.access import person
from inflow.accounts.models import Account, ApiKey
from inflow.accounts.roles import Role
from invoices.models import Invoice

_COOKIE, _MAX_AGE = "inflow_first_run", dt.timedelta(days=365)


class Step(NamedTuple):
    title: str
    note: str
    url: str
    button: str
    is_done: bool
    example: str = ""


def steps(request: HttpRequest, *, has_figures: bool, has_sent: bool, scheduled: dict[str, Any]) -> list[Step]:
    """Return the steps. There are none after the first message was sent, or if the person dismissed them."""
    user, account = person(request), person(request).account
    if has_sent or account is None or not user.may(Role.MANAGER) or request.COOKIES.get(_COOKIE) == str(account.pk):
        return []
    has_invoices = has_figures or Invoice.objects.for_account(account).exists()
    keys = [_key(account)] if user.may(Role.ADMIN) else []
    return [*keys, _invoice(account, has_invoices), _reminder(account, scheduled["rows"][:1])]


def _key(account: Account) -> Step:
    return Step(
        _("Generate an API key"),
        _("For Zapier or another system that accesses your account."),
        reverse("admin:accounts_apikey_add"),
        _("Generate a key"),
        ApiKey.objects.filter(account=account, revoked_at=None).exists(),
    )


def _invoice(account: Account, is_done: bool) -> Step:
    due = account.today() - dt.timedelta(days=7)
    key = "inflow_test_…" if account.is_test else "inflow_…"
    example = (
        f'curl -X POST {settings.BASE_URL}/api/zapier/invoices \\\n  -H "X-InFlow-Key: {key}" '
        '-H "Content-Type: application/json" \\\n  -d \'{"invoice_number": "INV-1", "debtor_name": "Ahmed Al Rashid", '
        f'"debtor_email": "ahmed@example.com", "amount": 25000, "currency": "AED", "due_date": "{due}"}}\''
    )
    return Step(
        _("Register an invoice or import a file"),
        _("Send an invoice to the API with your key, as below, or import invoices from a file."),
        reverse("admin:invoices_import_add"),
        _("Import a file"),
        is_done,
        "" if is_done else example,
    )


def _reminder(account: Account, first: list[dict[str, Any]]) -> Step:
    note = _("It is sent automatically on a working day, within the contact hours.")
    if first:
        local = date_format(first[0]["at"].astimezone(account.zone), _("j F, H:i"))
        note = _("The first one is scheduled for %(moment)s.") % {"moment": local}
    return Step(
        _("Check the first reminder"), note, reverse("admin:communications_forecast"), _("Open the forecast"), False
    )


@require_POST
@staff_member_required(login_url="admin:login")
def dismiss(request: HttpRequest) -> HttpResponse:
    """Hide the steps from this browser for this account."""
    response = HttpResponseRedirect(reverse("admin:index"))
    response.set_cookie(
        _COOKIE,
        str(person(request).account_id),
        max_age=_MAX_AGE,
        path=reverse("admin:index"),
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response
