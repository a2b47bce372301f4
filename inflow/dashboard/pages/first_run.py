"""First three steps of an account, marked as done by its rows: a key, an invoice, a reminder."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inflow.accounts.access import person
from inflow.accounts.models import Account, ApiKey, User
from inflow.accounts.roles import Role
from invoices.models import Invoice

_COOKIE, _KEPT = "inflow_first_run", dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    note: str
    url: str
    button: str
    is_done: bool
    example: str = ""


def steps(request: HttpRequest, *, has_figures: bool, has_written: bool, going: dict[str, Any]) -> list[Step]:
    """Return the steps; none once the first message was sent, or if the person dismissed them. `going`: the next
    messages."""
    user, account = person(request), person(request).account
    if has_written or account is None or not user.may(Role.MANAGER) or request.COOKIES.get(_COOKIE) == str(account.pk):
        return []
    has_invoices = has_figures or Invoice.objects.for_account(account).exists()
    keys = [_key(account)] if user.may(Role.ADMIN) else []
    return [*keys, _invoice(account, has_invoices), _reminder(account, going["rows"][:1])]


def _key(account: Account) -> Step:
    return Step(
        _("Generate an API key"),
        _("Another system, or Zapier, speaks for your account with it."),
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
        _("Send an invoice, or import a file of them"),
        _("By the API, as below with your key, or from a file."),
        reverse("admin:invoices_import_add"),
        _("Import a file"),
        is_done,
        "" if is_done else example,
    )


def _reminder(account: Account, first: list[dict[str, Any]]) -> Step:
    note = _("It is sent automatically, at an hour and on a day when your debtor may be contacted.")
    if first:
        local = date_format(first[0]["at"].astimezone(account.zone), _("j F, H:i"))
        note = _("The first one is scheduled for %(moment)s.") % {"moment": local}
    return Step(
        _("See the first reminder"), note, reverse("admin:communications_forecast"), _("See what is coming"), False
    )


@require_POST
@staff_member_required(login_url="admin:login")
def dismiss(request: HttpRequest) -> HttpResponse:
    """Hide the steps from this browser for this account."""
    user: User = person(request)
    response = HttpResponseRedirect(reverse("admin:index"))
    said: dict[str, Any] = {"httponly": True, "samesite": "Lax", "secure": settings.SESSION_COOKIE_SECURE}
    response.set_cookie(_COOKIE, str(user.account_id), max_age=_KEPT, path=reverse("admin:index"), **said)
    return response
