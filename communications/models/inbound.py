"""Replies and answers of debtors, and the state of their addresses."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.models.choices import Medium
from communications.models.messages import Communication
from inflow.accounts.models import Account
from invoices.models import AccountQuerySet, Debtor, Invoice


class Address(models.Model):
    """State of one address: bounced, opted out or in, and the last inbound message."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=10, choices=Medium)
    address = models.CharField(max_length=254)
    invalid_at = models.DateTimeField(null=True)
    invalid_because = models.CharField(max_length=300, blank=True)
    opted_out_at = models.DateTimeField(null=True)
    opted_in_at = models.DateTimeField(
        null=True, help_text=_lazy("When they agreed to messages, as WhatsApp requires.")
    )
    heard_at = models.DateTimeField(
        null=True, help_text=_lazy("When the last WhatsApp message from this number arrived.")
    )
    has_one_reader = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_lazy("One person reads it for several debtors, so the contact limits apply to it too."),
    )

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "channel", "address"], name="an_address_is_known_once"),
        ]
        indexes = [
            models.Index(fields=["account"], name="address_with_one_reader", condition=Q(has_one_reader=True)),
        ]

    def __str__(self) -> str:
        return self.address


class Source(models.TextChoices):
    """Sources of opt-outs and opt-ins."""

    PAGE = "page", _lazy("Debtor page")
    UNSUBSCRIBE = "unsubscribe", _lazy("Unsubscribe link")
    EMAIL = Medium.EMAIL.value, _lazy("Email")
    SMS = Medium.SMS.value, _lazy("SMS")
    WHATSAPP = Medium.WHATSAPP.value, _lazy("WhatsApp")
    STAFF = "staff", _lazy("Staff")
    PROVIDER = "provider", _lazy("The provider")


class Wish(models.TextChoices):
    OPTED_OUT = "opted_out", _lazy("Opted out")
    OPTED_IN = "opted_in", _lazy("Opted in")


class ConsentEntry(models.Model):
    """An entry of the consent log: an opt-out or opt-in with its source and text. Append-only."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, null=True, related_name="consents")
    channel = models.CharField(max_length=10, choices=Medium, blank=True, help_text=_lazy("Empty: all channels."))
    address = models.CharField(max_length=254, blank=True)
    what = models.CharField(max_length=10, choices=Wish)
    source = models.CharField(max_length=12, choices=Source)
    text = models.TextField(blank=True, help_text=_lazy("The debtor's words, or the reason."))
    at = models.DateTimeField(help_text=_lazy("The account's time."))
    actor = models.CharField(max_length=254)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = _lazy("consent log")
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(what__in=Wish.values), name="a_wish_is_known"),
            models.CheckConstraint(
                condition=~Q(what="opted_in", text=""), name="who_is_written_to_again_has_a_reason_in_the_log"
            ),
        ]
        indexes = [models.Index(fields=["account", "-at", "-id"], name="consent_newest")]

    def __str__(self) -> str:
        return _("%(what)s: %(where)s") % {"what": self.get_what_display(), "where": self.address or _("all channels")}


class AnswerKind(models.TextChoices):
    PAID = "paid", _lazy("Has paid")
    PROMISE = "promise", _lazy("Will pay")
    DISPUTE = "dispute", _lazy("Disputes it")


class AnswerStatus(models.TextChoices):
    PROPOSED = "proposed", _lazy("To be handled")
    CONFIRMED = "confirmed", _lazy("Confirmed")
    DISMISSED = "dismissed", _lazy("Dismissed")


class Answer(models.Model):
    """A debtor's answer about one invoice on the debtor's page. `day` is the day of the payment or the promised day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="answers")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="answers")
    kind = models.CharField(max_length=10, choices=AnswerKind)
    status = models.CharField(max_length=10, choices=AnswerStatus, default=AnswerStatus.PROPOSED)
    took_effect = models.BooleanField(default=False, help_text=_lazy("Immediately, without approval."))
    day = models.DateField(null=True)
    reference = models.CharField(max_length=100, blank=True)
    text = models.TextField(blank=True)
    # In the account's time.
    said_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    handled_by = models.CharField(max_length=254, blank=True)
    handled_because = models.TextField(blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-said_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "kind"],
                condition=Q(status="proposed"),
                name="one_answer_of_a_kind_waits_for_an_invoice",
            ),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(kind="promise", took_effect=True),
                name="an_invoice_is_promised_once_from_the_page",
            ),
            models.CheckConstraint(condition=Q(status__in=AnswerStatus.values), name="answer_status_is_known"),
        ]
        indexes = [
            models.Index(fields=["account", "-said_at", "-id"], name="answer_newest"),
            models.Index(fields=["debtor"], name="answer_waiting", condition=Q(status="proposed")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.invoice}"


class Triage(models.TextChoices):
    """Classification of a reply."""

    STOP = "stop", _lazy("Stop messages")
    PAID = "paid", _lazy("Has paid")
    PROMISE = "promise", _lazy("Will pay")
    DISPUTE = "dispute", _lazy("Disputes it")
    WRONG_PERSON = "wrong_person", _lazy("Wrong person")
    OTHER = "other", _lazy("Something else")


class ReplyStatus(models.TextChoices):
    PROPOSED = "proposed", _lazy("To be handled")
    CONFIRMED = "confirmed", _lazy("Confirmed")
    DISMISSED = "dismissed", _lazy("Dismissed")


class Reply(models.Model):
    """A message from a debtor and its classification: a proposal for staff, unless `took_effect` is set.

    The message is stored before it is processed. Then `text` is reduced to the debtor's own words, and `original` keeps
    the whole message if it is longer. `received_at`, `read_at` and `handled_at` are in the account's time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="replies")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, null=True, related_name="replies")
    communication = models.ForeignKey(Communication, on_delete=models.PROTECT, null=True, related_name="replies")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=10, choices=Medium)
    address = models.CharField(max_length=254)
    # The recipient of the copy that it answers. Empty if the message has no copies.
    recipient = models.CharField(max_length=254, blank=True, db_default="", editable=False)
    text = models.TextField()
    original = models.TextField(
        blank=True, help_text=_lazy("The complete message with the quoted mail. Empty: same as the text.")
    )
    provider_id = models.CharField(max_length=255)
    triage = models.CharField(max_length=12, choices=Triage, default=Triage.OTHER)
    promised_on = models.DateField(null=True, help_text=_lazy("The promised date in the text."))
    paid_on = models.DateField(null=True, help_text=_lazy("The payment date in the text."))
    reference = models.CharField(max_length=100, blank=True)
    amount = models.DecimalField(max_digits=18, decimal_places=3, null=True)
    asks_to_stop = models.BooleanField(default=False, help_text=_lazy("Asks for no more messages, in any words."))
    took_effect = models.BooleanField(default=False, help_text=_lazy("Opted out automatically."))
    read_at = models.DateTimeField(null=True, help_text=_lazy("When the message was classified."))
    status = models.CharField(max_length=10, choices=ReplyStatus, default=ReplyStatus.PROPOSED)
    handled_by = models.CharField(max_length=254, blank=True)
    handled_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = _lazy("replies")
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "channel", "provider_id"], name="a_reply_is_heard_once"),
        ]
        indexes = [
            models.Index(fields=["debtor"], name="reply_to_be_read", condition=Q(status="proposed")),
            models.Index(fields=["account", "-received_at", "-id"], name="reply_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_triage_display()}, {self.address}"

    @property
    def whole_text(self) -> str:
        """The message as it was received."""
        return self.original or self.text
