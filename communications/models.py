"""What was, is or will be written to debtors."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from inflow.accounts.models import Account, Language
from invoices.models import AccountQuerySet, Debtor, Invoice


class Kind(models.TextChoices):
    REMINDER = "reminder", "Reminder"
    FOLLOW_UP = "follow_up", "Follow-up"
    FINAL_NOTICE = "final_notice", "Final notice"
    MANUAL = "manual", "Manual"
    PROMISE_FOLLOWUP = "promise_followup", "Promise follow-up"
    THANK_YOU = "thank_you", "Thank you"


class Medium(models.TextChoices):
    EMAIL = "email", "Email"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"


class State(models.TextChoices):
    """`scheduled → sending → sent → delivered → read → replied`, and the ways out."""

    SCHEDULED = "scheduled", "Scheduled"
    HELD = "held", "Held for a person"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    REPLIED = "replied", "Replied"
    BOUNCED = "bounced", "Bounced"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown: it may have arrived"
    SUPPRESSED = "suppressed", "Suppressed"
    CANCELLED = "cancelled", "Cancelled"


LEFT_US = (State.SENT, State.DELIVERED, State.READ, State.REPLIED, State.BOUNCED)


class Communication(models.Model):
    """One message about one invoice, from its plan to its answer. What was sent is frozen on it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Several invoices in one message share it.
    message_id = models.UUIDField(default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="communications")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="communications")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="communications")
    round = models.PositiveSmallIntegerField(default=0)
    step = models.SmallIntegerField(null=True, help_text="The step's offset from the due date, in days.")
    kind = models.CharField(max_length=20, choices=Kind)
    try_number = models.PositiveSmallIntegerField(default=1)
    channel = models.CharField(max_length=10, choices=Medium)
    status = models.CharField(max_length=12, choices=State, default=State.SCHEDULED)
    suppressed_reason = models.CharField(max_length=40, blank=True)
    recipient = models.CharField(max_length=254, blank=True)
    language = models.CharField(max_length=2, choices=Language)
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)
    html = models.TextField(blank=True)
    scheduled_for = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = "message"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "round", "step", "kind", "try_number"],
                name="a_step_is_tried_once_per_number",
            ),
            models.UniqueConstraint(
                fields=["invoice", "round", "step", "kind"],
                condition=Q(status__in=["scheduled", "held", "sending"]),
                name="one_try_of_a_step_at_a_time",
            ),
            models.CheckConstraint(condition=Q(status__in=State.values), name="communication_status_is_known"),
        ]
        indexes = [
            models.Index(fields=["scheduled_for"], name="communication_due", condition=Q(status="scheduled")),
            models.Index(fields=["sent_at"], name="communication_in_flight", condition=Q(status="sending")),
            models.Index(fields=["account", "-sent_at", "-id"], name="communication_by_sending"),
            models.Index(fields=["account", "-created_at", "-id"], name="communication_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.recipient}"
