"""Sidebar and tabs, by role. Only constant titles: unfold does not escape them."""

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
        _item(_("Replies"), "forum", "admin:communications_reply_changelist", badge=inbox.count_pending(user)),
        _item(_("Cases"), "support_agent", "admin:invoices_escalation_changelist"),
        _item(_("Disputes"), "gavel", "admin:invoices_dispute_changelist"),
        _item(_("Tasks"), "task_alt", "admin:invoices_task_changelist"),
        _item(_("Calls to make"), "call", "admin:communications_calltask_changelist"),
        _item(_("Promises"), "handshake", "admin:invoices_promise_changelist"),
        _item(_("Payments"), "payments", "admin:invoices_payment_changelist"),
        _item(_("Bank statements"), "account_balance", "admin:invoices_bankstatement_changelist"),
        _item(_("Addresses"), "alternate_email", "admin:communications_address_changelist"),
        _item(_("Imports"), "upload_file", "admin:invoices_import_changelist"),
        _item(_("Reconciliations"), "fact_check", "admin:invoices_openitemslist_changelist"),
    ]
    return [
        {"items": [_item(_("Home"), "home", "admin:index")]},
        {"title": _("Collections"), "separator": True, "items": collections},
        {"title": _("Settings"), "separator": True, "items": _settings_of(user)},
    ]


def _settings_of(user: User) -> list[Item]:
    items = [
        _item(_("Reminder policies"), "stairs", "admin:communications_reminderpolicy_changelist"),
        _item(_("Rules and limits"), "rule", *_own_row(user, "communications_collectionsettings")),
        _item(_("Calendars"), "event", "admin:invoices_calendarrule_changelist"),
        _item(_("Dispute reasons"), "rule_settings", "admin:invoices_disputereason_changelist"),
        _item(_("Payment settings"), "account_balance_wallet", *_own_row(user, "invoices_paymentsettings")),
    ]
    if user.may(Role.MANAGER):
        items.append(_item(_("Message templates"), "edit_note", "admin:communications_messagetemplate_changelist"))
        items.append(_item(_("Sender profile"), "badge", "admin:communications_senderprofile_changelist"))
        items.append(_item(_("Gateways"), "cell_tower", "admin:communications_gateway_changelist"))
        items.append(_item(_("Scheduled fetch"), "cloud_download", "admin:invoices_openitemssource_changelist"))
    if user.may(Role.ADMIN):
        items.append(_item(_("Payment providers"), "point_of_sale", "admin:invoices_paymenthook_changelist"))
        items.append(_item(_("API keys"), "key", "admin:accounts_apikey_changelist"))
        items.append(_item(_("Webhooks"), "webhook", "admin:webhooks_subscription_changelist"))
    if user.is_superuser:
        items.append(_item(_("Accounts"), "apartment", "admin:accounts_account_changelist"))
    else:
        items.append(_item(_("Account"), "apartment", "admin:accounts_account_change", user.account_id))
    if user.may(Role.ADMIN):
        items.append(_item(_("People"), "group", "admin:accounts_user_changelist"))
    if user.account_id:
        items.append(_item(_("Notifications"), "notifications", "notifications"))
    items.append(_item(_("Security"), "shield_person", "security"))
    if user.may(Role.ADMIN):
        items.append(_item(_("Audit log"), "policy", "admin:accounts_auditentry_changelist"))
    return items


def _own_row(user: User, model: str) -> tuple[Any, ...]:
    """Return the page of the account's only row, or the list for platform staff."""
    return (f"admin:{model}_changelist",) if user.is_superuser else (f"admin:{model}_change", user.account_id)


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the tabs of this page. Other groups are left out, because unfold compares every tab with every entry of
    the sidebar."""
    groups = [
        _group(communications_reminderpolicy=_("Reminder policies"), communications_policyrule=_("Policy rules")),
        _group(accounts_apikey=_("API keys")),
        _group(webhooks_subscription=_("Webhooks"), webhooks_delivery=_("Deliveries")),
        _group(invoices_invoice=_("Invoices"), invoices_document=_("Documents"), invoices_stafffile=_("Files")),
        _group(accounts_user=_("People"), accounts_invitation=_("Invitations")),
        _group(communications_reply=_("Replies"), communications_answer=_("Debtor page responses")),
        _group(
            invoices_debtor=_("Debtors"),
            invoices_possibleduplicate=_("Possible duplicates"),
            invoices_debtormerge=_("Merges"),
        ),
        _group(
            invoices_payment=_("Payments"),
            invoices_creditnote=_("Credit notes"),
            invoices_paymentreport=_("Payment reports"),
        ),
        _group(
            invoices_bankstatement=_("Bank statements"),
            invoices_bankline=_("Bank lines"),
            invoices_bankfile=_("Bank files"),
        ),
        _group(communications_address=_("Addresses"), communications_consententry=_("Consent log")),
        _group(invoices_openitemslist=_("Reconciliations"), invoices_difference=_("Differences")),
    ]
    groups[1]["items"].append(_item("Zapier", "", "admin:zapier"))
    return [group for group in groups if any(item["link"] in request.path for item in group["items"])]


def _group(**titles: str) -> dict[str, Any]:
    """Return a group of tabs: the title of each list, by app and model."""
    return {
        "models": [name.replace("_", ".") for name in titles],
        "items": [_item(title, "", f"admin:{name}_changelist") for name, title in titles.items()],
    }


def environment(request: HttpRequest) -> list[str] | None:
    """Return the label in the header of every page of a test account."""
    account = getattr(request.user, "account", None)
    return [_("Test account"), "warning"] if account and account.is_test else None


def _item(title: "StrOrPromise", icon: str, name: str, *args: object, badge: int = 0) -> Item:
    item = {"title": title, "icon": icon, "link": reverse(name, args=args) if args else _address(name)}
    return {**item, "badge": str(badge)} if badge else item


@functools.cache
def _address(name: str) -> str:
    """Cache the addresses: each page shows some thirty of them."""
    return reverse(name)
