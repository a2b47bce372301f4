"""An account's settings for payments."""

from django.db import models
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account


class PaymentSettings(models.Model):
    """An account's rules for recording and making payments."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="payment_settings")
    applies_credit = models.BooleanField(
        _lazy("apply credit automatically"),
        default=False,
        help_text=_lazy("Credit pays the debtor's open invoices as soon as it exists, oldest due date first."),
    )
    posts_exact_lines = models.BooleanField(
        _lazy("record exact bank lines without review"),
        default=False,
        help_text=_lazy("Only lines of a bank statement whose reference and amount both match one open invoice."),
    )
    payment_url_pattern = models.CharField(
        _lazy("payment link"),
        max_length=500,
        blank=True,
        help_text=_lazy("For example https://pay.example/{invoice_number}?amount={balance}. Empty: no Pay now button."),
    )

    class Meta:
        verbose_name_plural = _lazy("payment settings")

    def __str__(self) -> str:
        return str(self.account)
