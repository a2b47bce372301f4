from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inflow.accounts import keys
from inflow.accounts.management import command_error, get_account


class Command(BaseCommand):
    help = "Create an API key for an account and print it. It is not stored and cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the account's id")
        parser.add_argument("--name", default="console", metavar="N")
        parser.add_argument("--scopes", metavar="a,b", help="comma-separated; default: all but communications:write")

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = options["scopes"]
        account = get_account(options["account"])
        try:
            _, plaintext = keys.issue(
                account, name=options["name"], scopes=None if scopes is None else scopes.split(",")
            )
        except ValidationError as error:
            raise command_error(error) from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(plaintext)
