"""The home page: what is owed in each currency, what was written last, and which webhooks are in trouble.

Everything is counted by the database among the rows the person may see; currencies are never summed.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce, Greatest
from django.http import HttpRequest
from django.urls import reverse

from communications.admin import state_badge
from communications.models import Communication
from inflow.accounts.models import ApiKey, User
from inflow.accounts.roles import Role
from inflow.accounts.scoping import person, rows_of
from invoices import money
from invoices.admin import past_due
from invoices.models import OPEN, Invoice
from webhooks.admin import delivery_badge
from webhooks.models import Delivery, DeliveryStatus

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Owed:
    """One currency's card. `share` is how much of what is owed is past due, in percent."""

    currency: str
    outstanding: str
    overdue: str
    open_count: int
    overdue_count: int
    share: int
    open_url: str
    overdue_url: str


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The template's context; unfold calls it for each index page."""
    user = person(request)
    owed = _owed(user)
    return {
        **context,
        "title": "Home",
        "owed": owed,
        "messages_sent": _messages(user),
        "messages_url": reverse("admin:communications_communication_changelist"),
        "troubled": _troubled(user),
        "deliveries_url": reverse("admin:webhooks_delivery_changelist"),
        "sees_webhooks": user.may(Role.ADMIN),
        "first_steps": _first_steps(user, bool(owed)),
    }


def _owed(user: User) -> list[Owed]:
    balance = Greatest(F("amount") - F("amount_paid"), Decimal(0))
    late = past_due(user)
    rows = (
        rows_of(user, Invoice.objects.filter(status__in=OPEN))
        .order_by()
        .values("currency")
        .annotate(
            outstanding=Sum(balance),
            overdue=Coalesce(Sum(balance, filter=late), Decimal(0)),
            open_count=Count("pk"),
            overdue_count=Count("pk", filter=late),
        )
        .order_by("-open_count", "currency")
    )
    listed = reverse("admin:invoices_invoice_changelist")
    return [
        Owed(
            currency=row["currency"],
            outstanding=money.display(row["outstanding"], row["currency"]),
            overdue=money.display(row["overdue"], row["currency"]),
            open_count=row["open_count"],
            overdue_count=row["overdue_count"],
            share=round(100 * row["overdue"] / row["outstanding"]) if row["outstanding"] else 0,
            open_url=f"{listed}?due=open&currency={row['currency']}",
            overdue_url=f"{listed}?due=past&currency={row['currency']}",
        )
        for row in rows
    ]


def _messages(user: User) -> list[dict[str, Any]]:
    newest = rows_of(user, Communication.objects.filter(sent_at__isnull=False)).order_by("-sent_at", "-id")
    return [
        {
            "title": message.subject or message.get_kind_display(),
            "to": message.recipient,
            "at": message.sent_at,
            "badge": state_badge(message),
            "url": reverse("admin:communications_communication_change", args=[message.pk]),
        }
        for message in newest.defer("body", "html")[:SHOWN]
    ]


def _troubled(user: User) -> list[dict[str, Any]]:
    if not user.may(Role.ADMIN):
        return []
    failing = Q(status=DeliveryStatus.FAILED) | Q(status=DeliveryStatus.PENDING, attempts_made__gt=0)
    newest = rows_of(user, Delivery.objects.filter(failing, subscription__deleted_at=None))
    return [
        {
            "title": delivery.event.get_type_display(),
            "to": delivery.subscription.target_url,
            "at": delivery.next_attempt_at or delivery.created_at,
            "badge": delivery_badge(delivery),
            "url": reverse("admin:webhooks_delivery_change", args=[delivery.pk]),
        }
        for delivery in newest.select_related("event", "subscription").defer("event__body")[:SHOWN]
    ]


def _first_steps(user: User, has_invoices: bool) -> list[dict[str, Any]]:
    """What an account without open invoices does first; nothing once it has some."""
    if has_invoices or not user.may(Role.ADMIN) or rows_of(user, Invoice.objects.all()).exists():
        return []
    has_key = rows_of(user, ApiKey.objects.filter(revoked_at=None)).exists()
    return [
        {"title": "Generate an API key", "done": has_key, "url": reverse("admin:accounts_apikey_add")},
        {"title": "Send or register an invoice", "done": False, "url": reverse("admin:invoices_invoice_add")},
    ]
