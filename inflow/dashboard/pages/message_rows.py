"""Messages on the pages of invoices and debtors."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from communications.delivery import notices, reasons
from communications.models import Communication, Copy, State
from communications.schedule import standstill
from inflow.dashboard.core.inlines import RowsInside
from inflow.dashboard.core.markup import badge, bdi, link, moment, two_lines
from invoices.models import Invoice

STATE_BADGES = {
    State.SCHEDULED: "info",
    State.HELD: "warning",
    State.SENDING: "info",
    State.SENT: "success",
    State.DELIVERED: "success",
    State.READ: "success",
    State.REPLIED: "primary",
    State.BOUNCED: "danger",
    State.FAILED: "danger",
    State.UNKNOWN: "warning",
}


@display(description=_lazy("Status"), ordering="status")
def state_badge(communication: Communication | Copy) -> str:
    state = State(communication.status)
    text = _("Unknown") if state == State.UNKNOWN else state.label
    return badge(text, STATE_BADGES.get(state, ""))


@display(description=_lazy("Planned for"), ordering="scheduled_for")
def planned(communication: Communication) -> str:
    """Return the time of a planned message. While messages are stopped, there is none."""
    if communication.status == State.SCHEDULED and getattr(communication, "is_stopped", False):
        return two_lines("–", reasons.describe("stopped"))
    return moment(communication.scheduled_for)


@display(description=_lazy("Reason"))
def why(communication: Communication) -> str:
    """Return why a message waits or was not sent, with the server's response if the server rejected it."""
    waits = communication.waits_for if communication.status == State.SCHEDULED else ""
    if communication.status == State.SCHEDULED and getattr(communication, "is_stopped", False):
        waits = "stopped"
    if waits in notices.REFUSED_BY_SERVER and communication.error:
        return f"{reasons.describe(waits)}: {communication.error}"
    return reasons.describe(waits or communication.suppressed_reason or communication.error) or "–"


class MessageInline(RowsInside):
    model = Communication
    verbose_name_plural: Any = _lazy("messages")
    fields: tuple[Any, ...] = ("about", "recipient_shown", state_badge, why, planned, "sent_at")
    readonly_fields = fields
    ordering = ("-scheduled_for", "-created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Communication]:
        return standstill.with_is_stopped(super().get_queryset(request))

    @display(description=_lazy("Message"))
    def about(self, communication: Communication) -> str:
        url = reverse("admin:communications_communication_change", args=[communication.pk])
        return link(url, communication.subject or communication.get_kind_display())

    @display(description=_lazy("To"))
    def recipient_shown(self, communication: Communication) -> str:
        return bdi(communication.recipient or "–")


def messages_of(invoice: Invoice) -> list[dict[str, Any]]:
    """Return the invoice's sent messages, for its timeline."""
    sent = Communication.objects.filter(invoice=invoice, sent_at__isnull=False).defer("html")
    return [
        {
            "at": row.sent_at,
            "kind": "sent",
            "message": row,
            "status": state_badge(row),
            "direction": "rtl" if row.language == "ar" else "ltr",
            "url": reverse("admin:communications_communication_change", args=[row.pk]),
        }
        for row in sent
    ]


class UnsentInline(MessageInline):
    """Planned messages and those that were not sent. The others are on the timeline."""

    verbose_name_plural = _lazy("Planned and unsent messages")
    fields = ("about", "recipient_shown", state_badge, why, planned)
    readonly_fields = fields

    @classmethod
    def has_rows(cls, row: Any) -> bool:
        return Communication.objects.filter(invoice=row, sent_at=None).exists()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Communication]:
        rows: QuerySet[Communication] = super().get_queryset(request).filter(sent_at=None)
        return rows
