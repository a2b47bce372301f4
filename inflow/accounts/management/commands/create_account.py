from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from inflow.accounts import audit
from inflow.accounts.management import CONSOLE, command_error
from inflow.accounts.models import Account, Language
from inflow.accounts.plans import Plan


class Command(BaseCommand):
    help = "Create an account and print its id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--plan", choices=Plan.values, default=Plan.FREE)
        parser.add_argument("--test", action="store_true", help="messages of the account never leave this machine")
        parser.add_argument("--time-zone", default="Asia/Dubai", metavar="Z", help="IANA name, such as Asia/Dubai")
        parser.add_argument("--language", choices=Language.values, default=Language.ENGLISH)
        parser.add_argument("--per-minute", type=int, metavar="N", help="a negotiated limit above the plan's")
        parser.add_argument("--per-day", type=int, metavar="N", help="a negotiated limit above the plan's")

    def handle(self, *args: Any, **options: Any) -> None:
        account = Account(
            name=options["name"],
            plan=options["plan"],
            is_test=options["test"],
            time_zone=options["time_zone"],
            language=options["language"],
            requests_per_minute=options["per_minute"],
            requests_per_day=options["per_day"],
        )
        try:
            account.full_clean()
        except ValidationError as error:
            raise command_error(error) from error
        with transaction.atomic():
            account.save()
            detail = {"plan": account.plan, "is_test": account.is_test}
            audit.record(account, CONSOLE, "account.created", account.name[:120], **detail)
        self.stdout.write(str(account.pk))
