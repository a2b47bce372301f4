"""The sidebar and the tabs, by role. Titles are ours alone: unfold writes them unescaped."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from inflow.accounts.models import User
from inflow.accounts.roles import Role

Item = dict[str, Any]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    user = request.user
    assert isinstance(user, User)
    collections = [
        _item("Invoices", "receipt_long", "admin:invoices_invoice_changelist"),
        _item("Debtors", "contacts", "admin:invoices_debtor_changelist"),
        _item("Messages", "mail", "admin:communications_communication_changelist"),
        _item("Forecast", "calendar_month", "admin:communications_forecast"),
        _item("Policies", "stairs", "admin:communications_reminderpolicy_changelist"),
    ]
    return [
        {"items": [_item("Home", "home", "admin:index")]},
        {"title": "Collections", "separator": True, "items": collections},
        {"title": "Settings", "separator": True, "items": _settings_of(user)},
    ]


def _settings_of(user: User) -> list[Item]:
    rules = "admin:communications_collectionsettings"
    whose = (f"{rules}_changelist",) if user.is_superuser else (f"{rules}_change", user.account_id)
    items = [
        _item("Rules and brakes", "rule", *whose),
        _item("Calendars", "event", "admin:invoices_calendarrule_changelist"),
    ]
    if user.may(Role.ADMIN):
        items.append(_item("Integrations", "hub", "admin:accounts_apikey_changelist"))
    if user.is_superuser:
        items.append(_item("Accounts", "apartment", "admin:accounts_account_changelist"))
    else:
        items.append(_item("Account", "apartment", "admin:accounts_account_change", user.account_id))
    if user.may(Role.ADMIN):
        items.append(_item("People", "group", "admin:accounts_user_changelist"))
        items.append(_item("Audit log", "policy", "admin:accounts_auditentry_changelist"))
    return items


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """Settings > Integrations: API keys, webhooks and their deliveries."""
    return [
        {
            "models": ["accounts.apikey", "webhooks.subscription", "webhooks.delivery"],
            "items": [
                _item("API keys", "", "admin:accounts_apikey_changelist"),
                _item("Webhooks", "", "admin:webhooks_subscription_changelist"),
                _item("Deliveries", "", "admin:webhooks_delivery_changelist"),
            ],
        }
    ]


def environment(request: HttpRequest) -> list[str] | None:
    """The label in the header of every page of a test account."""
    account = getattr(request.user, "account", None)
    return ["Test account", "warning"] if account and account.is_test else None


def _item(title: str, icon: str, name: str, *args: object) -> Item:
    return {"title": title, "icon": icon, "link": reverse(name, args=args)}
