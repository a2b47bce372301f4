"""Base class of querysets."""

from typing import Any, Self

from django.db import models

from inflow.accounts.models import Account


class AccountQuerySet(models.QuerySet[Any, Any]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)
