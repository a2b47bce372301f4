"""Weekends, holidays and shorter hours of countries and regions."""

import datetime as dt

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow import places
from inflow.accounts.models import Account, known_subdivision

MAX_HOLIDAY_DAYS = 31


class RuleKind(models.TextChoices):
    WEEKEND = "weekend", _lazy("Weekend")
    HOURS = "hours", _lazy("Shorter hours")
    HOLIDAY = "holiday", _lazy("Holiday")


class CalendarRule(models.Model):
    """A weekend, holiday or shorter hours of a country or region.

    A row without account is shared. An account's own row replaces the shared one of the same place and name.
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
        _lazy("last day"), null=True, blank=True, help_text=_lazy("Leave empty for a single day.")
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
        help_text=_lazy("Calculated before the official announcement. Confirm it once the date is announced."),
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
        """Reject rows that would close a place forever or have no effect."""
        places.known_country(self.country)
        if self.subdivision and not self.subdivision.startswith(f"{self.country}-"):
            raise ValidationError({"subdivision": _("The region must be in the country, such as AE-SH in AE.")})
        if self.ends_on and (self.starts_on is None or self.ends_on < self.starts_on):
            raise ValidationError({"ends_on": _("The last day must not be before the first.")})
        if self.kind == RuleKind.WEEKEND:
            if not 1 <= len(set(self.weekdays)) <= 6:
                raise ValidationError({"weekdays": _("A weekend must have one to six days.")})
            if self.starts_on:
                raise ValidationError({"starts_on": _("A weekend can't have dates.")})
        elif self.kind == RuleKind.HOLIDAY:
            if self.starts_on is None:
                raise ValidationError({"starts_on": _("A holiday needs a first day.")})
            if self.last_day and (self.last_day - self.starts_on).days >= MAX_HOLIDAY_DAYS:
                raise ValidationError(
                    {"ends_on": _("A holiday can have at most %(count)s days.") % {"count": MAX_HOLIDAY_DAYS}}
                )
        elif self.opens_at is None and self.closes_at is None:
            raise ValidationError({"closes_at": _("Enter an opening time, a closing time or both.")})
        elif self.opens_at and self.closes_at and self.opens_at >= self.closes_at:
            raise ValidationError({"closes_at": _("The closing time must be after the opening time.")})
        elif not self.weekdays and self.starts_on is None:
            raise ValidationError({"weekdays": _("Enter weekdays, or a first and a last day.")})
