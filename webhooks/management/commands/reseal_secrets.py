from collections.abc import Callable
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from communications.channels import gateways
from communications.models import Gateway
from inflow.accounts import second_step
from inflow.accounts.models import Authenticator
from invoices.models import OpenItemsSource, PaymentHook
from invoices.payment_hooks import hooks
from invoices.reconciliation import sources
from webhooks import subscriptions
from webhooks.models import Subscription


class Command(BaseCommand):
    help = "Encrypt every stored secret again with the first of FIELD_KEYS, so that the other keys can be removed."

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = self._reseal("subscriptions", Subscription.objects.all(), subscriptions.reseal)
        unreadable += self._reseal("gateways", Gateway.objects.all(), gateways.reencrypt)
        unreadable += self._reseal("payment providers", PaymentHook.objects.all(), hooks.reencrypt)
        unreadable += self._reseal("scheduled fetches", OpenItemsSource.objects.all(), sources.reencrypt)
        unreadable += self._reseal("authenticators", Authenticator.objects.all(), second_step.reencrypt)
        if unreadable:
            raise CommandError(f"No key of FIELD_KEYS can decrypt the secret of: {', '.join(unreadable)}")

    def _reseal(self, name: str, rows: QuerySet[Any], reseal: Callable[[Any], None]) -> list[str]:
        done, unreadable = 0, []
        for row in rows.order_by("pk").iterator():
            try:
                reseal(row)
                done += 1
            except InvalidToken:
                unreadable.append(str(row.pk))
        self.stdout.write(f"{done} {name} are encrypted with the first key.")
        return unreadable
