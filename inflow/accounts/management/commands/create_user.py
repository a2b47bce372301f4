from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandParser

from inflow.accounts.management import account_named, refusal
from inflow.accounts.models import User
from inflow.accounts.roles import Role


class Command(BaseCommand):
    help = "Make a person who logs in to the dashboard of one account."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--account", required=True, metavar="ID")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--password", required=True, metavar="P")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_named(options["account"])
        user = User(email=options["email"].lower(), account=account, role=options["role"])
        try:
            validate_password(options["password"], user)
            user.set_password(options["password"])
            user.full_clean()
        except ValidationError as error:
            raise refusal(error) from error
        user.save()
        self.stdout.write(user.email)
