"""Templates, sender profiles and gateways of an account."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.models.choices import Kind, Medium, Tone
from inflow.accounts.models import Account, Language
from invoices.models import AccountQuerySet


class MessageTemplate(models.Model):
    """An account's own texts, used before the built-in ones. See `communications/content/template_language.py`."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    tone = models.CharField(max_length=10, choices=Tone, blank=True, help_text=_lazy("Empty: any."))
    channel = models.CharField(max_length=10, choices=Medium)
    language = models.CharField(max_length=2, choices=Language)
    subject = models.CharField(max_length=500, blank=True, help_text=_lazy("For emails only."))
    body = models.TextField()
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "tone", "channel", "language"], name="a_template_is_written_once_for_its_use"
            ),
            models.CheckConstraint(
                condition=~Q(channel="email") | ~Q(subject=""), name="a_template_of_an_email_has_a_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.tone or 'any tone'}, {self.channel}, {self.language}"


class SenderProfile(models.Model):
    """Name, reply address, payment instructions and logo of an account in its messages."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="sender_profile")
    display_name = models.CharField(
        max_length=100, blank=True, help_text=_lazy("The sender's name. Empty: the account's.")
    )
    reply_to = models.EmailField(_lazy("replies go to"), blank=True)
    phone = models.CharField(_lazy("signature phone"), max_length=40, blank=True)
    payment_en = models.TextField(
        _lazy("payment instructions in English"),
        max_length=1000,
        blank=True,
        help_text=_lazy("Plain text: bank, account, IBAN."),
    )
    payment_ar = models.TextField(_lazy("payment instructions in Arabic"), max_length=1000, blank=True)
    logo = models.BinaryField(null=True, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    def __str__(self) -> str:
        return self.display_name or self.account.name


class Gateway(models.Model):
    """An HTTP server with Twilio's Messages API, for an account's SMS or WhatsApp messages."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="gateways")
    channel = models.CharField(
        max_length=10, choices=[(each.value, each.label) for each in (Medium.SMS, Medium.WHATSAPP)]
    )
    base_url = models.CharField(_lazy("base URL"), max_length=200)
    account_sid = models.CharField(_lazy("account SID"), max_length=64)
    sealed_auth_token = models.TextField(editable=False)
    sender = models.CharField(
        max_length=64, help_text=_lazy("A number (+971…), a registered sender name, or a messaging service (MG…).")
    )
    # Approved WhatsApp templates: `kind.language` to the provider's id.
    content_sids = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(_lazy("active"), default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["account", "channel"]
        constraints = [
            models.UniqueConstraint(fields=["account", "channel"], name="one_gateway_for_a_channel"),
            models.CheckConstraint(
                condition=Q(channel__in=["sms", "whatsapp"]), name="a_gateway_is_for_sms_or_whatsapp"
            ),
        ]

    def __str__(self) -> str:
        return _("%(channel)s by %(sender)s") % {"channel": self.get_channel_display(), "sender": self.sender}


class SenderHealth(models.Model):
    """The refusals of a mail server or gateway since it last accepted a message, and the pause that they caused.

    See `communications/channels/pauses.py`. The times are those of the account's own clock if it has one, else real
    time.
    """

    key = models.CharField(max_length=100, primary_key=True)
    refused_at = ArrayField(models.DateTimeField(), default=list)
    said = models.CharField(max_length=300, blank=True)  # the server's last refusal
    paused_until = models.DateTimeField(null=True)
    pauses = models.PositiveSmallIntegerField(default=0)  # in a row
    probe_until = models.DateTimeField(null=True)  # the probe is being sent until then
    told_at = models.DateTimeField(null=True)  # last notice to platform staff

    class Meta:
        verbose_name_plural = "sender health"

    def __str__(self) -> str:
        return self.key


class Notice(models.Model):
    """The time of the last notice to an account's admins, which are sent once a day."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    about = models.CharField(max_length=20)
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "about"], name="one_notice_about_each_thing")]

    def __str__(self) -> str:
        return self.about
