"""The sidebar and the tabs, by role. Titles are ours alone: unfold writes them unescaped."""

import functools
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from communications.inbound import inbox
from inflow.accounts.models import User
from inflow.accounts.roles import Role

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Item = dict[str, Any]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    user = request.user
    assert isinstance(user, User)
    collections = [
        _item(_("Invoices"), "receipt_long", "admin:invoices_invoice_changelist"),
        _item(_("Debtors"), "contacts", "admin:invoices_debtor_changelist"),
        _item(_("Messages"), "mail", "admin:communications_communication_changelist"),
        _item(_("Forecast"), "calendar_month", "admin:communications_forecast"),
        _item(_("Answers"), "forum", "admin:communications_reply_changelist"),
        _item(_("Cases"), "support_agent", "admin:invoices_escalation_changelist"),
        _item(_("Promises"), "handshake", "admin:invoices_promise_changelist"),
        _item(_("Payments"), "payments", "admin:invoices_payment_changelist"),
        _item(_("Contacts"), "alternate_email", "admin:communications_contact_changelist"),
        _item(_("Imports"), "upload_file", "admin:invoices_import_changelist"),
    ]
    if waiting := inbox.count_pending(user):
        collections[4]["badge"] = str(waiting)
    return [
        {"items": [_item(_("Home"), "home", "admin:index")]},
        {"title": _("Collections"), "separator": True, "items": collections},
        {"title": _("Settings"), "separator": True, "items": _settings_of(user)},
    ]


def _settings_of(user: User) -> list[Item]:
    rules = "admin:communications_collectionsettings"
    whose = (f"{rules}_changelist",) if user.is_superuser else (f"{rules}_change", user.account_id)
    items = [
        _item(_("Reminder policies"), "stairs", "admin:communications_reminderpolicy_changelist"),
        _item(_("Rules and limits"), "rule", *whose),
        _item(_("Calendars"), "event", "admin:invoices_calendarrule_changelist"),
    ]
    if user.may(Role.MANAGER):
        items.append(_item(_("Templates"), "edit_note", "admin:communications_messagetemplate_changelist"))
        items.append(_item(_("Sender"), "badge", "admin:communications_senderprofile_changelist"))
    if user.may(Role.ADMIN):
        items.append(_item(_("Integrations"), "hub", "admin:accounts_apikey_changelist"))
    if user.may(Role.MANAGER):
        items.append(_item(_("Gateways"), "cell_tower", "admin:communications_gateway_changelist"))
    if user.is_superuser:
        items.append(_item(_("Accounts"), "apartment", "admin:accounts_account_changelist"))
    else:
        items.append(_item(_("Account"), "apartment", "admin:accounts_account_change", user.account_id))
    if user.may(Role.ADMIN):
        items.append(_item(_("People"), "group", "admin:accounts_user_changelist"))
    items.append(_item(_("Security"), "shield_person", "security"))
    if user.may(Role.ADMIN):
        items.append(_item(_("Audit log"), "policy", "admin:accounts_auditentry_changelist"))
    return items


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """Settings > Integrations: API keys, webhooks and their deliveries. Contacts: with the consent log. Only those of
    the page that is asked for: unfold compares each with each item of the sidebar."""
    groups: list[dict[str, Any]] = [
        {
            "models": ["accounts.apikey", "webhooks.subscription", "webhooks.delivery"],
            "items": [
                _item(_("API keys"), "", "admin:accounts_apikey_changelist"),
                _item(_("Webhooks"), "", "admin:webhooks_subscription_changelist"),
                _item(_("Deliveries"), "", "admin:webhooks_delivery_changelist"),
                _item("Zapier", "", "admin:zapier"),
            ],
        },
        {
            "models": ["accounts.user", "accounts.invitation"],
            "items": [
                _item(_("People"), "", "admin:accounts_user_changelist"),
                _item(_("Invitations"), "", "admin:accounts_invitation_changelist"),
            ],
        },
        {
            "models": ["communications.reply", "communications.answer"],
            "items": [
                _item(_("Replies to messages"), "", "admin:communications_reply_changelist"),
                _item(_("From their page"), "", "admin:communications_answer_changelist"),
            ],
        },
        {
            "models": ["communications.contact", "communications.consententry"],
            "items": [
                _item(_("Contacts"), "", "admin:communications_contact_changelist"),
                _item(_("Consent log"), "", "admin:communications_consententry_changelist"),
            ],
        },
    ]
    return [group for group in groups if any(item["link"] in request.path for item in group["items"])]


def environment(request: HttpRequest) -> list[str] | None:
    """The label in the header of every page of a test account."""
    account = getattr(request.user, "account", None)
    return [_("Test account"), "warning"] if account and account.is_test else None


def _item(title: "StrOrPromise", icon: str, name: str, *args: object) -> Item:
    return {"title": title, "icon": icon, "link": reverse(name, args=args) if args else _address(name)}


@functools.cache
def _address(name: str) -> str:
    """Each page shows some thirty of them, and they are always the same."""
    return reverse(name)
