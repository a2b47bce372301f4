"""Bring a database that was restored from a backup back to work: docs/operations.md, "After restoring a backup"."""

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
        "After a restore: list what may have left since the backup was taken, mark those messages unknown and those "
        "deliveries skipped, and let messages and webhooks go out again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list; change nothing")
        parser.add_argument("--release-messages", action="store_true", help="send messages that may have left again")
        parser.add_argument("--release-webhooks", action="store_true", help="send deliveries that may have left again")
        parser.add_argument(
            "--copy", action="store_true", help="this is a copy, and the original goes on: use marks of its own"
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="although nothing is held: for a backup older than the marks",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        installation = Installation.objects.filter(held_at__isnull=False).first()
        if installation is None and options["force"]:
            installation, _made = Installation.objects.get_or_create(id=Installation.ONLY)
        if installation is None:
            raise CommandError("Nothing is held: there is nothing to do. --force does it all the same.")
        gap = _gap(installation)
        self.stdout.write(f"Unknown here: what left between {_shown(gap.since)} and {_shown(gap.until)}.")
        dry_run: bool = options["dry_run"]
        self._see_to_messages(gap, dry_run=dry_run, release=options["release_messages"])
        self._see_to_deliveries(gap, dry_run=dry_run, release=options["release_webhooks"])
        if dry_run:
            self.stdout.write("Nothing was changed: this was a dry run.")
            return
        try:
            with transaction.atomic():
                installation = Installation.objects.select_for_update().get()
                if not (installation.held_at or options["force"]):
                    raise CommandError("Somebody else has ended the hold meanwhile.")
                webhooks.renumber(gap)
                highwater.release(installation, as_copy=options["copy"])
        except StoresUnavailable as error:
            raise CommandError("REDIS_URL cannot be reached: the hold goes on. Run it again.") from error
        self.stdout.write("Messages and webhooks go out again.")

    def _see_to_messages(self, gap: Gap, *, dry_run: bool, release: bool) -> None:
        count = 0
        for row in messages.end_as_unknown(gap, dry_run=dry_run or release):
            count += 1
            if count <= SHOWN:
                about = f"{row.invoice.invoice_number}  {row.kind} by {row.channel} to {row.recipient or 'nobody yet'}"
                self.stdout.write(f"  {row.account.name}: {about}, due {_shown(row.scheduled_for)}")
        if count > SHOWN:
            self.stdout.write(f"  … and {count - SHOWN} more")
        end = "will be sent, perhaps again" if release else "unknown, not sent again by themselves"
        self.stdout.write(f"Messages that may have left: {count} ({end}).")
        if held := messages.held_for_approval(gap).count():
            self.stdout.write(f"Held for a person: {held}. Look before you approve them: they may have left as well.")

    def _see_to_deliveries(self, gap: Gap, *, dry_run: bool, release: bool) -> None:
        count = webhooks.may_have_left(gap).count() if dry_run or release else webhooks.skip(gap)
        end = "will be sent, perhaps again" if release else "skipped; accounts can have them sent again"
        self.stdout.write(f"Webhook deliveries that may have left: {count} ({end}).")


def _gap(installation: Installation) -> Gap:
    """Without a hold: from the last thing that this database knows to have sent until now."""
    if installation.lost_since and installation.lost_until:
        return Gap.between(installation.lost_since, installation.lost_until)
    newest = Communication.objects.filter(account__clock=None).aggregate(at=Max("sent_at"))["at"]
    since = highwater.last_mark() or newest or installation.created_at
    return Gap.between(since, timezone.now())


def _shown(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
