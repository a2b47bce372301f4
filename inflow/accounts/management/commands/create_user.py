import getpass
import os
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from inflow.accounts import audit
from inflow.accounts.management import CONSOLE, account_named, refusal
from inflow.accounts.models import User
from inflow.accounts.roles import Role

VARIABLE = "INFLOW_PASSWORD"
_MOST = 4096


class Command(BaseCommand):
    help = (
        "Make a person who logs in to the dashboard of one account. An argument is seen by other users of this machine "
        f"and kept by shells: give the password in the environment as {VARIABLE}, or by --password - in standard input."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--account", required=True, metavar="ID")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--password", metavar="P", help=f"- reads a line of standard input; default: {VARIABLE}")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_named(options["account"])
        password = _password(options["password"])
        user = User(email=options["email"].lower(), account=account, role=options["role"])
        try:
            validate_password(password, user)
            user.set_password(password)
            user.full_clean()
        except ValidationError as error:
            raise refusal(error) from error
        with transaction.atomic():
            user.save()
            audit.record(account, CONSOLE, "user.created", user.email[:120], role=user.role)
        self.stdout.write(user.email)


def _password(given: str | None) -> str:
    if given == "-":
        is_typed = sys.stdin.isatty()
        given = getpass.getpass() if is_typed else sys.stdin.readline(_MOST).rstrip("\r\n")
    elif given is None:
        given = os.environ.get(VARIABLE)
    if not given:
        raise CommandError(f"A password is needed: --password - reads it from standard input, or set {VARIABLE}.")
    return given
