"""Statuses of invoices and of their payment."""

from django.db import models
from django.utils.translation import gettext_lazy as _lazy


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


OPEN = (Status.NEW, Status.OVERDUE, Status.ON_HOLD, Status.DISPUTED)
