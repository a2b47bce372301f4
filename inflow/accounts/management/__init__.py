"""Common parts of the commands: each refuses in one clear line."""

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from inflow.accounts.models import Account

CONSOLE = "console"  # the actor, in the audit log, of what a command does


def account_named(given: str) -> Account:
    try:
        return Account.objects.get(pk=given)
    except (Account.DoesNotExist, ValidationError) as error:
        raise CommandError(f"No account has the id {given}.") from error


def refusal(error: ValidationError) -> CommandError:
    """The fields and what is wrong with them."""
    if not hasattr(error, "error_dict"):
        return CommandError(" ".join(error.messages))
    return CommandError("; ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items()))
