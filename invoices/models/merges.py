"""Merged debtors, and debtors that may be duplicates of each other."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.models.base import AccountQuerySet
from invoices.models.debtors import Debtor


class DebtorMerge(models.Model):
    """A merge of one debtor into another, with everything that is needed to undo it.

    `moved` are the ids of the moved rows by model, `displaced` the values of rows that the other debtor had already.
    `before` and `after` are the values that the merge changed on the remaining debtor.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    loser = models.ForeignKey(
        Debtor,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_lazy("merged debtor"),
        help_text=_lazy("The debtor that was merged into the other one."),
    )
    winner = models.ForeignKey(
        Debtor,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_lazy("remaining debtor"),
        help_text=_lazy("The debtor to which its invoices were moved."),
    )
    moved = models.JSONField(default=dict)
    displaced = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    merged_at = models.DateTimeField(help_text=_lazy("The account's time."))
    merged_by = models.CharField(max_length=254)
    undone_at = models.DateTimeField(null=True, help_text=_lazy("The account's time."))
    undone_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("merge")
        verbose_name_plural = _lazy("merges")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["loser"], condition=Q(undone_at=None), name="a_debtor_is_merged_once"),
            models.CheckConstraint(condition=~Q(loser=F("winner")), name="two_debtors_are_merged"),
        ]
        indexes = [models.Index(fields=["account", "-created_at", "-id"], name="merge_newest")]

    def __str__(self) -> str:
        return f"{self.loser} → {self.winner}"


class Likeness(models.TextChoices):
    """Reasons why two debtors may be the same."""

    ADDRESS = "address", _lazy("Same email or phone")
    NAME = "name", _lazy("Nearly the same name")
    SCRIPT = "script", _lazy("Same name in two scripts")
    COMPANY = "company", _lazy("Same person with and without a company")


class PossibleDuplicate(models.Model):
    """Two debtors that may be the same. Staff merge them or keep them apart, which is remembered.

    `one` has the smaller id.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    one = models.ForeignKey(Debtor, on_delete=models.CASCADE, related_name="+", db_index=False)
    other = models.ForeignKey(Debtor, on_delete=models.CASCADE, related_name="+")
    reasons = ArrayField(models.CharField(max_length=10, choices=Likeness), default=list)
    shared = models.CharField(
        max_length=254, blank=True, help_text=_lazy("The email or phone that both have, if there is one.")
    )
    found_at = models.DateTimeField(default=timezone.now)
    kept_apart_at = models.DateTimeField(null=True, help_text=_lazy("The account's time."))
    kept_apart_by = models.CharField(max_length=254, blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("possible duplicate")
        verbose_name_plural = _lazy("possible duplicates")
        ordering = ["-found_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="a_pair_of_debtors_is_listed_once"),
            models.CheckConstraint(condition=Q(one__lt=F("other")), name="a_pair_of_debtors_has_an_order"),
        ]
        indexes = [models.Index(fields=["account", "-found_at", "-id"], name="duplicate_newest")]

    def __str__(self) -> str:
        return _("%(one)s and %(other)s") % {"one": self.one, "other": self.other}


class DuplicateSearch(models.Model):
    """The search for an account's possible duplicates: when it last ran, and whether it is requested.

    A worker claims a requested search by setting `claimed_until`.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="+")
    requested_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    claims = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    pairs = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "duplicate searches"
        indexes = [
            models.Index(
                fields=["requested_at"], name="duplicate_search_requested", condition=Q(requested_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return str(self.account)
