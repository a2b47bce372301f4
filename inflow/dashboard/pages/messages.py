"""Messages to debtors: planned, sent and held."""

import email
import email.policy
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from communications.channels import local_gateway, outbox
from communications.content import profiles
from communications.delivery import manual, reasons, safeguards
from communications.models import LEFT_US, Communication, Copy, Medium, State
from communications.schedule import holding, standstill
from inflow import masking
from inflow.accounts.actors import Actor
from inflow.dashboard.core.filters import Options, OptionsFilter, choices
from inflow.dashboard.core.forms import PageForm, TextField
from inflow.dashboard.core.markup import bdi, moment_column, two_lines
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages.about_invoice import AMOUNT, COMPANY, CURRENCY, DEBTOR, NUMBER, AboutInvoice
from inflow.dashboard.pages.forms import OptionalReasonForm
from inflow.dashboard.pages.message_rows import planned, state_badge, why


def _has_mail(row: Communication) -> bool:
    return outbox.read(str(row.message_id)) is not None


class ReplyForm(PageForm):
    text = TextField(max_length=1600)


def _copies_of(row: Communication) -> list[dict[str, Any]]:
    """Return the copies of a message with several recipients, each with its status and text."""
    copies = Copy.objects.filter(message_id=row.message_id) if row.has_copies else ()
    return [
        {
            "copy": copy,
            "status": state_badge(copy),
            "why": copy.error and reasons.describe(copy.error),
            "direction": "rtl" if copy.language == "ar" else "ltr",
        }
        for copy in copies
    ]


def _takes_test_reply(row: Communication) -> bool:
    return settings.TRY_OUT and row.channel != Medium.EMAIL and row.status in (*LEFT_US, State.UNKNOWN)


class WaitsFilter(OptionsFilter):
    title, parameter_name = _lazy("waits for"), "waits"
    options: ClassVar[Options] = {
        "held": (_lazy("Approval"), Q(status=State.HELD)),
        **{
            reason: (capfirst(text), Q(status=State.SCHEDULED, waits_for=reason))
            for reason, text in holding.REASONS.items()
        },
    }


@admin.register(Communication)
class CommunicationAdmin(AboutInvoice):
    """Messages. They are never edited."""

    list_display = ("about", "invoice_link", "recipient_shown", "kind", state_badge, planned, "sent")
    list_filter = (*choices("status", "kind", "channel", "language"), WaitsFilter)
    search_fields = ("invoice__invoice_number", "recipient", "subject")
    export_columns = (
        *(NUMBER, DEBTOR, COMPANY, "kind", "channel", "status", "suppressed_reason", "recipient", "language"),
        *("subject", AMOUNT, CURRENCY, "step", "scheduled_for", "sent_at", "delivered_at", "error", "id"),
    )
    search_help_text = _lazy("Invoice number, recipient or subject")
    fields = ()
    actions_detail = ("mail", "release", "call_back", "cancel", "answer")

    @page_action(_lazy("Download email"), icon="download", fits=_has_mail)
    def mail(self, request: HttpRequest, communication: Communication) -> HttpResponse:
        """Respond with the email from the local outbox. It only reads, so GET is permitted. Viewers are excluded
        because it has links to the debtor's page."""
        content = outbox.read(str(communication.message_id))
        if content is None:
            raise Http404
        response = HttpResponse(content, content_type="message/rfc822")
        response["Content-Disposition"] = f'attachment; filename="{communication.message_id}.eml"'
        return response

    @row_action(
        _lazy("Release"),
        icon="check_circle",
        fits=lambda row: row.status == State.HELD,
        intro=_lazy("The message is sent after the cool-off period, at the next permitted time."),
        is_primary=True,
    )
    def release(self, row: Communication, actor: Actor, form: PageForm) -> str:
        released = safeguards.approve(row.account, row.pk, actor)
        moment = date_format(released.scheduled_for.astimezone(row.account.zone), _("j F, H:i"))
        return _("Released. The message is scheduled for %(moment)s.") % {"moment": moment}

    @row_action(
        _lazy("Recall"),
        icon="undo",
        fits=lambda row: row.status == State.SCHEDULED and row.approved_at is not None,
        intro=_lazy("The message is held again until a person releases or cancels it."),
    )
    def call_back(self, row: Communication, actor: Actor, form: PageForm) -> str:
        safeguards.withdraw_approval(row.account, row.pk, actor)
        return _("Recalled. The message is held again.")

    @row_action(
        _lazy("Cancel message"),
        icon="cancel",
        form=OptionalReasonForm,
        fits=lambda row: row.status == State.HELD or (row.status == State.SCHEDULED and row.step is None),
        intro=_lazy("The message is not sent. The reminder schedule continues with the next step."),
        is_grave=True,
    )
    def cancel(self, row: Communication, actor: Actor, form: OptionalReasonForm) -> str:
        cancel = manual.cancel if row.step is None else safeguards.cancel
        cancel(row.account, row.pk, actor, reason=form.cleaned_data["reason"])
        return _("The message is cancelled.")

    @row_action(
        _lazy("Reply as the debtor"),
        icon="reply",
        form=ReplyForm,
        fits=_takes_test_reply,
        intro=_lazy("For testing: the local gateway delivers the reply, signed like a provider's."),
    )
    def answer(self, row: Communication, actor: Actor, form: ReplyForm) -> str:
        if not _takes_test_reply(row) or not local_gateway.reply(row, form.cleaned_data["text"]):
            raise ValidationError(_("You can't reply to this message here."))
        return _("The reply has been sent. It appears under Replies in a moment.")

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        communication = self.get_object(request, object_id)
        content = outbox.read(str(communication.message_id))
        headers = email.message_from_bytes(content, policy=email.policy.default) if content else None
        message = {
            "status": state_badge(communication),
            "why": why(communication),
            "direction": "rtl" if communication.language == "ar" else "ltr",
            "sender": headers and headers["From"],
            "replies": [(reply, masking.mask_links(reply.text)) for reply in communication.replies.all()],
            "html": profiles.with_logo(communication.html, profiles.of(communication.account)),
            "copies": _copies_of(communication),
            "invoice_url": reverse("admin:invoices_invoice_change", args=[communication.invoice_id]),
        }
        return {"message": message}

    @display(description=_lazy("Message"), ordering="subject")
    def about(self, communication: Communication) -> str:
        beginning = " ".join(communication.body[:90].split())
        return bdi(communication.subject or beginning or communication.get_kind_display())

    @display(description=_lazy("To"), ordering="recipient")
    def recipient_shown(self, communication: Communication) -> str:
        is_mail = communication.channel == Medium.EMAIL
        return two_lines(communication.recipient or "–", "" if is_mail else communication.get_channel_display())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Communication]:
        return standstill.with_is_stopped(super().get_queryset(request))

    sent = moment_column(_lazy("Sent"), "sent_at")
