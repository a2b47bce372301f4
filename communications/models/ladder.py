"""Reminder policies and collection settings of an account."""

import datetime as dt

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.models.choices import Medium, StepKind, Tone
from inflow.accounts.models import Account
from invoices.models import AccountQuerySet


def every_medium() -> list[str]:
    return list(Medium.values)


class ReminderPolicy(models.Model):
    """A reminder policy. Its steps are taken in order of their days from the due date."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="policies")
    name = models.CharField(max_length=100)
    is_default = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = _lazy("reminder policies")
        ordering = ["-is_default", "name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="policy_name_is_unique_in_its_account"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(is_default=True), name="one_default_policy_for_an_account"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyStep(models.Model):
    """A step of a policy. `channels` are in order of preference. `escalates_to` takes effect when the step is done."""

    policy = models.ForeignKey(ReminderPolicy, on_delete=models.CASCADE, related_name="steps")
    offset_days = models.SmallIntegerField(_lazy("days from the due date"))
    kind = models.CharField(max_length=20, choices=StepKind)
    tone = models.CharField(max_length=10, choices=Tone, default=Tone.NEUTRAL)
    channels = ArrayField(models.CharField(max_length=10, choices=Medium), default=every_medium)
    escalates_to = models.PositiveSmallIntegerField(
        null=True, blank=True, choices=[(1, _lazy("Level 1")), (2, _lazy("Level 2"))]
    )

    class Meta:
        ordering = ["offset_days"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "offset_days"], name="one_step_a_day_in_a_policy"),
            models.CheckConstraint(
                condition=Q(offset_days__gte=-365, offset_days__lte=3650), name="a_step_lies_within_ten_years"
            ),
        ]

    def __str__(self) -> str:
        return _("%(kind)s on day %(day)s") % {"kind": self.get_kind_display(), "day": f"{self.offset_days:+d}"}


class CollectionSettings(models.Model):
    """Contact hours, limits and safeguards. A window that closes before it opens spans midnight."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="collection")
    opens_at = models.TimeField(default=dt.time(9))
    closes_at = models.TimeField(default=dt.time(18))
    hours_between = models.PositiveSmallIntegerField(
        default=72, validators=[MinValueValidator(1)], help_text=_lazy("Minimum number of hours between two contacts.")
    )
    most_in_7_days = models.PositiveSmallIntegerField(default=2, validators=[MinValueValidator(1)])
    is_stopped = models.BooleanField(_lazy("stop all messages"), default=False)
    stopped_channels = ArrayField(models.CharField(max_length=10, choices=Medium), default=list, blank=True)
    stale_after_hours = models.PositiveSmallIntegerField(
        _lazy("payment data is stale after"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_lazy(
            "Hours without a recorded or synced payment, after which automatic messages stop. Empty: never."
        ),
    )
    payments_synced_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text=_lazy("When somebody last confirmed that all payments are recorded, in the account's time."),
    )
    cool_off_hours = models.PositiveSmallIntegerField(
        _lazy("cool-off"),
        default=24,
        help_text=_lazy("Hours during which a released final notice can still be recalled."),
    )
    says_thanks = models.BooleanField(
        _lazy("send thank-you messages"),
        default=False,
        help_text=_lazy("After an invoice is paid in full, within the contact hours."),
    )
    recalls_promises = models.BooleanField(
        _lazy("send promise reminders"), default=False, help_text=_lazy("On the day before the promised payment date.")
    )
    statement_day = models.PositiveSmallIntegerField(
        _lazy("send statements on day"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
        help_text=_lazy("Day of the month, 1 to 28, by email to debtors with open invoices. Empty: never."),
    )
    next_statements_at = models.DateTimeField(
        null=True, editable=False, help_text=_lazy("When the next monthly statements are scheduled.")
    )
    attaches_documents = models.BooleanField(
        _lazy("attach invoices to emails"),
        default=True,
        db_default=True,
        help_text=_lazy(
            "The uploaded PDF of each listed invoice, up to 5 MB per email. The others can be downloaded from the"
            " debtor page."
        ),
    )

    class Meta:
        verbose_name_plural = _lazy("collection settings")
        constraints = [
            models.CheckConstraint(condition=~Q(opens_at=models.F("closes_at")), name="the_window_is_open_sometimes"),
            models.CheckConstraint(
                condition=Q(hours_between__gte=1, most_in_7_days__gte=1), name="caps_allow_one_contact"
            ),
            models.CheckConstraint(
                condition=Q(statement_day=None) | Q(statement_day__gte=1, statement_day__lte=28),
                name="every_month_has_the_day_of_statements",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_statements_at"], name="statements_due", condition=Q(next_statements_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return str(self.account)


class Rescheduling(models.Model):
    """An account whose hours, limits or calendar have changed, and whose planned messages are to be rescheduled."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="+")
    requested_at = models.DateTimeField()
    after = models.UUIDField(null=True)  # the last debtor whose messages were rescheduled

    def __str__(self) -> str:
        return str(self.account)


class ApprovalLimit(models.Model):
    """The amount above which a final notice needs approval."""

    settings = models.ForeignKey(CollectionSettings, on_delete=models.CASCADE, related_name="approval_limits")
    currency = models.CharField(max_length=3, help_text=_lazy("ISO 4217."))
    amount = models.DecimalField(max_digits=18, decimal_places=3, validators=[MinValueValidator(0)])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["settings", "currency"], name="one_approval_limit_for_a_currency")
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.amount}"


class SwitchingOn(models.Model):
    """A policy that a worker switches on for many invoices, in order of their primary keys. See `switching`."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="+")
    policy = models.ForeignKey(ReminderPolicy, on_delete=models.CASCADE, related_name="+")
    actor = models.CharField(max_length=254)
    only_unchased = models.BooleanField()
    overdue_enter = models.BooleanField()
    after = models.UUIDField(null=True)
    entered = models.PositiveIntegerField(db_default=0, default=0)
    claimed_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.policy)
