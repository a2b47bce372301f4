"""Helpers of the management commands, which report an error in one line."""

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from inflow.accounts.models import Account

CONSOLE = "console"  # the actor of commands in the audit log


def get_account(pk: str) -> Account:
    try:
        return Account.objects.get(pk=pk)
    except (Account.DoesNotExist, ValidationError) as error:
        raise CommandError(f"There is no account with the id {pk}.") from error


def command_error(error: ValidationError) -> CommandError:
    """Return an error that lists the fields and their messages."""
    if not hasattr(error, "error_dict"):
        return CommandError(" ".join(error.messages))
    return CommandError("; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()))
