"""Cases that need a person."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, User
from invoices.models.base import AccountQuerySet
from invoices.models.invoices import Invoice


class Reason(models.TextChoices):
    """Reason for a case."""

    POLICY_STEP = "policy_step", _lazy("Reminder schedule")
    PROMISE_BROKEN = "promise_broken", _lazy("A broken promise")
    NO_CONTACT = "no_contact", _lazy("No contact")
    DELIVERY_FAILED = "delivery_failed", _lazy("Failed delivery")
    DISPUTE = "dispute", _lazy("A dispute")
    REVERSAL = "reversal", _lazy("A reversed payment")
    UNAPPLIED_CREDIT = "unapplied_credit", _lazy("Unapplied credit")
    UNREAD_REPLIES = "unread_replies", _lazy("Unhandled replies")
    MANUAL = "manual", _lazy("Opened manually")


class CaseStatus(models.TextChoices):
    OPEN = "open", _lazy("Open")
    ACKNOWLEDGED = "acknowledged", _lazy("In progress")
    RESOLVED = "resolved", _lazy("Resolved")


class Resolution(models.TextChoices):
    """Outcome of a resolved case. Only the engine sets the last four."""

    HOLD = "hold", _lazy("Hold")
    PROMISE = "promise", _lazy("Promise to pay")
    LADDER = "ladder", _lazy("Back to the reminder schedule")
    WRITE_OFF = "write_off", _lazy("Write off")
    CLOSED = "closed", _lazy("The invoice closed")
    NEW_ROUND = "new_round", _lazy("A new due date")
    CREDIT_USED = "credit_used", _lazy("No credit is left")
    TOO_EARLY = "too_early", _lazy("Opened too early because the system clock was ahead")


class Escalation(models.Model):
    """A case that needs a person. `opened_at` and `resolved_at` are in the account's time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="escalations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="escalations")
    round = models.PositiveSmallIntegerField(default=0)
    level = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=20, choices=Reason)
    status = models.CharField(max_length=12, choices=CaseStatus, default=CaseStatus.OPEN)
    assignee = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    resolution = models.CharField(max_length=12, choices=Resolution, blank=True)
    resolved_from = models.CharField(
        max_length=12,
        blank=True,
        default="",
        help_text=_lazy("The status before it was resolved, restored if it is reopened."),
    )
    notes = models.TextField(blank=True)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "level"],
                condition=~Q(status="resolved"),
                name="one_unresolved_case_for_each_level_of_an_invoice",
            ),
            models.CheckConstraint(condition=Q(level__in=[1, 2]), name="escalation_level_is_1_or_2"),
            models.CheckConstraint(
                condition=Q(status="resolved", resolved_at__isnull=False)
                | (~Q(status="resolved") & Q(resolved_at__isnull=True)),
                name="a_resolved_case_and_only_it_says_when",
            ),
        ]
        indexes = [models.Index(fields=["account", "-created_at", "-id"], name="escalation_newest")]

    def __str__(self) -> str:
        return _("Level %(level)s: %(reason)s") % {"level": self.level, "reason": self.get_reason_display()}
