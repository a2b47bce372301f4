"""Rules that choose a policy, and the smallest amounts worth a reminder."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.models.ladder import CollectionSettings, ReminderPolicy
from inflow.accounts.models import Account
from invoices.models import AccountQuerySet


class PolicyRule(models.Model):
    """A rule that chooses the policy of the invoices that meet all of its conditions. The first such rule applies.

    It applies to invoices without a policy of their own or of their debtor. An empty condition is always met.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", editable=False)
    position = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text=_lazy("The rule with the lowest number is tried first.")
    )
    tag = models.CharField(max_length=40, blank=True, help_text=_lazy("A tag of the invoice or of the debtor."))
    country = models.CharField(
        max_length=2, blank=True, help_text=_lazy("ISO 3166. The debtor's, else the phone's, else the account's.")
    )
    currency = models.CharField(max_length=3, blank=True, help_text=_lazy("ISO 4217."))
    min_amount = models.DecimalField(
        _lazy("amount from"), max_digits=18, decimal_places=3, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    max_amount = models.DecimalField(
        _lazy("amount to"), max_digits=18, decimal_places=3, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    policy = models.ForeignKey(ReminderPolicy, on_delete=models.PROTECT, related_name="+")

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("policy rule")
        verbose_name_plural = _lazy("policy rules")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(tag="", country="", currency="", min_amount=None, max_amount=None),
                name="a_policy_rule_has_a_condition",
            ),
            models.CheckConstraint(
                condition=~Q(currency="") | Q(min_amount=None, max_amount=None),
                name="a_policy_rule_by_amount_names_a_currency",
            ),
            models.CheckConstraint(
                condition=Q(min_amount=None) | Q(max_amount=None) | Q(min_amount__lte=F("max_amount")),
                name="the_amounts_of_a_policy_rule_are_in_order",
            ),
        ]

    def __str__(self) -> str:
        return _("Rule %(number)s: %(policy)s") % {"number": self.position, "policy": self.policy}


class MinimumBalance(models.Model):
    """The amount below which the overdue balance of a debtor is not worth a reminder."""

    settings = models.ForeignKey(CollectionSettings, on_delete=models.CASCADE, related_name="minimum_balances")
    currency = models.CharField(max_length=3, help_text=_lazy("ISO 4217."))
    amount = models.DecimalField(max_digits=18, decimal_places=3, validators=[MinValueValidator(0)])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["settings", "currency"], name="one_minimum_balance_for_a_currency")
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.amount}"
