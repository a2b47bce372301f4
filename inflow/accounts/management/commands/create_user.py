import getpass
import os
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from inflow.accounts import audit
from inflow.accounts.management import CONSOLE, command_error, get_account
from inflow.accounts.models import User
from inflow.accounts.roles import Role

VARIABLE = "INFLOW_PASSWORD"
_MAX_CHARS = 4096


class Command(BaseCommand):
    help = (
        "Create a user who can log in to the dashboard of one account. Arguments are visible to other users of this "
        f"machine and stored by shells: pass the password in the variable {VARIABLE}, or with --password - on standard "
        "input."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--account", required=True, metavar="ID")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--password", metavar="P", help=f"- reads a line of standard input; default: {VARIABLE}")

    def handle(self, *args: Any, **options: Any) -> None:
        account = get_account(options["account"])
        password = _password(options["password"])
        user = User(email=options["email"].lower(), account=account, role=options["role"])
        try:
            validate_password(password, user)
            user.set_password(password)
            user.full_clean()
        except ValidationError as error:
            raise command_error(error) from error
        with transaction.atomic():
            user.save()
            audit.record(account, CONSOLE, "user.created", user.email[:120], role=user.role)
        self.stdout.write(user.email)


def _password(option: str | None) -> str:
    if option == "-":
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline(_MAX_CHARS).rstrip("\r\n")
    else:
        password = option if option is not None else os.environ.get(VARIABLE, "")
    if not password:
        raise CommandError(f"A password is required: --password - reads it from standard input, or set {VARIABLE}.")
    return password
