"""Debtors."""

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, Language, known_subdivision
from invoices.models.base import AccountQuerySet


class Debtor(models.Model):
    """A debtor, found or created from the fields of its invoices. Limits, opt-outs and credit are per debtor."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="debtors", db_index=False)
    name = models.CharField(max_length=200)
    company = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=20, blank=True)
    language = models.CharField(max_length=2, choices=Language, blank=True)
    time_zone = models.CharField(max_length=64, blank=True, help_text=_lazy("Empty: the phone's, else the account's."))
    country = models.CharField(max_length=2, blank=True, help_text=_lazy("Empty: the phone's, else the account's."))
    subdivision = models.CharField(
        _lazy("emirate or region"),
        max_length=6,
        blank=True,
        validators=[known_subdivision],
        help_text=_lazy("ISO 3166-2, such as AE-SH for Sharjah. Empty: the account's, in its country."),
    )
    opted_out_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the debtor opted out of all messages.")
    )
    answered_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the latest unhandled reply came in.")
    )
    unhandled_answers = models.PositiveIntegerField(
        default=0, editable=False, help_text=_lazy("Number of consecutive unhandled replies.")
    )
    unhandled_since = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the first of these replies came in.")
    )
    # Part of the links to the debtor's page. A new key invalidates the links that were sent.
    page_key = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["account"], name="debtor_of_an_account")]

    def __str__(self) -> str:
        return f"{self.name}, {self.company}" if self.company else self.name
