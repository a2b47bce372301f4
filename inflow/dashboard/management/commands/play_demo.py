from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inflow.accounts.models import Account
from inflow.dashboard.demo import account as demo


class Command(BaseCommand):
    help = "For `make run`: play the demo account's history, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, required=True, help="where the web server listens")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.TRY_OUT:
            raise CommandError("play_demo is for `make run` only: TRY_OUT is not set.")
        if demo.has_past():
            return
        self.stdout.write("The engine plays the demo account's months: its invoices appear in some seconds.\n")
        demo.play(Account.objects.get(pk=demo.ACCOUNT_ID), options["port"])
