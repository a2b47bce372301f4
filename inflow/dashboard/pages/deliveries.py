"""Webhook deliveries, with their attempts."""

import json

from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow import masking
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.bulk import bulk
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.inlines import RowsInside
from inflow.dashboard.core.markup import badge, text_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import record, row_action
from inflow.dashboard.pages.webhooks import DISABLED
from webhooks import replaying
from webhooks.errors import EventTooOld, SubscriptionDisabled
from webhooks.models import Attempt, Delivery, DeliveryStatus

DELIVERY_BADGES = {DeliveryStatus.PENDING: "info", DeliveryStatus.DELIVERED: "success", DeliveryStatus.FAILED: "danger"}


def delivery_badge(delivery: Delivery) -> str:
    status = DeliveryStatus(delivery.status)
    if status == DeliveryStatus.PENDING and delivery.attempts_made:
        return badge(_("Retrying"), "warning")
    return badge(status.label, DELIVERY_BADGES.get(status, ""))


ERRORS = {
    "forbidden_target": _lazy("address not allowed"),
    "timeout": _lazy("no response in time"),
    "deadline": _lazy("response took too long"),
    "tls": _lazy("no secure connection"),
    "lookup": _lazy("host not found"),
    "connection": _lazy("no connection"),
    "protocol": _lazy("invalid HTTP response"),
    "secret_unreadable": _lazy("secret can't be read"),
    "internal": _lazy("error on our side"),
}


class AttemptInline(RowsInside):
    model = Attempt
    fields = readonly_fields = ("at", "result", "took", "response_shown")

    @display(description=_lazy("Result"))
    def result(self, attempt: Attempt) -> str:
        if attempt.status is None:
            return badge(str(ERRORS.get(attempt.error, attempt.error.replace("_", " "))), "danger")
        variant = "success" if 200 <= attempt.status < 300 else "danger"
        return badge(_("HTTP %(status)s") % {"status": attempt.status}, variant)

    @display(description=_lazy("Duration"))
    def took(self, attempt: Attempt) -> str:
        return _("%(count)s ms") % {"count": f"{attempt.ms:,}"}

    @display(description=_lazy("HTTP response"))
    def response_shown(self, attempt: Attempt) -> str:
        return format_html('<pre class="code">{}</pre>', attempt.response) if attempt.response else "–"


@admin.register(Delivery)
class DeliveryAdmin(OwnRowsAdmin):
    sees = Role.ADMIN
    list_display = ("event_type", "target", "status_shown", "attempts_made", "next_attempt_at", "created_at")
    list_filter = choices("status", "event__type")
    linked_by = ("subscription__id__exact",)
    list_select_related = ("event", "subscription")
    search_fields = ("event__id", "subscription__target_url")
    export_columns = (
        *(("event", "event__type"), "event_id", ("target_url", "subscription__target_url"), "status"),
        *("attempts_made", "next_attempt_at", "created_at", "id"),
    )
    fields = (
        ("event_type", "status_shown"),
        ("target", "event_id_shown"),
        ("created_at", "next_attempt_at"),
        "attempts_made",
        "body_shown",
    )
    readonly_fields = flatten(fields)
    inlines = (AttemptInline,)
    actions = ("replay_selected",)
    actions_detail = ("replay",)

    @row_action(
        _lazy("Send again"),
        needs=Role.ADMIN,
        icon="replay",
        fits=lambda delivery: delivery.status != DeliveryStatus.PENDING,
        intro=_lazy("Sends the same event to the same URL again, with the same ID."),
    )
    def replay(self, delivery: Delivery, actor: Actor, form: PageForm) -> str:
        try:
            replaying.replay(delivery)
        except SubscriptionDisabled as error:
            raise ValidationError(DISABLED) from error
        except EventTooOld as error:
            text = _("Events can be sent again for %(days)s days.") % {"days": replaying.REPLAY_WINDOW.days}
            raise ValidationError(text) from error
        record(delivery, actor, "delivery.replayed", event=delivery.event_id)
        return _("The event is being sent again, with the same ID.")

    replay_selected = bulk(replay)

    @display(description=_lazy("Event"), ordering="event__type")
    def event_type(self, delivery: Delivery) -> str:
        return delivery.event.get_type_display()

    @display(description=_lazy("Event ID"))
    def event_id_shown(self, delivery: Delivery) -> str:
        return format_html("<code>{}</code>", delivery.event_id)

    target = text_column(_lazy("To"), "subscription__target_url")

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, delivery: Delivery) -> str:
        return delivery_badge(delivery)

    @display(description=_lazy("Body"))
    def body_shown(self, delivery: Delivery) -> str:
        event = json.loads(masking.mask_links(delivery.event.body))
        body = json.dumps(event, indent=2, ensure_ascii=False)
        return format_html('<pre class="code">{}</pre>', body)
