"""Contacts that count for a debtor although another one had them."""

import uuid

from django.db import models

from inflow.accounts.models import Account
from invoices.models import Debtor


class EarlierContact(models.Model):
    """A message that a recipient got while the invoices belonged to another debtor. The limits count it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="+", db_index=False)
    message_id = models.UUIDField()
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["debtor", "message_id"], name="an_earlier_contact_counts_once"),
        ]

    def __str__(self) -> str:
        return str(self.message_id)
