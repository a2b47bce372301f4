import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.db import transaction

from inflow.accounts import audit, sessions
from inflow.accounts.management import CONSOLE
from inflow.accounts.models import User


class Command(changepassword.Command):
    """Django's command, which also ends all sessions of the user and adds an entry to the audit log."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        with transaction.atomic():
            result = super().handle(*args, **options)
            user = User.objects.get_by_natural_key(options["username"] or getpass.getuser())
            ended = sessions.end_all(user)
            audit.record(user.account, CONSOLE, "user.password_changed", user.email[:120], sessions=ended)
        return result
