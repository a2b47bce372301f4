"""Calls to debtors: those that the reminder schedule asks for, and those that were made."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.models import AccountQuerySet, Debtor, Invoice


class CallOutcome(models.TextChoices):
    REACHED = "reached", _lazy("Reached")
    NO_ANSWER = "no_answer", _lazy("No answer")
    MESSAGE_LEFT = "message_left", _lazy("Message left")
    WRONG_NUMBER = "wrong_number", _lazy("Wrong number")


class CallLog(models.Model):
    """A call that was made to a debtor, about one invoice or about all."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="calls", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="calls")
    outcome = models.CharField(max_length=20, choices=CallOutcome)
    note = models.TextField(blank=True)
    at = models.DateTimeField(help_text=_lazy("The account's time."))
    author = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("call")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["debtor", "-at"], name="call_of_a_debtor"),
            models.Index(fields=["account", "-at", "-id"], name="call_newest"),
        ]

    def __str__(self) -> str:
        return self.get_outcome_display()


class CallStatus(models.TextChoices):
    OPEN = "open", _lazy("To do")
    DONE = "done", _lazy("Done")
    EXPIRED = "expired", _lazy("Not made in time")
    CANCELLED = "cancelled", _lazy("Cancelled")


class CallTask(models.Model):
    """A call that a step of the reminder schedule asks for. The step is done when a call is logged or time is up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="call_tasks", db_index=False)
    round = models.PositiveSmallIntegerField()
    step = models.SmallIntegerField(help_text=_lazy("The step's offset from the due date, in days."))
    status = models.CharField(max_length=10, choices=CallStatus, default=CallStatus.OPEN)
    opened_at = models.DateTimeField(help_text=_lazy("The account's time."))
    expires_at = models.DateTimeField(help_text=_lazy("The end of the third working day, in the account's time."))
    call = models.ForeignKey(CallLog, on_delete=models.PROTECT, null=True, related_name="tasks")

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("call to make")
        verbose_name_plural = _lazy("calls to make")
        ordering = ["expires_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "round", "step"], name="a_step_asks_for_one_call"),
        ]
        indexes = [
            models.Index(fields=["debtor"], name="call_task_of_debtor", condition=Q(status="open")),
            models.Index(fields=["account", "expires_at"], name="call_task_open", condition=Q(status="open")),
        ]

    def __str__(self) -> str:
        return _("Call about %(invoice)s") % {"invoice": self.invoice}
