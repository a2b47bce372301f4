"""Webhooks: subscriptions, events, deliveries and attempts."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.models import AccountQuerySet


class EventType(models.TextChoices):
    INVOICE_CREATED = "invoice.created", _lazy("Invoice created")
    INVOICE_AMENDED = "invoice.amended", _lazy("Invoice amended")
    INVOICE_STATUS_CHANGED = "invoice.status_changed", _lazy("Invoice status changed")
    ESCALATION_CREATED = "escalation.created", _lazy("Escalation created")
    PAYMENT_RECORDED = "payment.recorded", _lazy("Payment recorded")
    PAYMENT_REVERSED = "payment.reversed", _lazy("Payment voided or reversed")
    COMMUNICATION_SENT = "communication.sent", _lazy("Communication sent")
    COMMUNICATION_FAILED = "communication.failed", _lazy("Communication failed")
    PROMISE_BROKEN = "promise.broken", _lazy("Promise broken")
    DISPUTE_OPENED = "dispute.opened", _lazy("Dispute opened")
    DISPUTE_RESOLVED = "dispute.resolved", _lazy("Dispute resolved")


# Sent on request to one subscription; nobody can subscribe to it.
TEST_EVENT = "webhook.test"
ANY_EVENT = [*EventType.choices, (TEST_EVENT, _lazy("Test"))]


class Subscription(models.Model):
    """A URL to which events of some types are sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="subscriptions")
    target_url = models.CharField(max_length=2000)
    events = ArrayField(models.CharField(max_length=40, choices=EventType))
    description = models.CharField(max_length=200, blank=True, default="", db_default="")
    sealed_secret = models.TextField(editable=False)
    earlier_secrets = models.JSONField(
        default=list,
        db_default=[],
        editable=False,
        help_text=_lazy("Earlier secrets that still sign, newest first, each with its expiry."),
    )
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    failing_since = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("The first failed attempt since the last success.")
    )
    failures = models.PositiveIntegerField(default=0, editable=False, help_text=_lazy("Failed attempts since then."))
    is_slow = models.BooleanField(
        default=False, editable=False, help_text=_lazy("The last response was slow: deliveries use the slow lane.")
    )
    notice_due_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the admins will be notified that it was disabled.")
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "target_url", "events"],
                condition=Q(deleted_at=None),
                name="subscription_is_unique_per_target_and_events",
            ),
        ]
        indexes = [
            models.Index(
                fields=["notice_due_at"], name="subscription_notice_due", condition=Q(notice_due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.target_url


class EventCounter(models.Model):
    """The account's last event number. The lock of its row makes the order of numbers the order of commits."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="+")
    seq = models.BigIntegerField(default=0)
    kept_from = models.BigIntegerField(
        default=0, db_default=0, help_text=_lazy("Events with lower numbers are incomplete since a restore.")
    )

    def __str__(self) -> str:
        return str(self.seq)


class Event(models.Model):
    """An event. Its body is stored in the transaction of the change."""

    id = models.CharField(primary_key=True, max_length=36, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="events", db_index=False)
    seq = models.BigIntegerField()
    type = models.CharField(max_length=40, choices=ANY_EVENT)
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-seq"]
        constraints = [models.UniqueConstraint(fields=["account", "seq"], name="event_number_is_unique_in_its_account")]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", _lazy("Pending")
    DELIVERED = "delivered", _lazy("Delivered")
    FAILED = "failed", _lazy("Failed")
    SKIPPED = "skipped", _lazy("Skipped")
    CANCELLED = "cancelled", _lazy("Cancelled")


class Delivery(models.Model):
    """The delivery of an event to a subscription.

    `next_attempt_at` serves retries, crash recovery and backlog: a claim moves it to the end of the lease, so that the
    row is due again if the worker dies. `lease` is the worker's token, so that a late worker's update finds no row.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    status = models.CharField(max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, default=timezone.now)
    lease = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = _lazy("deliveries")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="pending", next_attempt_at__isnull=False)
                | (~Q(status="pending") & Q(next_attempt_at__isnull=True)),
                name="a_pending_delivery_and_only_it_has_a_next_attempt",
            ),
        ]
        indexes = [
            # Finds due rows by subscription, so that the backlog of one does not slow down others.
            models.Index(
                fields=["subscription", "next_attempt_at"], name="delivery_due", condition=Q(status="pending")
            ),
            models.Index(fields=["subscription"], name="delivery_in_flight", condition=Q(lease__isnull=False)),
            models.Index(fields=["subscription", "-created_at", "-id"], name="delivery_of_a_subscription"),
            models.Index(fields=["account", "-created_at", "-id"], name="delivery_of_an_account"),
        ]

    def __str__(self) -> str:
        event, url = self.event.get_type_display(), self.subscription.target_url
        return _("%(event)s: %(url)s") % {"event": event, "url": url}


class Attempt(models.Model):
    """One attempt of a delivery. Append-only."""

    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="attempts")
    at = models.DateTimeField()
    ms = models.PositiveIntegerField(help_text=_lazy("Duration in milliseconds."))
    status = models.PositiveSmallIntegerField(
        null=True, help_text=_lazy("The HTTP status. Empty if there was no response.")
    )
    error = models.CharField(max_length=60, blank=True, help_text=_lazy("The reason for a missing response."))
    response = models.TextField(blank=True, help_text=_lazy("The first 2 KiB of the response."))

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return str(self.status or self.error)
