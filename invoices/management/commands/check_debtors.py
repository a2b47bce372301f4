"""List debtors with several parties, and propose how to split them. Count rows of merged debtors. Changes nothing.

manage.py check_debtors                     all accounts
manage.py check_debtors --account NAME      one, by name or id
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from inflow.accounts.management import get_account
from inflow.accounts.models import Account
from invoices.debtors import debtor_parties, merging
from invoices.models import Debtor

_SHOWN_NUMBERS = 8


class Command(BaseCommand):
    help = "List debtors with several parties, and propose how to split them. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", metavar="ID", help="only this account")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["account"]
        accounts = [get_account(name)] if name else Account.objects.order_by("name", "pk")
        found = sum(self._check(account) for account in accounts)
        self.stdout.write(f"Debtors with several parties: {found}." if found else "Each debtor is one party.")
        left = merging.stragglers(get_account(name) if name else None)
        for column, count in left.items():
            self.stdout.write(f"Rows that refer to a merged debtor: {count} ({column}).")
        if left:
            raise CommandError("Merged debtors must have no rows. Report this.")

    def _check(self, account: Account) -> int:
        """Print the account's table unless it is empty. Return the number of debtors in it."""
        several = Debtor.objects.for_account(account).annotate(keys=Count("invoices__party", distinct=True))
        rows, found = [], 0
        for debtor in several.filter(keys__gt=1).order_by("name", "pk"):
            debtor.account = account
            parties = debtor_parties.of(debtor)
            if len(parties) < 2:
                continue
            found += 1
            own = max(parties, key=lambda party: (party.invoices.count(), party.name))
            for party in parties:
                numbers = list(party.invoices.order_by("created_at", "invoice_number").values_list("invoice_number"))
                proposal = "stays" if party is own else "new debtor"
                rows.append([str(debtor), str(debtor.pk), str(party), str(len(numbers)), _listed(numbers), proposal])
        if rows:
            self.stdout.write(f"\n{account.name} ({account.pk})")
            self._print([["debtor", "id", "party", "invoices", "numbers", "proposal"], *rows])
        return found

    def _print(self, rows: list[list[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _listed(numbers: list[tuple[str]]) -> str:
    shown = ", ".join(number for (number,) in numbers[:_SHOWN_NUMBERS])
    return f"{shown}, …" if len(numbers) > _SHOWN_NUMBERS else shown
