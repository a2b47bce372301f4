"""Messages that a person writes to a debtor: shown first, and sent by a second POST."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.contacts import addresses
from communications.content import linters, profiles, template_language
from communications.content.errors import InvalidTemplate
from communications.delivery import manual
from communications.delivery.errors import PreviewOutdated
from communications.delivery.manual import MessageRequest, Preview
from communications.models import Communication, Kind, Medium, State
from communications.schedule import one_off, policies
from inflow.accounts.access import actor
from inflow.accounts.models import Language
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import page
from inflow.dashboard.pages.forms import refusals_on
from invoices.models import Invoice

_KINDS = {
    Kind.MANUAL: _lazy("A message about what is open"),
    Kind.PROMISE_FOLLOWUP: _lazy("A word about their promise to pay"),
    Kind.THANK_YOU: _lazy("Thanks for the payment"),
}


class SendForm(PageForm):
    """A message to be sent. `key` is its id from the first preview on; `seal` identifies the last preview."""

    kind = forms.ChoiceField(label=_lazy("What it says"))
    channel = forms.ChoiceField(label=_lazy("Sent by"))
    language = forms.ChoiceField(label=_lazy("Language"), choices=Language.choices)
    subject = forms.CharField(
        label=_lazy("Your own subject"), required=False, max_length=template_language.SUBJECT_LIMIT
    )
    text = forms.CharField(
        label=_lazy("Your own words"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_lazy(
            "Empty: the words of the template. An email gets the list of what is open, and the link to their page."
        ),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)
    seal = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        invoice: Invoice = self.row
        kind, channel = self.fields["kind"], self.fields["channel"]
        assert isinstance(kind, forms.ChoiceField)
        assert isinstance(channel, forms.ChoiceField)
        kinds = one_off.kinds_for(invoice)
        kind.choices = [(each, _KINDS[each]) for each in kinds]
        channel.choices = [(medium, _way(invoice, medium)) for medium in policies.ALL_CHANNELS]
        if Kind.MANUAL not in kinds:
            del self.fields["subject"], self.fields["text"]
        self.initial = {
            **self.initial,
            "kind": kinds[0] if kinds else "",
            "channel": addresses.choose(invoice, policies.ALL_CHANNELS).channel,
            "language": invoice.debtor.language or invoice.language,
            "key": uuid.uuid4(),
        }

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors or data["kind"] != Kind.MANUAL:
            return data
        subject, text, channel = data["subject"], data["text"], data["channel"]
        if bool(subject) != bool(text) and channel == Medium.EMAIL:
            raise ValidationError(_("An email of your own words needs both, subject and text."))
        if len(text) > template_language.LIMITS[Medium(channel)]:
            raise ValidationError(
                {"text": _("At most %(most)d characters.") % {"most": template_language.LIMITS[Medium(channel)]}}
            )
        try:
            template_language.check(text, channel)
            template_language.check_subject(subject, channel)
        except InvalidTemplate as error:
            raise ValidationError({"text": str(error)}) from error
        return data

    def asked(self) -> MessageRequest:
        data = self.cleaned_data if self.is_bound else self.initial
        own = data["kind"] == Kind.MANUAL
        return MessageRequest(
            data["kind"],
            data["channel"],
            data["language"],
            data.get("subject", "") if own else "",
            data.get("text", "") if own else "",
        )


def _way(invoice: Invoice, medium: Medium) -> str:
    """Return a channel with its address, or the reason that there is none."""
    chosen = addresses.choose(invoice, [medium])
    missing = {
        "no_channel": _("not set up"),
        "no_contact": _("no address is known"),
        "invalid_contact": _("the address does not work"),
        "opted_out": _("opted out"),
    }
    return f"{medium.label}: {chosen.address or missing[chosen.missing]}"


def send_now(model_admin: OwnRowsAdmin, request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """GET and the first POST show the message; the POST with `confirm` sends it."""
    back = model_admin.url("change", invoice.pk)
    form = SendForm(request.POST if request.method == "POST" else None, row=invoice)
    seen, note = None, ""
    if not one_off.kinds_for(invoice):
        note = _("The invoice is closed: there is nothing to write about.")
    elif not form.is_bound or form.is_valid():
        try:
            with refusals_on(form):
                if "confirm" in request.POST:
                    try:
                        sent = manual.send(
                            invoice.account,
                            invoice.pk,
                            actor(request),
                            form.asked(),
                            key=form.cleaned_data["key"],
                            digest=form.cleaned_data["seal"],
                        )
                    except PreviewOutdated:
                        note = _("The message has changed. Check the preview and send it again.")
                    else:
                        _tell(request, sent)
                        return HttpResponseRedirect(back)
                seen = manual.preview(invoice.account, invoice.pk, actor(request), form.asked())
        except ValidationError as refusal:
            form.add_error(None, refusal)
    context = {"title": _("Write to the debtor"), "form": form, "invoice": invoice, "back": back, "note": note}
    return page(model_admin, request, "admin/communications/send_now.html", {**context, **_shown(seen)})


def _shown(seen: Preview | None) -> dict[str, Any]:
    if seen is None:
        return {}
    row = seen.message
    size = linters.size(row.body) if row.channel == Medium.SMS else None
    return {
        "seen": seen,
        "written": row,
        "direction": "rtl" if row.language == Language.ARABIC else "ltr",
        "html": profiles.with_logo(row.html, profiles.of(row.account)),
        "later": seen.deferred_until and moment(seen.deferred_until),
        "size": size,
    }


def _tell(request: HttpRequest, sent: Communication) -> None:
    """Tell the person the result."""
    to = {"recipient": sent.recipient, "channel": sent.get_channel_display()}
    if sent.status == State.SCHEDULED:
        goes = {"moment": moment(sent.scheduled_for)}
        messages.info(
            request, _("The message is scheduled for %(moment)s, unless something holds it back then.") % goes
        )
    elif sent.status == State.FAILED:
        messages.error(request, _("It was refused: %(error)s") % {"error": sent.error})
    elif sent.status == State.UNKNOWN:
        messages.warning(request, _("It may not have reached %(recipient)s: the server did not respond.") % to)
    else:
        messages.success(request, _("Sent to %(recipient)s by %(channel)s.") % to)


def moment(at: Any) -> str:
    """Return a moment in the reader's time zone."""
    return date_format(timezone.localtime(at), _("j F, H:i"))
