from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inflow.accounts import keys
from inflow.accounts.models import Account


class Command(BaseCommand):
    help = "Make an API key for an account and print it. It is shown this once and stored nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the account's id")
        parser.add_argument("--name", default="console", metavar="N")
        parser.add_argument("--scopes", metavar="a,b", help="such as invoices:read,webhooks:manage; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = options["scopes"]
        try:
            account = Account.objects.get(pk=options["account"])
            _, plaintext = keys.issue(
                account, name=options["name"], scopes=None if scopes is None else scopes.split(",")
            )
        except (Account.DoesNotExist, ValidationError) as error:
            raise CommandError(f"No account has the id {options['account']}.") from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(plaintext)
