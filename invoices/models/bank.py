"""Bank statements, their lines, and the files that they came from."""

import uuid
from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, User
from invoices import money
from invoices.models.base import AccountQuerySet
from invoices.models.imports import DateOrder, Encoding
from invoices.models.payments import Receipt

MAX_ACCOUNT, MAX_NAME, MAX_REFERENCE, MAX_TEXT = 40, 200, 100, 1_000


class FileState(models.TextChoices):
    READING = "reading", _lazy("Being read")
    MATCHING = "matching", _lazy("Being matched")
    READ = "read", _lazy("Read")
    FAILED = "failed", _lazy("Unreadable")


FILE_IN_PROGRESS = (FileState.READING, FileState.MATCHING)


class BankFile(models.Model):
    """An uploaded file of bank statements. A worker reads it; nothing of a file that is refused is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(_lazy("state"), max_length=8, choices=FileState, default=FileState.READING)
    file_name = models.CharField(_lazy("file"), max_length=200)
    sha256 = models.CharField(max_length=64, editable=False)
    content = models.BinaryField(help_text=_lazy("The uploaded file. Emptied when it has been read."))
    encoding = models.CharField(max_length=10, choices=Encoding, blank=True)
    date_order = models.CharField(max_length=3, choices=DateOrder, blank=True)
    bank_account = models.CharField(
        _lazy("bank account"), max_length=MAX_ACCOUNT, blank=True, help_text=_lazy("Used if the file names none.")
    )
    currency = models.CharField(max_length=3, blank=True, help_text=_lazy("Used if the file names none."))
    failure = models.TextField(blank=True)
    language = models.CharField(max_length=10, default="en", help_text=_lazy("The language of the failure."))
    statements_found = models.PositiveIntegerField(default=0)
    lines_found = models.PositiveIntegerField(default=0)
    lines_added = models.PositiveIntegerField(default=0, help_text=_lazy("Lines that no earlier statement had."))
    lines_posted = models.PositiveIntegerField(default=0, help_text=_lazy("Lines that were recorded without review."))
    uploaded_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    actor = models.CharField(max_length=254)
    claimed_until = models.DateTimeField(null=True, editable=False)
    claims = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_lazy("uploaded"), default=timezone.now)
    read_at = models.DateTimeField(null=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.CheckConstraint(condition=Q(state__in=FileState.values), name="bank_file_state_is_known")]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="bank_file_newest"),
            models.Index(fields=["state"], name="bank_file_in_progress", condition=Q(state__in=FILE_IN_PROGRESS)),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_in_progress(self) -> bool:
        return self.state in FILE_IN_PROGRESS


class BankStatement(models.Model):
    """A statement of a bank account: a period, and the balances at its beginning and its end."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    file = models.ForeignKey(BankFile, on_delete=models.PROTECT, related_name="statements")
    bank_account = models.CharField(_lazy("bank account"), max_length=MAX_ACCOUNT)
    statement_id = models.CharField(max_length=MAX_REFERENCE, blank=True, help_text=_lazy("The bank's identifier."))
    sequence = models.CharField(_lazy("number"), max_length=MAX_REFERENCE, blank=True)
    from_date = models.DateField(_lazy("from"))
    to_date = models.DateField(_lazy("to"))
    currency = models.CharField(max_length=3)
    opening_balance = models.DecimalField(max_digits=18, decimal_places=3, null=True)
    closing_balance = models.DecimalField(max_digits=18, decimal_places=3, null=True)
    lines_total = models.DecimalField(max_digits=18, decimal_places=3, help_text=_lazy("The sum of its lines."))
    skipped = models.PositiveIntegerField(default=0, help_text=_lazy("Entries without an amount or not yet booked."))
    # A digest of the statement with its lines. The same statement in another file is not stored again.
    fingerprint = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-to_date", "-from_date", "-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "fingerprint"], name="a_bank_statement_is_stored_once"),
            models.CheckConstraint(
                condition=Q(from_date__lte=models.F("to_date")), name="a_bank_statement_ends_after_its_beginning"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-to_date", "-from_date", "-id"], name="bank_statement_newest"),
            models.Index(
                fields=["account", "bank_account", "currency", "to_date"], name="bank_statement_of_an_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bank_account} {date_format(self.from_date)} – {date_format(self.to_date)}"

    @property
    def unexplained(self) -> Decimal | None:
        """Return the amount by which the lines differ from the change of the balance, or None without balances."""
        if self.opening_balance is None or self.closing_balance is None:
            return None
        difference: Decimal = self.closing_balance - self.opening_balance - self.lines_total
        return difference


class LineState(models.TextChoices):
    OPEN = "open", _lazy("Nothing found")
    PROPOSED = "proposed", _lazy("To confirm")
    POSTED = "posted", _lazy("Recorded")
    IGNORED = "ignored", _lazy("Ignored")


TO_DO = (LineState.OPEN, LineState.PROPOSED)


class Certainty(models.TextChoices):
    CERTAIN = "certain", _lazy("Certain")
    LIKELY = "likely", _lazy("Likely")
    POSSIBLE = "possible", _lazy("Possible")


class LineResult(models.TextChoices):
    """Result of a decision about a line."""

    RECORDED = "recorded", _lazy("Payment recorded")
    LINKED = "linked", _lazy("Already recorded")
    REVERSED = "reversed", _lazy("Payment reversed")


class BankLine(models.Model):
    """One movement of money on a bank account, however many statements show it.

    `base` is a digest of what the bank says about it, and `ordinal` counts the lines of the same base.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    bank_account = models.CharField(_lazy("bank account"), max_length=MAX_ACCOUNT)
    base = models.CharField(max_length=64, editable=False)
    ordinal = models.PositiveSmallIntegerField(default=1, editable=False)
    day = models.DateField(_lazy("booked on"))
    value_day = models.DateField(_lazy("value date"), null=True)
    amount = models.DecimalField(
        max_digits=18, decimal_places=3, help_text=_lazy("Negative if the money left the account.")
    )
    currency = models.CharField(max_length=3)
    original_amount = models.DecimalField(max_digits=18, decimal_places=3, null=True)
    original_currency = models.CharField(max_length=3, blank=True)
    is_return = models.BooleanField(default=False, help_text=_lazy("The bank marks it as a return or reversal."))
    return_reason = models.CharField(max_length=MAX_REFERENCE, blank=True)
    payer_name = models.CharField(_lazy("other party"), max_length=MAX_NAME, blank=True)
    payer_account = models.CharField(_lazy("other party's account"), max_length=MAX_ACCOUNT, blank=True)
    text = models.CharField(max_length=MAX_TEXT, blank=True)
    end_to_end = models.CharField(_lazy("payment reference"), max_length=MAX_REFERENCE, blank=True)
    bank_reference = models.CharField(_lazy("bank reference"), max_length=MAX_REFERENCE, blank=True)

    state = models.CharField(_lazy("state"), max_length=8, choices=LineState, default=LineState.OPEN)
    certainty = models.CharField(_lazy("certainty"), max_length=8, choices=Certainty, blank=True)
    proposals = models.JSONField(default=list, help_text=_lazy("The most certain proposal first."))
    receipt = models.ForeignKey(
        Receipt,
        on_delete=models.PROTECT,
        null=True,
        related_name="bank_lines",
        help_text=_lazy("The payment that the line recorded, or that it took back. The first of several."),
    )
    result = models.CharField(max_length=8, choices=LineResult, blank=True)
    attempt = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text=_lazy("The number of times that it was undone.")
    )
    reason = models.CharField(
        _lazy("reason"), max_length=300, blank=True, help_text=_lazy("The reason for which it is ignored.")
    )
    actor = models.CharField(max_length=254, blank=True, help_text=_lazy("The person who handled it."))
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-day", "-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "base", "ordinal"], name="a_bank_line_is_stored_once"),
            models.UniqueConstraint(
                fields=["receipt"], condition=Q(amount__gt=0), name="a_payment_is_one_line_of_the_bank"
            ),
            models.CheckConstraint(condition=~Q(amount=0), name="a_bank_line_is_not_zero"),
            models.CheckConstraint(condition=Q(state__in=LineState.values), name="bank_line_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="posted", receipt__isnull=False) | (~Q(state="posted") & Q(receipt=None, result="")),
                name="a_posted_bank_line_has_a_payment",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-day", "-created_at", "-id"], name="bank_line_newest"),
            models.Index(
                fields=["account", "state", "-day"], name="bank_line_to_do", condition=Q(state__in=["open", "proposed"])
            ),
            models.Index(
                fields=["account", "payer_account"], name="bank_line_by_payer", condition=~Q(payer_account="")
            ),
            models.Index(fields=["account", "bank_account", "day"], name="bank_line_of_a_day"),
        ]

    def __str__(self) -> str:
        what = (money.display(self.amount, self.currency), date_format(self.day), self.payer_name or self.payer_account)
        return ", ".join(filter(None, what))

    @property
    def is_to_do(self) -> bool:
        return self.state in TO_DO

    @property
    def payments(self) -> list[Receipt]:
        """Return the payments of the line: none before a decision, and several if they were recorded by hand."""
        if self.receipt is None:
            return []
        return [self.receipt, *(each.receipt for each in self.further.select_related("receipt").order_by("pk"))]

    @property
    def bank_id(self) -> str:
        """Return the identifier of the payment that it records. After an undo it is another one."""
        return f"{self.base[:40]}-{self.ordinal}" + (f"-{self.attempt}" if self.attempt else "")


class FurtherPayment(models.Model):
    """A payment of a line, besides its `receipt`: people recorded one transfer as several payments."""

    line = models.ForeignKey(BankLine, on_delete=models.CASCADE, related_name="further")
    receipt = models.OneToOneField(Receipt, on_delete=models.PROTECT, related_name="further_of")

    class Meta:
        ordering = ["line", "pk"]

    def __str__(self) -> str:
        return str(self.receipt)


class BankStatementLine(models.Model):
    """A line as one statement shows it. Overlapping statements show the same lines."""

    statement = models.ForeignKey(BankStatement, on_delete=models.CASCADE, related_name="shown", db_index=False)
    line = models.ForeignKey(BankLine, on_delete=models.CASCADE, related_name="shown")
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["statement", "position"]
        constraints = [
            models.UniqueConstraint(fields=["statement", "position"], name="a_statement_has_a_line_at_a_position"),
            models.UniqueConstraint(fields=["statement", "line"], name="a_statement_shows_a_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.position}"
