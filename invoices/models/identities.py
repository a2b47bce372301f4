"""Identities by which debtors are found, and contacts that staff replaced."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.debtors import parties
from invoices.models.base import AccountQuerySet
from invoices.models.debtors import Debtor


class DebtorIdentity(models.Model):
    """A party with contacts, from an invoice or from staff, by which new invoices find the debtor."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="identities", db_index=False)
    base = models.CharField(max_length=parties.MAX_BASE)
    form = models.CharField(max_length=parties.MAX_FORM, blank=True)
    email = models.CharField(max_length=254, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["debtor", "base", "form", "email", "phone"], name="a_debtor_has_an_identity_once"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "base", "form"], name="identity_by_party"),
            models.Index(fields=["account", "email"], name="identity_by_email", condition=~Q(email="")),
            models.Index(fields=["account", "phone"], name="identity_by_phone", condition=~Q(phone="")),
        ]

    def __str__(self) -> str:
        return f"{self.base} {self.form}".strip()


class ContactKind(models.TextChoices):
    EMAIL = "email", _lazy("Email")
    PHONE = "phone", _lazy("Phone")


class ContactCorrection(models.Model):
    """A correction by staff: use the contact `new` for invoices that have `old`. Either may be empty."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="corrections", db_index=False)
    party = models.CharField(
        max_length=parties.MAX_KEY,
        blank=True,
        default="",
        db_default="",
        help_text=_lazy("The key of its party, if it came from a merged debtor. Empty: the debtor's own."),
    )
    kind = models.CharField(max_length=5, choices=ContactKind)
    old = models.CharField(max_length=254, blank=True)
    new = models.CharField(max_length=254, blank=True)
    actor = models.CharField(max_length=254)
    at = models.DateTimeField(help_text=_lazy("The account's time."))

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["debtor", "party", "kind", "old"], name="a_contact_of_a_party_is_replaced_by_one"
            ),
            models.CheckConstraint(condition=~Q(old=models.F("new")), name="a_contact_is_replaced_by_another"),
        ]

    def __str__(self) -> str:
        return f"{self.old or '–'} → {self.new or '–'}"
