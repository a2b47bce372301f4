"""Audit log: the person, the action, where it came from, and the values before and after. It is append-only."""

import datetime as dt
import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import gettext_noop
from unfold.decorators import display

from inflow.accounts import sessions
from inflow.accounts.access import person, rows_of
from inflow.accounts.models import AuditEntry, User
from inflow.accounts.roles import Role
from inflow.dashboard.core import exporting
from inflow.dashboard.core.filters import Options, OptionsFilter, ValuesFilter
from inflow.dashboard.core.markup import badge, moment_column, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.pages.audit_sentences import sentence

# Subjects, by the first word of an action.
ABOUT = {
    "session": _lazy("Log-in"),
    "second_step": _lazy("Two-step log-in"),
    "user": _lazy("People"),
    "invitation": _lazy("Invitations"),
    "account": _lazy("Account"),
    "api_key": _lazy("API keys"),
    "subscription": _lazy("Webhooks"),
    "delivery": _lazy("Webhook deliveries"),
    "messages": _lazy("Stopping and resuming messages"),
    "reminderpolicy": _lazy("Reminder policies"),
    "messagetemplate": _lazy("Message templates"),
    "collectionsettings": _lazy("Rules and limits"),
    "calendarrule": _lazy("Calendars"),
    "senderprofile": _lazy("Sender profile"),
    "gateway": _lazy("Gateways"),
    "debtor": _lazy("Debtors"),
    "import": _lazy("Imports"),
    "payments": _lazy("Payments"),
    "paymenthook": _lazy("Payment providers"),
    "paymentreport": _lazy("Payment reports"),
    "paymentsettings": _lazy("Payment settings"),
}
# Names of further details. Fields are translated by their own names.
DETAILS = (
    *(gettext_noop("all"), gettext_noop("applied"), gettext_noop("base url")),
    *(gettext_noop("changed"), gettext_noop("channels"), gettext_noop("checked")),
    *(gettext_noop("deliveries"), gettext_noop("device"), gettext_noop("entered")),
    *(gettext_noop("filters"), gettext_noop("format"), gettext_noop("limits")),
    *(gettext_noop("new"), gettext_noop("overdue enter"), gettext_noop("refused")),
    *(gettext_noop("released"), gettext_noop("steps"), gettext_noop("templates")),
    *(gettext_noop("to do"), gettext_noop("unchanged"), gettext_noop("until")),
)


class SinceFilter(OptionsFilter):
    title, parameter_name = _lazy("period"), "since"
    options: ClassVar[Options] = {
        "1": (_lazy("The last 24 hours"), Q(at__gte=Now() - dt.timedelta(days=1))),
        "7": (_lazy("The last 7 days"), Q(at__gte=Now() - dt.timedelta(days=7))),
        "30": (_lazy("The last 30 days"), Q(at__gte=Now() - dt.timedelta(days=30))),
        "90": (_lazy("The last 90 days"), Q(at__gte=Now() - dt.timedelta(days=90))),
    }


class AboutFilter(OptionsFilter):
    title, parameter_name = _lazy("subject"), "about"
    options: ClassVar[Options] = {what: (label, Q(action__startswith=f"{what}.")) for what, label in ABOUT.items()}


class ActorFilter(ValuesFilter):
    """Filter by the account's people. Keys, commands and platform staff can be found by search."""

    title, parameter_name, path = _lazy("person"), "actor", "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        user = person(request)
        people = rows_of(user, User.objects.order_by("email")).values_list("email", flat=True)
        return [(email, email) for email in people[:200]]


@admin.register(AuditEntry)
class AuditEntryAdmin(OwnRowsAdmin):
    sees = Role.ADMIN
    list_display = ("moment", "what", "where", "about")
    list_display_links = ("moment", "what")
    list_filter = (SinceFilter, ActorFilter, AboutFilter)
    search_fields = ("actor", "action", "target", "detail")
    export_columns = ("at", "actor", "action", "target", "detail")
    search_help_text = _lazy("Person, action or target")
    date_hierarchy = "at"
    fields = ("at", "what", "actor", "action", "target", "before_and_after", "more")
    readonly_fields = fields

    moment = moment_column(_lazy("When"), "at")

    @display(description=_lazy("What happened"))
    def what(self, entry: AuditEntry) -> str:
        changed = _(", ").join(map(_named, _changes(entry)))
        return two_lines(sentence(entry), changed)

    @display(description=_lazy("From"))
    def where(self, entry: AuditEntry) -> str:
        return two_lines(
            sessions.localized_device(entry.detail.get("device") or "–"), entry.detail.get("address") or ""
        )

    @display(description=_lazy("Subject"), ordering="action")
    def about(self, entry: AuditEntry) -> str:
        return badge(_about(entry.action.partition(".")[0]), "info")

    @display(description=_lazy("Before and after"))
    def before_and_after(self, entry: AuditEntry) -> str:
        rows = [(_named(name), _text(before), _text(after)) for name, (before, after) in _changes(entry).items()]
        if not rows:
            return "–"
        head = format_html("<tr><th></th><th>{}</th><th>{}</th></tr>", _("Before"), _("After"))
        lines = format_html_join("", "<tr><th>{}</th><td><bdi>{}</bdi></td><td><bdi>{}</bdi></td></tr>", rows)
        return format_html('<table class="changes">{}{}</table>', head, lines)

    @display(description=_lazy("Details"))
    def more(self, entry: AuditEntry) -> str:
        rest = [
            (_named(name), _text(sessions.localized_device(value) if name == "device" else value))
            for name, value in entry.detail.items()
            if name != "changes"
        ]
        lines = format_html_join("", "<tr><th>{}</th><td><bdi>{}</bdi></td></tr>", rest)
        return format_html('<table class="changes">{}</table>', lines) if rest else "–"


def _about(name: str) -> str:
    return str(ABOUT[name]) if name in ABOUT else exporting.name_of(name)


def _named(name: str) -> str:
    return _(name.replace("_", " "))


def _changes(entry: AuditEntry) -> dict[str, list[Any]]:
    """Return the value before and the one after, by field."""
    changes = entry.detail.get("changes", {})
    pairs = changes.items() if isinstance(changes, dict) else ()
    return {name: pair for name, pair in pairs if isinstance(pair, list) and len(pair) == 2}


def _text(value: Any) -> str:
    if value in (None, ""):
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
