from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role


class Command(BaseCommand):
    help = "Make a person who logs in to the dashboard of one account."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--account", required=True, metavar="ID")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--password", required=True, metavar="P")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = Account.objects.get(pk=options["account"])
        except (Account.DoesNotExist, ValidationError) as error:
            raise CommandError(f"No account has the id {options['account']}.") from error
        user = User(email=options["email"].lower(), account=account, role=options["role"])
        try:
            validate_password(options["password"], user)
            user.set_password(options["password"])
            user.full_clean()
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        user.save()
        self.stdout.write(user.email)
