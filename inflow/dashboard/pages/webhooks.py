"""Webhook subscriptions."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanSwitchWidget

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.accounts.plans import Plan
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import OwnAccountForm, PageForm
from inflow.dashboard.core.markup import badge, moment_column
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.responses import Secret, shown_once
from inflow.dashboard.core.row_actions import record, row_action
from inflow.dashboard.pages import zapier
from inflow.languages import choice_label
from webhooks import endpoints, replaying, subscriptions
from webhooks.api.serializers import SubscriptionIn
from webhooks.errors import SubscriptionDisabled, TooManySubscriptions
from webhooks.models import Delivery, DeliveryStatus, EventType, Subscription

DISABLED = _lazy("This webhook is disabled: enable it first.")
REASONS = {
    endpoints.REASON_GONE: _lazy("The endpoint responded that it is gone (HTTP 410)."),
    endpoints.REASON_FAILING: _lazy("No delivery succeeded for 120 hours."),
}
_CHECK = """from standardwebhooks import Webhook

event = Webhook("{secret}").verify(body, headers)"""


class SubscriptionForm(OwnAccountForm):
    """A new subscription, under the same rules as in the API."""

    target_url = forms.CharField(
        max_length=2000,
        label=_lazy("URL"),
        help_text=_lazy(
            "Each event is sent to it by POST as signed JSON. Failed deliveries are retried for three days."
        ),
    )
    events = forms.MultipleChoiceField(
        choices=EventType.choices,
        initial=[EventType.INVOICE_CREATED, EventType.INVOICE_STATUS_CHANGED],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def clean(self) -> None:
        data = self.cleaned_data
        if not self.errors:
            serializer = SubscriptionIn(data={"target_url": data["target_url"], "events": data["events"]})
            if not serializer.is_valid():
                errors = serializer.errors.items()
                raise ValidationError({name: [str(error) for error in found] for name, found in errors})


class SinceForm(PageForm):
    """A period whose events are sent again."""

    hours = forms.TypedChoiceField(
        coerce=int,
        label=_lazy("Events of"),
        choices=[
            (1, _lazy("the last hour")),
            (24, _lazy("the last day")),
            (72, _lazy("the last 3 days")),
            (336, _lazy("the last 14 days")),
        ],
    )

    only_failed = forms.BooleanField(
        required=False,
        initial=True,
        label=_lazy("Only failed deliveries"),
        help_text=_lazy("If off, delivered events are sent again too."),
        widget=UnfoldBooleanSwitchWidget,
    )

    @property
    def since(self) -> dt.datetime:
        """Return the beginning of the period, one minute later, so that the longest period is still allowed when it is
        checked."""
        return timezone.now() - dt.timedelta(hours=self.cleaned_data["hours"], minutes=-1)


def _all_used(account: Account, refusal: TooManySubscriptions) -> ValidationError:
    text = _("The %(plan)s plan includes %(count)s webhooks. All are in use; %(disabled)s of them are disabled.")
    count = account.limits.subscriptions
    return ValidationError(
        text % {"plan": choice_label(Plan, account.plan), "count": count, "disabled": refusal.disabled}
    )


class RotateForm(PageForm):
    """A choice to revoke the earlier secrets at once."""

    revoke = forms.BooleanField(
        required=False,
        label=_lazy("Revoke the earlier secrets at once"),
        help_text=_lazy(
            "For a secret that got into the wrong hands. Your system rejects events until it uses the new secret."
        ),
        widget=UnfoldBooleanSwitchWidget,
    )


def _shown(secret: str, back: str) -> Secret:
    return Secret(
        title=_("Webhook secret"),
        secret=secret,
        example_title=_("Verify the signature of each request (Standard Webhooks)"),
        example=_CHECK.format(secret=secret),
        back=back,
    )


@admin.register(Subscription)
class SubscriptionAdmin(OwnRowsAdmin):
    sees = adds = Role.ADMIN
    list_display = ("target_url", "event_list", "state", "health", "last_delivered")
    search_fields = ("target_url",)
    export_columns = ("target_url", "events", "is_active", "disabled_reason", "created_at", "id")
    fields = ("target_url", "event_list", ("state", "health"), "why", ("last_delivered", "created_at"), "deliveries")
    readonly_fields = flatten(fields)
    add_page = AddPage(
        SubscriptionForm,
        _lazy("Add a webhook"),
        _lazy("Subscribe"),
        _lazy("Notifies another system of events in this account. The secret that signs the requests is shown once."),
    )
    actions_detail = ("enable", "send_test", "replay_since", "rotate_secret", "unsubscribe")

    @row_action(
        _lazy("Enable"),
        needs=Role.ADMIN,
        icon="notifications_active",
        fits=lambda subscription: not subscription.is_active,
        intro=_lazy("Events are sent to this URL again from now on."),
        is_primary=True,
    )
    def enable(self, subscription: Subscription, actor: Actor, form: PageForm) -> str:
        try:
            is_new = subscriptions.enable(subscription)
        except TooManySubscriptions as refusal:
            raise _all_used(subscription.account, refusal) from refusal
        if is_new:
            record(subscription, actor, "subscription.enabled")
        return _("Events are sent from now on. Use “Send again” for those that were skipped.")

    @row_action(
        _lazy("Send a test event"),
        needs=Role.ADMIN,
        icon="send",
        fits=lambda subscription: subscription.is_active,
        intro=_lazy("Sends a webhook.test event to this URL only."),
    )
    def send_test(self, subscription: Subscription, actor: Actor, form: PageForm) -> str:
        try:
            event_id = subscriptions.send_test(subscription)
        except SubscriptionDisabled as error:
            raise ValidationError(DISABLED) from error
        return _("Test event %(event_id)s is being sent.") % {"event_id": event_id}

    @row_action(
        _lazy("Send again"),
        needs=Role.ADMIN,
        icon="replay",
        form=SinceForm,
        fits=lambda subscription: subscription.is_active,
        intro=_lazy("Sends the events of a period to this URL again, with the same IDs."),
    )
    def replay_since(self, subscription: Subscription, actor: Actor, form: SinceForm) -> str:
        try:
            count = replaying.replay_since(subscription, form.since, only_failed=form.cleaned_data["only_failed"])
        except SubscriptionDisabled as error:
            raise ValidationError(DISABLED) from error
        record(subscription, actor, "subscription.replayed", deliveries=count)
        return _("Events being sent again: %(count)s.") % {"count": count}

    @row_action(
        _lazy("Rotate secret"),
        needs=Role.ADMIN,
        icon="key",
        form=RotateForm,
        intro=_lazy("The new secret is shown once. Earlier secrets remain valid for 24 hours beside it."),
        is_grave=True,
    )
    def rotate_secret(self, subscription: Subscription, actor: Actor, form: RotateForm) -> Secret:
        revokes = form.cleaned_data["revoke"]
        secret = subscriptions.rotate_secret(subscription, revoke=revokes)
        record(subscription, actor, "subscription.secret_rotated", **({"revoke": True} if revokes else {}))
        return _shown(secret, self.url("change", subscription.pk))

    @row_action(
        _lazy("Unsubscribe"),
        needs=Role.ADMIN,
        icon="notifications_off",
        fits=lambda subscription: subscription.deleted_at is None,
        intro=_lazy("Ends the subscription and cancels its pending deliveries."),
        is_grave=True,
    )
    def unsubscribe(self, subscription: Subscription, actor: Actor, form: PageForm) -> str:
        if subscriptions.unsubscribe(subscription):
            record(subscription, actor, "subscription.ended")
        return _("Nothing is sent to %(target_url)s any more.") % {"target_url": subscription.target_url}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        rows: QuerySet[Subscription] = super().get_queryset(request).filter(deleted_at=None)
        delivered = Delivery.objects.filter(subscription=OuterRef("pk"), status=DeliveryStatus.DELIVERED)
        return rows.annotate(delivered_at=Subquery(delivered.order_by("-created_at").values("created_at")[:1]))

    def get_fields(self, request: HttpRequest, obj: Subscription | None = None) -> list[Any]:
        return [name for name in self.fields if name != "why" or (obj and not obj.is_active)]

    def get_urls(self) -> list[URLPattern]:
        return [path("zapier/", self.admin_site.admin_view(self.zapier), name="zapier"), *super().get_urls()]

    def zapier(self, request: HttpRequest) -> HttpResponse:
        return zapier.show(self, request)

    def after(self, row: Subscription) -> str:
        """Return the list's address when the subscription has ended, because it no longer has a page."""
        has_ended = Subscription.objects.get(pk=row.pk).deleted_at is not None
        return self.url("changelist") if has_ended else super().after(row)

    def add(self, request: HttpRequest, form: SubscriptionForm) -> HttpResponse:
        account, data = form.account, form.cleaned_data
        assert account is not None
        try:
            subscription, secret = subscriptions.subscribe(account, data["target_url"], data["events"])
        except TooManySubscriptions as error:
            raise _all_used(account, error) from error
        if secret is None:
            messages.info(request, _("This URL is already subscribed to these events."))
            return HttpResponseRedirect(self.url("change", subscription.pk))
        self.record(request, subscription, "created", events=subscription.events)
        return shown_once(self, request, _shown(secret, self.url("changelist")))

    @display(description=_lazy("Events"))
    def event_list(self, subscription: Subscription) -> str:
        return _(", ").join(str(EventType(event).label) for event in subscription.events)

    @display(description=_lazy("Why it is disabled"))
    def why(self, subscription: Subscription) -> str:
        return str(REASONS.get(subscription.disabled_reason, subscription.disabled_reason) or "–")

    @display(description=_lazy("State"), ordering="is_active")
    def state(self, subscription: Subscription) -> str:
        return badge(_("Active"), "success") if subscription.is_active else badge(_("Disabled"), "danger")

    @display(description=_lazy("Health"), ordering="failures")
    def health(self, subscription: Subscription) -> str:
        count, since = subscription.failures, subscription.failing_since
        if since is None:
            slow = badge(_("Slow"), "warning") if subscription.is_slow else badge(_("Good"), "success")
            return slow if subscription.is_active else "–"
        text = ngettext(
            "%(count)d failed attempt since %(moment)s", "%(count)d failed attempts since %(moment)s", count
        )
        moment = date_format(timezone.localtime(since), _("j M, H:i"))
        return badge(text % {"count": count, "moment": moment}, "danger")

    last_delivered = moment_column(_lazy("Last delivered"), "delivered_at")

    @display(description=_lazy("Deliveries"))
    def deliveries(self, subscription: Subscription) -> str:
        listed = reverse("admin:webhooks_delivery_changelist") + f"?subscription__id__exact={subscription.pk}"
        return format_html(
            '<a class="text-link" href="{}">{}</a> · <a class="text-link" href="{}&amp;status__exact=failed">{}</a>',
            listed,
            _("All"),
            listed,
            _("Failed"),
        )
