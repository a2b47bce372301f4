from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from communications.channels import local_gateway
from inflow.accounts import audit
from inflow.accounts.models import Account
from inflow.dashboard.demo import account as demo
from inflow.tryout.folder import write_private


class Command(BaseCommand):
    help = "For `make run`: create the demo account once, and set the port of its receiver and gateways at each start."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, required=True, help="where the web server listens")
        parser.add_argument(
            "--credentials-file", type=Path, required=True, metavar="PATH", help="file for the login, password and key"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.TRY_OUT:
            raise CommandError("seed_demo is for `make run` only: TRY_OUT is not set.")
        port, path = options["port"], Path(options["credentials_file"])
        # The file is written before the commit: after a crash in between, the next start finds it outdated.
        with transaction.atomic():
            account, is_new = Account.objects.get_or_create(pk=demo.ACCOUNT_ID, defaults=demo.ACCOUNT)
            if is_new:
                audit.record(account, "seed_demo", "account.created", account.name[:120])
                local_gateway.install(port)
                credentials = demo.fill(account)
            else:
                local_gateway.install(port)
                demo.point_receiver(port)
                if demo.are_valid(path):
                    return
                credentials = demo.issue_credentials(account)
            write_private(path, "".join(f"{name}: {value}\n" for name, value in credentials.items()))
