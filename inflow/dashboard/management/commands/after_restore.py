"""Resume operation after restoring a database from a backup: docs/operations.md, "After restoring a backup"."""

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from communications.delivery import restored as messages
from communications.models import Communication
from inflow.restores import highwater
from inflow.restores.errors import StoresUnavailable
from inflow.restores.gap import Gap
from inflow.restores.models import Installation
from webhooks import restored as webhooks

SHOWN = 200


class Command(BaseCommand):
    help = (
        "After a restore: list what may have been sent since the backup was taken, mark those messages unknown and "
        "those deliveries skipped, and resume messages and webhooks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list; change nothing")
        for name, text in {
            "--release-messages": "send again messages that may have been sent",
            "--release-webhooks": "send again deliveries that may have been sent",
            "--copy": "this is a copy and the original stays in use: use separate marks",
            "--force": "run although nothing is held, for a backup older than the marks",
        }.items():
            parser.add_argument(name, action="store_true", help=text)

    def handle(self, *_: Any, **options: Any) -> None:
        installation = Installation.objects.filter(held_at__isnull=False).first()
        if installation is None and options["force"]:
            installation, _made = Installation.objects.get_or_create(id=Installation.ONLY)
        if installation is None:
            raise CommandError("Nothing is held: there is nothing to do. Use --force to run anyway.")
        gap = _gap(installation)
        self.stdout.write(f"Not recorded here: what was sent between {_shown(gap.since)} and {_shown(gap.until)}.")
        dry_run: bool = options["dry_run"]
        self._handle_messages(gap, dry_run=dry_run, release=options["release_messages"])
        self._handle_deliveries(gap, dry_run=dry_run, release=options["release_webhooks"])
        if dry_run:
            self.stdout.write("Nothing was changed: this was a dry run.")
            return
        try:
            with transaction.atomic():
                installation = Installation.objects.select_for_update().get()
                if not (installation.held_at or options["force"]):
                    raise CommandError("The hold has already been released.")
                webhooks.renumber(gap)
                highwater.release(installation, as_copy=options["copy"])
        except StoresUnavailable as error:
            raise CommandError("REDIS_URL cannot be reached, so the hold remains. Run the command again.") from error
        self.stdout.write("Messages and webhooks are sent again.")

    def _handle_messages(self, gap: Gap, *, dry_run: bool, release: bool) -> None:
        count = 0
        for row in messages.end_as_unknown(gap, dry_run=dry_run or release):
            count += 1
            if count <= SHOWN:
                about = f"{row.invoice.invoice_number}  {row.kind} by {row.channel}"
                to = f"{row.recipient or 'no address yet'}, due {_shown(row.scheduled_for)}"
                self.stdout.write(f"  {row.account.name}: {about} to {to}")
        if count > SHOWN:
            self.stdout.write(f"  … and {count - SHOWN} more")
        end = "will be sent, perhaps again" if release else "marked unknown, not sent again automatically"
        self.stdout.write(f"Messages that may have been sent: {count} ({end}).")
        if held := messages.held_for_approval(gap).count():
            self.stdout.write(
                f"Held for approval: {held}. Check before you approve them: they may have been sent as well."
            )

    def _handle_deliveries(self, gap: Gap, *, dry_run: bool, release: bool) -> None:
        count = webhooks.may_have_left(gap).count() if dry_run or release else webhooks.skip(gap)
        end = "will be sent, perhaps again" if release else "skipped; accounts can have them sent again"
        self.stdout.write(f"Webhook deliveries that may have been sent: {count} ({end}).")


def _gap(installation: Installation) -> Gap:
    """Return the period without records. Without a hold, it begins with the last message this database recorded."""
    if installation.lost_since and installation.lost_until:
        return Gap.between(installation.lost_since, installation.lost_until)
    newest = Communication.objects.filter(account__clock=None).aggregate(at=Max("sent_at"))["at"]
    since = highwater.last_mark() or newest or installation.created_at
    return Gap.between(since, timezone.now())


def _shown(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
