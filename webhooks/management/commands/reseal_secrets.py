from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError

from webhooks import subscriptions
from webhooks.models import Subscription


class Command(BaseCommand):
    help = "Encrypt every webhook secret anew under the first of FIELD_KEYS, so that the other keys can be taken out."

    def handle(self, *args: Any, **options: Any) -> None:
        done, unreadable = 0, []
        for subscription in Subscription.objects.order_by("pk").iterator():
            try:
                subscriptions.reseal(subscription)
                done += 1
            except InvalidToken:
                unreadable.append(str(subscription.pk))
        self.stdout.write(f"{done} subscriptions are sealed under the first key.")
        if unreadable:
            raise CommandError(f"No key of FIELD_KEYS opens the secret of: {', '.join(unreadable)}")
