"""Debtors, their external ids and their contacts."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, Language, User, known_subdivision
from invoices.debtors.parties import MAX_KEY
from invoices.models.base import AccountQuerySet
from invoices.models.searching import WORDS

# Kinds of messages that a contact may receive.
MESSAGE_KINDS = (
    *("reminder", "follow_up", "final_notice", "manual", "statement"),
    *("promise_followup", "thank_you"),
)


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
    owner = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_lazy("The person who works on the debtor."),
    )
    tags = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)
    policy = models.ForeignKey(
        "communications.ReminderPolicy",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_lazy("Empty: the account's rules choose it."),
    )
    never_chase = models.BooleanField(
        default=False, db_default=False, help_text=_lazy("No reminders are sent about any of its invoices.")
    )
    never_chase_reason = models.CharField(_lazy("reason"), max_length=300, blank=True, db_default="")
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        help_text=_lazy("The debtor that replaces this one."),
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
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(never_chase=False) | ~Q(never_chase_reason=""), name="a_debtor_is_left_alone_for_a_reason"
            ),
            models.CheckConstraint(condition=~Q(merged_into=models.F("id")), name="a_debtor_is_merged_into_another"),
        ]
        indexes = [
            models.Index(fields=["account"], name="debtor_of_an_account"),
            models.Index(fields=["account", "-created_at", "-id"], name="debtor_newest"),
            models.Index(fields=["account", "name", "id"], name="debtor_by_name", condition=Q(merged_into=None)),
            GinIndex(WORDS, name="debtor_by_words"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.company}" if self.company else self.name


class DebtorExternalId(models.Model):
    """An id of a debtor in another system. A merged debtor's ids belong to the debtor that replaces it."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="external_ids")
    external_id = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "external_id"], name="a_debtors_external_id_is_unique"),
        ]

    def __str__(self) -> str:
        return self.external_id


class Contact(models.Model):
    """A person or department of a debtor who receives messages, besides the contacts that the invoices name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.CASCADE, related_name="contacts", db_index=False)
    position = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=100, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=20, blank=True)
    language = models.CharField(max_length=2, choices=Language, blank=True)
    receives = ArrayField(
        models.CharField(max_length=20),
        default=list,
        blank=True,
        help_text=_lazy("The kinds of messages it receives. Empty: all."),
    )
    party = models.CharField(
        max_length=MAX_KEY,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text=_lazy("The key of its party, if it came from a merged debtor. Empty: the debtor's own."),
    )

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(email="", phone=""), name="a_contact_has_an_address"),
        ]
        indexes = [
            models.Index(fields=["debtor", "position"], name="contact_of_a_debtor"),
            models.Index(fields=["account", "email"], name="contact_by_email", condition=~Q(email="")),
            models.Index(fields=["account", "phone"], name="contact_by_phone", condition=~Q(phone="")),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.phone
