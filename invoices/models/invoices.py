"""Invoices."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, Language
from invoices.debtors import parties
from invoices.models.base import AccountQuerySet
from invoices.models.choices import OPEN, PaymentStatus, Status
from invoices.models.debtors import Debtor

MAX_NUMBER = 64  # characters of an invoice number in its canonical spelling
MAX_EXTERNAL_ID = 100
MAX_TAG = 40


class InvoiceQuerySet(AccountQuerySet):
    def open(self) -> "InvoiceQuerySet":
        return self.filter(status__in=OPEN)

    def past_due(self, *, on: dt.date) -> "InvoiceQuerySet":
        """Return the open invoices with a due date before `on`, including those that are disputed or on hold."""
        return self.filter(status__in=OPEN, due_date__lt=on)

    def numbered(self, *numbers: str) -> "InvoiceQuerySet":
        """Return one invoice for each number: the one that is not cancelled, or else the newest."""
        latest = F("cancelled_at").desc(nulls_first=True)
        same = self.filter(invoice_number__in=numbers)
        return same.order_by("invoice_number", latest, "-created_at", "-id").distinct("invoice_number")


class Invoice(models.Model):
    """An invoice: facts, and the statuses derived from them. Only `lifecycle` and `ledger` change invoices."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="invoices", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="invoices")
    invoice_number = models.CharField(max_length=MAX_NUMBER)
    debtor_name = models.CharField(max_length=200)
    debtor_company = models.CharField(max_length=200, blank=True)
    debtor_email = models.EmailField(blank=True)
    debtor_phone = models.CharField(max_length=20, blank=True)
    # The key of name and company. Invoices with different keys are never in one message.
    party = models.CharField(max_length=parties.MAX_KEY, editable=False)
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    currency = models.CharField(max_length=3)
    issue_date = models.DateField()
    due_date = models.DateField()
    language = models.CharField(max_length=2, choices=Language)
    notes = models.TextField(blank=True)
    external_id = models.CharField(
        max_length=MAX_EXTERNAL_ID,
        blank=True,
        db_default="",
        help_text=_lazy("The invoice's id in the system that it came from."),
    )
    purchase_order = models.CharField(max_length=100, blank=True, db_default="")
    payment_url = models.CharField(
        max_length=2000, blank=True, db_default="", help_text=_lazy("The page on which the debtor can pay it.")
    )
    tags = ArrayField(models.CharField(max_length=MAX_TAG), default=list, db_default=[], blank=True)
    metadata = models.JSONField(default=dict, db_default={}, editable=False)
    # Contacts besides the debtor's email and phone above: dictionaries with the fields of `invoices.models.Contact`.
    contacts = models.JSONField(default=list, db_default=[], editable=False)
    source_updated_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the last accepted change was made in the system it came from.")
    )

    # Facts.
    amount_paid = models.DecimalField(max_digits=20, decimal_places=3, default=Decimal(0), editable=False)
    amount_credited = models.DecimalField(
        max_digits=18,
        decimal_places=3,
        default=Decimal(0),
        db_default=Decimal(0),
        editable=False,
        help_text=_lazy("The part of the amount that credit notes cancel."),
    )
    hold_until = models.DateField(null=True, blank=True, editable=False)
    disputed_at = models.DateTimeField(null=True, editable=False)
    contested_amount = models.DecimalField(
        max_digits=18,
        decimal_places=3,
        null=True,
        editable=False,
        help_text=_lazy("The disputed amount. Empty: the whole invoice is disputed."),
    )
    written_off_at = models.DateTimeField(null=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, editable=False)
    covered_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When its balance became 0, by the account's time.")
    )
    dispute_paused = models.DurationField(
        null=True, editable=False, help_text=_lazy("How long a dispute was suspended because the invoice was paid.")
    )
    aged_on = models.DateField(
        null=True, editable=False, help_text=_lazy("The account's date when the due date was last checked.")
    )

    # Derived.
    status = models.CharField(max_length=12, choices=Status, default=Status.NEW, editable=False)
    payment_status = models.CharField(
        max_length=14, choices=PaymentStatus, default=PaymentStatus.UNPAID, editable=False
    )

    # Position in the reminder schedule, set by `communications`.
    policy = models.ForeignKey(
        "communications.ReminderPolicy",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        db_index=False,
        help_text=_lazy("Empty: the account's default."),
    )
    is_chased = models.BooleanField(default=True, editable=False)
    entered_on = models.DateField(
        null=True, editable=False, help_text=_lazy("The account's date when it entered the reminder schedule.")
    )
    entered_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When it entered the schedule, in the account's time.")
    )
    round = models.SmallIntegerField(default=0, editable=False)
    last_step = models.SmallIntegerField(
        null=True, editable=False, help_text=_lazy("The last step done in this round.")
    )
    slip_days = models.SmallIntegerField(
        default=0, editable=False, help_text=_lazy("Total delay of late steps, in days.")
    )
    escalation_level = models.SmallIntegerField(default=0, editable=False)
    last_contacted_at = models.DateTimeField(null=True, editable=False)
    next_contact_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the next message may be sent, as currently planned.")
    )
    next_check_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the invoice is checked next.")
    )
    not_before = models.DateTimeField(
        null=True,
        editable=False,
        help_text=_lazy("A payment was undone. No message about the invoice is sent before this time."),
    )

    version = models.IntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(InvoiceQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "invoice_number"], condition=Q(cancelled_at=None), name="invoice_number_is_unique"
            ),
            models.UniqueConstraint(
                fields=["account", "external_id"],
                condition=Q(cancelled_at=None) & ~Q(external_id=""),
                name="invoice_external_id_is_unique",
            ),
            models.CheckConstraint(
                condition=Q(amount_paid__gte=0, amount_credited__gte=0)
                & Q(amount_paid__lte=F("amount") - F("amount_credited")),
                name="an_invoice_is_paid_at_most_its_amount",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="invoice_amount_is_positive"),
            models.CheckConstraint(condition=Q(issue_date__lte=F("due_date")), name="invoice_is_due_after_its_issue"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="invoice_status_is_known"),
            models.CheckConstraint(
                condition=Q(payment_status__in=PaymentStatus.values), name="invoice_payment_status_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.PAID) | Q(payment_status=PaymentStatus.PAID),
                name="a_paid_invoice_has_its_payments",
            ),
            models.CheckConstraint(
                condition=Q(round__gte=0, slip_days__gte=0, escalation_level__gte=0, version__gte=0),
                name="invoice_counts_are_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="invoice_newest"),
            # Cancelled invoices too, whose numbers may be used again; also by the beginning of a number.
            models.Index(
                fields=["account", "invoice_number"],
                opclasses=["uuid_ops", "varchar_pattern_ops"],
                name="invoice_by_beginning",
            ),
            models.Index(fields=["account", "currency"], name="invoice_by_currency"),
            models.Index(fields=["account", "status", "-created_at", "-id"], name="invoice_by_status"),
            models.Index(fields=["account", "payment_status", "-created_at", "-id"], name="invoice_by_payment_status"),
            # The orders of the API's list, without a filter and by status.
            models.Index(fields=["account", "updated_at", "id"], name="invoice_by_update"),
            models.Index(fields=["account", "status", "updated_at", "id"], name="invoice_by_status_update"),
            models.Index(fields=["account", "due_date", "id"], name="invoice_by_due"),
            # Finds the new invoices past their due date as well.
            models.Index(fields=["account", "status", "due_date", "id"], name="invoice_by_status_and_due"),
            models.Index(fields=["due_date"], name="invoice_coming_due", condition=Q(status="new")),
            models.Index(fields=["hold_until"], name="invoice_hold_ending", condition=Q(status="on_hold")),
            # Finds the invoices aged in the future, of which there are none unless a clock was ahead.
            models.Index(
                fields=["aged_on"],
                name="invoice_looked_at",
                condition=Q(aged_on__isnull=False, status__in=["new", "overdue", "disputed", "on_hold"]),
            ),
            models.Index(fields=["policy"], name="invoice_of_a_policy", condition=Q(policy__isnull=False)),
            models.Index(
                fields=["next_check_at"],
                name="invoice_next_check",
                condition=Q(next_check_at__isnull=False),
            ),
            # The few invoices of a debtor that hold back the messages about all of them.
            models.Index(fields=["debtor"], name="invoice_escalated", condition=Q(escalation_level__gte=2)),
            models.Index(fields=["debtor"], name="invoice_reopened", condition=Q(not_before__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.invoice_number

    def as_stored(self) -> dict[str, Any]:
        """Return the columns with their values on the object."""
        return {field.attname: getattr(self, field.attname) for field in self._meta.concrete_fields}

    @property
    def balance(self) -> Decimal:
        """Return the amount still owed. It is never negative, because a surplus is the debtor's credit."""
        return self.amount - self.amount_paid - self.amount_credited

    @property
    def contested(self) -> Decimal:
        """Return the disputed amount, which is not chased, in the invoice's currency. Payments cover the rest first.

        It is 0 if the invoice is not disputed, and the balance if the whole invoice is.
        """
        if self.status != Status.DISPUTED:
            return Decimal(0)
        return self.balance if self.contested_amount is None else min(self.contested_amount, self.balance)

    @property
    def undisputed_balance(self) -> Decimal:
        """Return the part of the balance that may be chased."""
        return self.balance - self.contested

    @property
    def is_partly_disputed(self) -> bool:
        """Return True if only a part of the balance is disputed, so that the rest is chased."""
        return self.status == Status.DISPUTED and self.undisputed_balance > 0

    @property
    def is_wholly_disputed(self) -> bool:
        """Return True if the whole balance is disputed, so that nothing is chased."""
        return self.status == Status.DISPUTED and self.undisputed_balance <= 0

    @property
    def is_open(self) -> bool:
        return self.status in OPEN
