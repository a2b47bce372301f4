"""What is owed, by whom, and what happened to it."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, Language, User, known_subdivision
from inflow.statements import stored
from invoices import money
from invoices.debtors import parties


class Status(models.TextChoices):
    NEW = "new", _lazy("New")
    OVERDUE = "overdue", _lazy("Overdue")
    ON_HOLD = "on_hold", _lazy("On hold")
    DISPUTED = "disputed", _lazy("Disputed")
    WRITTEN_OFF = "written_off", _lazy("Written off")
    PAID = "paid", _lazy("Paid")
    CANCELLED = "cancelled", _lazy("Cancelled")


class PaymentStatus(models.TextChoices):
    UNPAID = "unpaid", _lazy("Unpaid")
    PARTIALLY_PAID = "partially_paid", _lazy("Partially paid")
    PAID = "paid", _lazy("Paid")


# A holiday lasts this many days at most.
MOST_HOLIDAYS = 31
MAX_NUMBER = 64  # characters of an invoice number in its one spelling
OPEN = (Status.NEW, Status.OVERDUE, Status.ON_HOLD, Status.DISPUTED)


class AccountQuerySet(models.QuerySet[Any, Any]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)


class Debtor(models.Model):
    """A party that owes, found or made from an invoice's fields. Limits, opt-outs and credit are a debtor's."""

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
        null=True, editable=False, help_text=_lazy("Asked not to be written to at all.")
    )
    answered_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("The latest answer that nobody has handled.")
    )
    unhandled_answers = models.PositiveIntegerField(
        default=0, editable=False, help_text=_lazy("Answers in a row that nobody has handled.")
    )
    unhandled_since = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the first of these answers came in.")
    )
    # In the links to the debtor's page: another key, and the links that were sent lead nowhere.
    page_key = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["account"], name="debtor_of_an_account")]

    def __str__(self) -> str:
        return f"{self.name}, {self.company}" if self.company else self.name


class InvoiceQuerySet(AccountQuerySet):
    def open(self) -> "InvoiceQuerySet":
        return self.filter(status__in=OPEN)

    def past_due(self, *, on: dt.date) -> "InvoiceQuerySet":
        """The wide predicate: open, something owed, and the due date before `on`, disputed and on hold included."""
        return self.filter(status__in=OPEN, due_date__lt=on)


class Invoice(models.Model):
    """One invoice. Facts and, derived from them by `lifecycle`, the status: only `lifecycle` writes here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="invoices", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="invoices")
    invoice_number = models.CharField(max_length=MAX_NUMBER)
    debtor_name = models.CharField(max_length=200)
    debtor_company = models.CharField(max_length=200, blank=True)
    debtor_email = models.EmailField(blank=True)
    debtor_phone = models.CharField(max_length=20, blank=True)
    # The key of (name, company): two invoices of one debtor that differ here are never told of in one message.
    party = models.CharField(max_length=parties.MAX_KEY, editable=False)
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    currency = models.CharField(max_length=3)
    issue_date = models.DateField()
    due_date = models.DateField()
    language = models.CharField(max_length=2, choices=Language)
    notes = models.TextField(blank=True)

    # Facts.
    amount_paid = models.DecimalField(max_digits=20, decimal_places=3, default=Decimal(0), editable=False)
    hold_until = models.DateField(null=True, blank=True, editable=False)
    disputed_at = models.DateTimeField(null=True, editable=False)
    written_off_at = models.DateTimeField(null=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, editable=False)
    covered_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When its balance became 0, by the account's time.")
    )
    dispute_paused = models.DurationField(
        null=True, editable=False, help_text=_lazy("How long a dispute did not run, because the invoice was paid.")
    )
    aged_on = models.DateField(
        null=True, editable=False, help_text=_lazy("The account's date when the clock last looked.")
    )

    # Derived.
    status = models.CharField(max_length=12, choices=Status, default=Status.NEW, editable=False)
    payment_status = models.CharField(
        max_length=14, choices=PaymentStatus, default=PaymentStatus.UNPAID, editable=False
    )

    # The dunning ladder's place. Written by the collections engine.
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
        null=True, editable=False, help_text=_lazy("The account's date when it came to the ladder.")
    )
    entered_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When that was, by the account's time.")
    )
    round = models.SmallIntegerField(default=0, editable=False)
    last_step = models.SmallIntegerField(
        null=True, editable=False, help_text=_lazy("The last step done in this round.")
    )
    slip_days = models.SmallIntegerField(default=0, editable=False, help_text=_lazy("What late steps added up to."))
    escalation_level = models.SmallIntegerField(default=0, editable=False)
    last_contacted_at = models.DateTimeField(null=True, editable=False)
    next_contact_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the next message may go, as things stand now.")
    )
    next_check_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the clock examines the invoice next.")
    )
    not_before = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("A payment was undone: nothing is sent about the invoice earlier.")
    )

    version = models.IntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    # Its row will be written before the transaction ends: until then, what moves on it need not be.
    is_being_written = False

    objects = models.Manager.from_queryset(InvoiceQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        # What else a row must be, its statuses, amount, dates and counts: invoice_is_sound, in the migration 0009.
        constraints = [
            models.UniqueConstraint(fields=["account", "invoice_number"], name="invoice_number_is_unique"),
            models.CheckConstraint(
                condition=Q(amount_paid__gte=0, amount_paid__lte=F("amount")),
                name="an_invoice_is_paid_at_most_its_amount",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="invoice_newest"),
            models.Index(fields=["account", "status", "-created_at", "-id"], name="invoice_by_status"),
            models.Index(fields=["account", "payment_status", "-created_at", "-id"], name="invoice_by_payment_status"),
            # Of a status, the few on the other side of today than most of it: new ones past their due date.
            models.Index(fields=["account", "status", "due_date"], name="invoice_by_due_date"),
            models.Index(fields=["due_date"], name="invoice_coming_due", condition=Q(status="new")),
            models.Index(fields=["hold_until"], name="invoice_hold_ending", condition=Q(status="on_hold")),
            # Those of them that were looked at on a day that has not come are none, unless a clock was ahead.
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
        ]

    def __str__(self) -> str:
        return self.invoice_number

    def as_stored(self) -> dict[str, Any]:
        """Its columns as they stand on the object."""
        return stored(self)

    @property
    def balance(self) -> Decimal:
        """Return what is still owed; a surplus is the debtor's credit and never makes it negative."""
        return self.amount - self.amount_paid

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class ReceiptStatus(models.TextChoices):
    STANDING = "standing", _lazy("Standing")
    VOIDED = "voided", _lazy("Voided")
    REVERSED = "reversed", _lazy("Reversed")


class Receipt(models.Model):
    """Money that came in once. Its allocations say which part paid which invoice, the rest is the debtor's credit.

    Append-only, but for `status`, `unallocated` and `debtor`; a receipt that was undone has nothing unallocated.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(
        Debtor, on_delete=models.PROTECT, related_name="receipts", db_index=False, help_text=_lazy("Who paid.")
    )
    posted_on = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        related_name="receipts",
        null=True,
        help_text=_lazy("The invoice that it was recorded on."),
    )
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    currency = models.CharField(max_length=3)
    paid_at = models.DateField(help_text=_lazy("The day the money came."))
    method = models.CharField(max_length=40, default="unspecified")
    reference = models.CharField(max_length=100, blank=True)
    bank_id = models.CharField(max_length=100, blank=True, help_text=_lazy("The bank's own identifier of the money."))
    status = models.CharField(max_length=10, choices=ReceiptStatus, default=ReceiptStatus.STANDING)
    unallocated = models.DecimalField(max_digits=18, decimal_places=3, help_text=_lazy("The debtor's credit."))
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_receipt_is_positive"),
            models.CheckConstraint(
                condition=Q(unallocated__gte=0, unallocated__lte=F("amount")),
                name="a_receipt_is_allocated_at_most_once",
            ),
            models.CheckConstraint(
                condition=Q(status=ReceiptStatus.STANDING) | Q(status__in=["voided", "reversed"], unallocated=0),
                name="a_receipt_that_was_undone_is_no_credit",
            ),
            models.UniqueConstraint(
                fields=["account", "bank_id"], condition=~Q(bank_id=""), name="a_bank_id_is_recorded_once"
            ),
            models.UniqueConstraint(
                fields=["posted_on", "reference"],
                condition=Q(status=ReceiptStatus.STANDING) & ~Q(reference=""),
                name="a_reference_stands_once_on_an_invoice",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "recorded_at"], name="receipt_by_recording"),
            models.Index(fields=["debtor", "recorded_at"], name="receipt_of_a_debtor"),
            models.Index(fields=["debtor", "currency"], name="receipt_with_credit", condition=Q(unallocated__gt=0)),
            models.Index(fields=["account", "reference"], name="receipt_by_reference", condition=~Q(reference="")),
        ]

    def __str__(self) -> str:
        shown = {"amount": money.display(self.amount, self.currency), "day": date_format(self.paid_at)}
        return _("%(amount)s on %(day)s") % shown


class How(models.TextChoices):
    VOID = "void", _lazy("Recorded by mistake")
    REVERSE = "reverse", _lazy("Taken back by the bank")


class Reversal(models.Model):
    """The undoing of a receipt, whole and once: a line of the ledger of its own. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    receipt = models.OneToOneField(Receipt, on_delete=models.PROTECT, related_name="reversal")
    how = models.CharField(max_length=8, choices=How)
    undone_on = models.DateField(help_text=_lazy("The account's date."))
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["account", "recorded_at"], name="reversal_by_recording")]

    def __str__(self) -> str:
        return self.get_how_display()


class AllocationKind(models.TextChoices):
    PAYMENT = "payment", _lazy("Payment")
    CREDIT = "credit", _lazy("Credit applied")
    UNDONE = "undone", _lazy("Payment undone")
    RELEASED = "released", _lazy("Returned to credit")


class Allocation(models.Model):
    """A line of the ledger: part of a receipt pays an invoice, or is taken back by a negative line. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    kind = models.CharField(max_length=10, choices=AllocationKind)
    posting = models.UUIDField(
        help_text=_lazy("Shared by the lines of one act: the receipt's id, the reversal's, or the key of a form.")
    )
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="an_allocation_is_not_zero"),
            models.UniqueConstraint(
                fields=["posting", "receipt", "invoice"], name="an_act_allocates_a_receipt_to_an_invoice_once"
            ),
        ]

    def __str__(self) -> str:
        return str(self.amount)


class Payment(models.Model):
    """A receipt or its reversal as one list: a database view, read by the API, the dashboard and exports.

    A reversal is a line of its own with the amount negated. To write, use `invoices.ledger`.
    """

    id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    invoice = models.ForeignKey(
        Invoice, on_delete=models.DO_NOTHING, related_name="payments", null=True, db_constraint=False
    )
    receipt = models.ForeignKey(Receipt, on_delete=models.DO_NOTHING, related_name="lines", db_constraint=False)
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    currency = models.CharField(max_length=3)
    paid_at = models.DateField(help_text=_lazy("The day the money came."))
    method = models.CharField(max_length=40)
    reference = models.CharField(max_length=100, blank=True)
    reversal_of = models.OneToOneField(
        "self", on_delete=models.DO_NOTHING, null=True, related_name="reversal", db_constraint=False
    )
    status = models.CharField(max_length=10, choices=ReceiptStatus)
    unallocated = models.DecimalField(max_digits=18, decimal_places=3)
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField()

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        managed = False
        db_table = "invoices_payment"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        shown = {"amount": money.display(self.amount, self.currency), "day": date_format(self.paid_at)}
        return _("%(amount)s on %(day)s") % shown


class Reason(models.TextChoices):
    """Why a person was called in."""

    POLICY_STEP = "policy_step", _lazy("Reminder schedule")
    PROMISE_BROKEN = "promise_broken", _lazy("A broken promise")
    NO_CONTACT = "no_contact", _lazy("No contact")
    DELIVERY_FAILED = "delivery_failed", _lazy("Failed delivery")
    DISPUTE = "dispute", _lazy("A dispute")
    REVERSAL = "reversal", _lazy("A reversed payment")
    UNAPPLIED_CREDIT = "unapplied_credit", _lazy("Unapplied credit")
    UNREAD_REPLIES = "unread_replies", _lazy("Unread replies")
    MANUAL = "manual", _lazy("By hand")


class CaseStatus(models.TextChoices):
    OPEN = "open", _lazy("Open")
    ACKNOWLEDGED = "acknowledged", _lazy("Acknowledged")
    RESOLVED = "resolved", _lazy("Resolved")


class Resolution(models.TextChoices):
    """What becomes of an invoice whose case is resolved. The last four are the engine's own."""

    HOLD = "hold", _lazy("Hold")
    PROMISE = "promise", _lazy("Promise to pay")
    LADDER = "ladder", _lazy("Back to the ladder")
    WRITE_OFF = "write_off", _lazy("Write off")
    CLOSED = "closed", _lazy("The invoice closed")
    NEW_ROUND = "new_round", _lazy("A new due date")
    CREDIT_USED = "credit_used", _lazy("No credit is left")
    TOO_EARLY = "too_early", _lazy("Opened too early, by a clock that was ahead")


class Escalation(models.Model):
    """A case for a person. `opened_at` and `resolved_at` are the account's time."""

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
        help_text=_lazy("Its status before it was resolved: it returns to it if reopened."),
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


class PromiseStatus(models.TextChoices):
    OPEN = "open", _lazy("Open")
    KEPT = "kept", _lazy("Kept")
    BROKEN = "broken", _lazy("Broken")
    WITHDRAWN = "withdrawn", _lazy("Withdrawn")


class Promise(models.Model):
    """The debtor will pay `amount` by `promised_on`; on hold until `hold_until`, the last day of grace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="promises")
    promised_on = models.DateField()
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    paid_before = models.DecimalField(
        max_digits=20, decimal_places=3, help_text=_lazy("What was paid when it was given.")
    )
    hold_until = models.DateField()
    status = models.CharField(max_length=10, choices=PromiseStatus, default=PromiseStatus.OPEN)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(status="open"), name="one_open_promise_for_an_invoice"
            ),
        ]

    def __str__(self) -> str:
        amount = money.display(self.amount, self.invoice.currency)
        return _("%(amount)s by %(day)s") % {"amount": amount, "day": date_format(self.promised_on)}


class TimelineEntry(models.Model):
    """Event in the life of an invoice: its kind and parameters, who did it, before, after and why. Append-only."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="timeline", db_index=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    actor = models.CharField(max_length=254)
    channel = models.CharField(max_length=20)
    params = models.JSONField(default=dict, help_text=_lazy("Parameters of the kind's sentence: see narrative.py."))
    stored_text = models.TextField(
        blank=True, default="", help_text=_lazy("The English sentence of an entry older than its parameters.")
    )
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = _lazy("timeline")
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["invoice", "at", "id"], name="timeline_of_an_invoice")]

    def __str__(self) -> str:
        return self.kind


class RuleKind(models.TextChoices):
    WEEKEND = "weekend", _lazy("Weekend")
    HOURS = "hours", _lazy("Shorter hours")
    HOLIDAY = "holiday", _lazy("Holiday")


class CalendarRule(models.Model):
    """A row of the calendar of a country or of one of its parts: its weekend, its shorter hours, its holidays.

    Everybody's, or an account's own, which replaces everybody's row of the same place and name. `workdays` reads them.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    country = models.CharField(
        max_length=2, validators=[RegexValidator(r"^[A-Z]{2}\Z")], help_text=_lazy("ISO 3166, two letters.")
    )
    subdivision = models.CharField(
        _lazy("emirate or region"),
        max_length=6,
        blank=True,
        validators=[known_subdivision],
        help_text=_lazy("ISO 3166-2, such as AE-SH. Empty: the whole country."),
    )
    kind = models.CharField(max_length=10, choices=RuleKind)
    name = models.CharField(max_length=80)
    starts_on = models.DateField(_lazy("first day"), null=True, blank=True)
    ends_on = models.DateField(
        _lazy("last day"), null=True, blank=True, help_text=_lazy("Empty: the first day is the only one.")
    )
    is_yearly = models.BooleanField(_lazy("each year"), default=False)
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=[(day, str(day)) for day in range(7)]),
        default=list,
        blank=True,
        help_text=_lazy("0 is Monday: 4,5 are Friday and Saturday."),
    )
    opens_at = models.TimeField(null=True, blank=True, help_text=_lazy("Shorter hours: nothing is sent before."))
    closes_at = models.TimeField(null=True, blank=True, help_text=_lazy("Shorter hours: nothing is sent from then on."))
    is_on = models.BooleanField(_lazy("in use"), default=True)
    is_expected = models.BooleanField(
        _lazy("expected"),
        default=False,
        help_text=_lazy("Worked out before the moon was seen or the date announced: confirm it."),
    )
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _lazy("calendar row")
        ordering = ["country", "subdivision", "starts_on", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["country", "subdivision", "name"],
                condition=Q(account=None),
                name="a_calendar_row_of_a_place_has_a_name_of_its_own",
            ),
            models.UniqueConstraint(
                fields=["account", "country", "subdivision", "name"],
                name="an_accounts_calendar_row_has_a_name_of_its_own",
            ),
            models.CheckConstraint(condition=Q(kind__in=RuleKind.values), name="calendar_kind_is_known"),
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")), name="a_calendar_row_ends_after_its_start"
            ),
            models.CheckConstraint(
                condition=Q(subdivision="") | Q(subdivision__startswith=F("country")),
                name="a_calendar_rows_region_lies_in_its_country",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.subdivision or self.country})"

    @property
    def last_day(self) -> dt.date | None:
        return self.ends_on or self.starts_on

    def clean(self) -> None:
        """No row may close a place for good, or be without effect."""
        if self.subdivision and not self.subdivision.startswith(f"{self.country}-"):
            raise ValidationError({"subdivision": _("It must lie in the country, such as AE-SH in AE.")})
        if self.ends_on and (self.starts_on is None or self.ends_on < self.starts_on):
            raise ValidationError({"ends_on": _("The last day comes after the first.")})
        if self.kind == RuleKind.WEEKEND:
            if not 1 <= len(set(self.weekdays)) <= 6:
                raise ValidationError({"weekdays": _("A weekend has one to six days.")})
            if self.starts_on:
                raise ValidationError({"starts_on": _("A weekend comes each week: it has no dates.")})
        elif self.kind == RuleKind.HOLIDAY:
            if self.starts_on is None:
                raise ValidationError({"starts_on": _("A holiday has a day.")})
            if self.last_day and (self.last_day - self.starts_on).days >= MOST_HOLIDAYS:
                raise ValidationError(
                    {"ends_on": _("At most %(count)s days: nothing is sent on them.") % {"count": MOST_HOLIDAYS}}
                )
        elif self.opens_at is None and self.closes_at is None:
            raise ValidationError({"closes_at": _("Shorter hours open later or close earlier.")})
        elif self.opens_at and self.closes_at and self.opens_at >= self.closes_at:
            raise ValidationError({"closes_at": _("It closes after it opens, on the same day.")})
        elif not self.weekdays and self.starts_on is None:
            raise ValidationError({"weekdays": _("Shorter hours are on days of the week, or between two dates.")})


from invoices.models.identities import ContactCorrection, DebtorIdentity  # noqa: E402, F401
from invoices.models.imports import Import, ImportRow  # noqa: E402, F401  (tables of this room)
