"""Messages to debtors."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.models.choices import Kind, Medium, State, Tone
from inflow.accounts.models import Account, Language
from invoices.models import AccountQuerySet, Debtor, Invoice


class Communication(models.Model):
    """One message about one invoice, from planning to reply. It keeps the text as it was sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Shared by all rows of a message about several invoices.
    message_id = models.UUIDField(default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="communications")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="communications")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="communications")
    round = models.PositiveSmallIntegerField(default=0)
    step = models.SmallIntegerField(null=True, help_text=_lazy("The step's offset from the due date, in days."))
    kind = models.CharField(max_length=20, choices=Kind)
    try_number = models.PositiveSmallIntegerField(default=1)
    channel = models.CharField(max_length=10, choices=Medium)
    status = models.CharField(max_length=12, choices=State, default=State.SCHEDULED)
    waits_for = models.CharField(
        max_length=20, blank=True, editable=False, help_text=_lazy("The reason for the last postponement.")
    )
    suppressed_reason = models.CharField(max_length=40, blank=True)
    recipient = models.CharField(max_length=254, blank=True)
    # It has several recipients, of whom `recipient` is the first. Each has a `Copy`.
    has_copies = models.BooleanField(default=False, db_default=False, editable=False)
    language = models.CharField(max_length=2, choices=Language)
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)
    html = models.TextField(blank=True)
    tone = models.CharField(max_length=10, choices=Tone, blank=True)
    amount = models.DecimalField(
        max_digits=18, decimal_places=3, null=True, help_text=_lazy("The balance as it was sent.")
    )
    asked = models.DecimalField(
        max_digits=18,
        decimal_places=3,
        null=True,
        help_text=_lazy("What the message asked for: the balance less its share of the debtor's credit."),
    )
    scheduled_for = models.DateTimeField()
    not_before = models.DateTimeField(
        null=True,
        editable=False,
        help_text=_lazy(
            "The earliest time, regardless of the debtor's facts: the step's day, a retry, or the end of the cool-off."
        ),
    )
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When a worker began to send it, in real time.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)
    provider_id = models.CharField(
        max_length=255, blank=True, editable=False, help_text=_lazy("The gateway's own ID, or that of the mail.")
    )
    # The class of the final refusal: address, mailbox, ours or opted_out.
    refusal = models.CharField(max_length=10, blank=True, editable=False)
    # The number of refusals of class `ours`, each of which postpones the message.
    refusals = models.PositiveSmallIntegerField(default=0, editable=False)
    # A user's own text before rendering.
    own_subject = models.CharField(max_length=300, blank=True, editable=False)
    own_body = models.TextField(blank=True, editable=False)
    closes_channel = models.BooleanField(
        default=False, editable=False, help_text=_lazy("Failed for good: the step continues on another channel.")
    )
    attachments = models.JSONField(
        default=list,
        db_default=[],
        editable=False,
        help_text=_lazy("Name, size, SHA-256 and id of each document that the email contains."),
    )
    segments = models.PositiveSmallIntegerField(null=True, editable=False, help_text=_lazy("Billed SMS segments."))
    approved_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the held message was approved.")
    )
    approved_by = models.CharField(max_length=254, blank=True, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("message")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "round", "step", "kind", "try_number"], name="a_step_is_tried_once_per_number"
            ),
            models.UniqueConstraint(
                fields=["invoice", "round", "step", "kind"],
                condition=Q(status__in=["scheduled", "held", "sending"]),
                name="one_try_of_a_step_at_a_time",
            ),
            models.CheckConstraint(condition=Q(status__in=State.values), name="communication_status_is_known"),
            # One message may be about several invoices.
            models.UniqueConstraint(
                fields=["account", "provider_id", "invoice"],
                condition=~Q(provider_id=""),
                name="a_provider_id_is_of_one_message",
            ),
        ]
        indexes = [
            models.Index(fields=["scheduled_for"], name="communication_due", condition=Q(status="scheduled")),
            models.Index(fields=["claimed_at"], name="communication_claimed", condition=Q(status="sending")),
            models.Index(
                fields=["debtor", "scheduled_for"], name="communication_of_debtor_due", condition=Q(status="scheduled")
            ),
            models.Index(
                fields=["debtor", "sent_at"], name="communication_contacts", condition=Q(sent_at__isnull=False)
            ),
            models.Index(fields=["message_id"], name="communication_of_message"),
            models.Index(fields=["provider_id"], name="communication_of_provider", condition=~Q(provider_id="")),
            models.Index(fields=["account", "-sent_at", "-id"], name="communication_by_sending"),
            models.Index(fields=["account", "-created_at", "-id"], name="communication_newest"),
        ]

    def __str__(self) -> str:
        return _("%(kind)s to %(recipient)s") % {"kind": self.get_kind_display(), "recipient": self.recipient}

    def follow_invoice(self) -> None:
        """File a message that goes back to its gate under the debtor to whom its invoice moved meanwhile."""
        if self.debtor_id != self.invoice.debtor_id:
            self.debtor, self.message_id = self.invoice.debtor, uuid.uuid4()
