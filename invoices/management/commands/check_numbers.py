"""List the invoices of an account whose numbers look alike. Changes nothing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inflow.accounts.management import account_named
from invoices import numbers
from invoices.models import Invoice


class Command(BaseCommand):
    help = (
        "List invoices whose numbers differ only in their Unicode form, in invisible characters, or in characters that "
        "look alike, such as hyphens and full-width digits."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", metavar="ID", help="only this account")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["account"]
        invoices = Invoice.objects.for_account(account_named(name)) if name else Invoice.objects.all()
        found = 0
        for equal in numbers.equal_numbers(invoices):
            found += 1
            self.stdout.write(str(equal))
        self.stdout.write(f"Invoice numbers that look the same: {found}." if found else "All numbers differ.")
