"""Copies of a message that has several recipients."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _lazy

from communications.models.choices import Medium, State
from communications.models.messages import Communication
from inflow.accounts.models import Account, Language
from invoices.models import AccountQuerySet


class Copy(models.Model):
    """One recipient's copy of a message. A message with a single recipient has none.

    The id of a copy is the message id under which its recipient and the provider know it. The first copy has the
    message's own. `sent_at`, `delivered_at` and `scheduled_for` are in the account's time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message_id = models.UUIDField(editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    position = models.PositiveSmallIntegerField()
    channel = models.CharField(max_length=10, choices=Medium)
    recipient = models.CharField(max_length=254)
    name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=2, choices=Language)
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField()
    html = models.TextField(blank=True)
    status = models.CharField(max_length=12, choices=State, default=State.SCHEDULED)
    scheduled_for = models.DateTimeField()
    claimed_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When a worker began to send it, in real time.")
    )
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    # The server's reply, or the reason why it was not sent: a key of `reasons.LABELS`.
    error = models.CharField(max_length=300, blank=True)
    refusal = models.CharField(max_length=10, blank=True, editable=False)
    # How often it was put off: refused for a reason of class `ours`, or the server could not be reached.
    refusals = models.PositiveSmallIntegerField(default=0, editable=False)
    provider_id = models.CharField(max_length=255, blank=True, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = _lazy("copies")
        ordering = ["message_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["message_id", "recipient"], name="a_recipient_gets_one_copy_of_a_message"),
            models.UniqueConstraint(
                fields=["account", "provider_id"], condition=~Q(provider_id=""), name="a_provider_id_is_of_one_copy"
            ),
            models.CheckConstraint(condition=Q(status__in=State.values), name="copy_status_is_known"),
        ]
        indexes = [
            models.Index(fields=["scheduled_for"], name="copy_due", condition=Q(status="scheduled")),
            models.Index(fields=["claimed_at"], name="copy_claimed", condition=Q(status="sending")),
            models.Index(fields=["account", "recipient"], name="copy_to_an_address"),
        ]

    def __str__(self) -> str:
        return self.recipient

    def as_message(self, row: Communication) -> Communication:
        """Return an unsaved message with the text of this copy, for its channel. `row` is the first of the message."""
        return Communication(
            id=self.pk,
            message_id=self.pk,
            account=row.account,
            debtor_id=row.debtor_id,
            invoice=row.invoice,
            kind=row.kind,
            channel=self.channel,
            recipient=self.recipient,
            language=self.language,
            subject=self.subject,
            body=self.body,
            html=self.html,
            amount=row.amount,
            asked=row.asked,
            attachments=row.attachments,
        )
