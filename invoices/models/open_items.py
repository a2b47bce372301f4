"""Lists of open items from an account's books, and the differences found when they were compared."""

import uuid
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.models.base import AccountQuerySet
from invoices.models.imports import DateOrder
from invoices.models.invoices import MAX_NUMBER, Invoice


class OpenItemsList(models.Model):
    """A list of the invoices that are open in the account's books, as of a moment.

    `as_of` is the latest moment at which the list can have been made, in the account's time. If only its day is known,
    that is the end of the day or the moment of the upload; what was registered, opened again or cancelled here since
    the beginning of that day is not reported as closed or missing (see `invoices.reconciliation.comparing`).
    """

    class Source(models.TextChoices):
        API = "api", _lazy("API")
        UPLOAD = "upload", _lazy("Upload")
        FETCH = "fetch", _lazy("Scheduled fetch")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=10, choices=Source)
    file_name = models.CharField(max_length=200, blank=True)
    as_of = models.DateTimeField(null=True, help_text=_lazy("When the list was made. Later invoices are not compared."))
    complete = ArrayField(
        models.CharField(max_length=3),
        default=list,
        blank=True,
        help_text=_lazy("The currencies in which the list has all open invoices."),
    )
    items = models.PositiveIntegerField(help_text=_lazy("The number of invoices in the list."))
    actor = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["account", "-created_at", "-id"], name="open_items_newest")]

    def __str__(self) -> str:
        return self.file_name or str(self.get_source_display())


class OpenItemsSource(models.Model):
    """The URL from which the account's list of open items is fetched every day. An account has at most one.

    `next_fetch_at` and all times are real, also for test accounts with their own clock. A worker claims the row while
    it fetches (see `inflow.turns`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(_lazy("URL"), max_length=2000)
    sealed_authorization = models.TextField(
        blank=True, editable=False, help_text=_lazy("The encrypted Authorization header.")
    )
    hour = models.PositiveSmallIntegerField(help_text=_lazy("In the account's time zone."))
    is_complete = models.BooleanField(_lazy("has all open invoices"), default=True)
    currency = models.CharField(max_length=3, blank=True, help_text=_lazy("For rows without a currency."))
    date_order = models.CharField(_lazy("order of day and month"), max_length=3, choices=DateOrder, blank=True)
    is_on = models.BooleanField(_lazy("in use"), default=True)
    next_fetch_at = models.DateTimeField(_lazy("next fetch"), null=True)
    claimed_until = models.DateTimeField(null=True, editable=False)
    claims = models.PositiveSmallIntegerField(default=0, editable=False)
    fetched_at = models.DateTimeField(_lazy("last successful fetch"), null=True)
    failed_at = models.DateTimeField(_lazy("last failed fetch"), null=True, help_text=_lazy("Empty after a success."))
    problem = models.TextField(blank=True, help_text=_lazy("Why the last fetch failed, in the account's language."))
    notice_due_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(hour__lte=23), name="an_open_items_source_has_an_hour_of_the_day"),
        ]
        indexes = [
            models.Index(
                fields=["next_fetch_at"], name="open_items_source_due", condition=Q(next_fetch_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return urlsplit(self.url).hostname or "–"


class DifferenceKind(models.TextChoices):
    MISSING_HERE = "missing_here", _lazy("Missing here")
    OTHER_CURRENCY = "other_currency", _lazy("Other currency")
    OTHER_BALANCE = "other_balance", _lazy("Other balance")
    OTHER_DUE_DATE = "other_due_date", _lazy("Other due date")
    CLOSED_THERE = "closed_there", _lazy("Closed in the books")


class DifferenceStatus(models.TextChoices):
    OPEN = "open", _lazy("Open")
    MENDED = "mended", _lazy("Corrected")
    DISMISSED = "dismissed", _lazy("Dismissed")


class Difference(models.Model):
    """A difference between an invoice here and in the books. `here` and `there` are what it compared."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    list = models.ForeignKey(OpenItemsList, on_delete=models.CASCADE, related_name="differences", db_index=False)
    kind = models.CharField(max_length=20, choices=DifferenceKind)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+")
    invoice_number = models.CharField(max_length=MAX_NUMBER)
    currency = models.CharField(max_length=3)
    balance_here = models.DecimalField(max_digits=18, decimal_places=3, null=True)
    balance_there = models.DecimalField(max_digits=18, decimal_places=3, null=True)
    amount_there = models.DecimalField(
        max_digits=18,
        decimal_places=3,
        null=True,
        help_text=_lazy("The invoice's amount in the books, if it explains the other balance."),
    )
    due_date_here = models.DateField(null=True)
    due_date_there = models.DateField(null=True)
    changed_since = models.BooleanField(
        default=False, help_text=_lazy("The invoice was changed here after the list was made.")
    )
    status = models.CharField(max_length=10, choices=DifferenceStatus, default=DifferenceStatus.OPEN)
    handled_at = models.DateTimeField(null=True)
    handled_by = models.CharField(max_length=254, blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=DifferenceKind.MISSING_HERE) | Q(invoice__isnull=False),
                name="a_difference_is_of_an_invoice_or_of_a_missing_one",
            ),
        ]
        indexes = [
            models.Index(fields=["list", "status", "kind", "id"], name="difference_of_a_list"),
            models.Index(fields=["account", "status", "id"], name="difference_of_an_account"),
        ]

    def __str__(self) -> str:
        return self.invoice_number
