"""A dump of a small database of this release, which a test migrates to the next one.

`python -m tests.upgrades.dump FILE` writes it when a release is made. The people and companies are invented.
"""

import contextlib
import datetime as dt
import gzip
import os
import re
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from inflow.tryout.processes import owned
from inflow.tryout.servers import postgres_programs, start_postgres, start_valkey
from tests import environment


def main(target: Path) -> None:
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inflow-dump-")))
        stack.enter_context(owned(data))
        os.environ |= environment.testing()
        for variable, server in (
            ("REDIS_URL", start_valkey(data)),
            ("DATABASE_URL", start_postgres(data, durable=False)),
        ):
            stack.callback(server.stop)
            os.environ[variable] = server.url
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        fill()
        command = [str(postgres_programs() / "pg_dump"), "--no-owner", "--inserts", os.environ["DATABASE_URL"]]
        dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Without psql's own commands and comments, any client can run it.
    statements = re.sub(r"^(--|\\).*\n", "", dump, flags=re.MULTILINE)
    target.write_bytes(gzip.compress(re.sub(r"\n{2,}", "\n", statements).encode(), mtime=0))


def fill() -> None:
    """Make a few rows in each table that matters, by the same verbs as everybody where there are some."""
    from django.test import Client

    from communications.models import (
        Answer,
        CollectionSettings,
        Communication,
        ConsentEntry,
        MessageTemplate,
        Reply,
        SenderProfile,
    )
    from inflow.accounts import invitations
    from inflow.accounts.models import AuditEntry
    from inflow.accounts.roles import Role
    from invoices import ledger, lifecycle
    from tests import make
    from webhooks.models import Attempt, Delivery

    falcon = make.account(plan="pro")
    oryx = make.account("شركة المها للتجارة", language="ar", is_test=True)
    admin = make.user(falcon, email="admin@falcon.example")
    make.user(oryx, Role.VIEWER, email="viewer@oryx.example")
    make.user(None, email="platform@inflow.example")
    Client().force_login(admin)
    make.key(falcon, name="Zapier")
    invitations.invite(falcon, "new@falcon.example", Role.AGENT, by=admin)
    AuditEntry.objects.create(account=falcon, actor=admin.email, action="login", target=str(admin.pk))
    make.subscription(falcon, "https://hooks.example/inflow", make.ALL_EVENTS)
    make.subscription(oryx, "https://oryx.example/inflow")

    for status in ("new", "overdue", "on_hold", "disputed", "written_off", "paid", "cancelled"):
        make.invoice_in(falcon, status)
    make.invoice(oryx, invoice_number="فاتورة-1", debtor_name="أحمد الراشد", language="ar")
    part = make.invoice(falcon, amount=1_000, debtor_email="part@gulf.example", debtor_company="Part Ltd")
    ledger.record_payment(falcon, part.pk, make.STAFF, amount=Decimal("400.50"), method="transfer", reference="FT-1")
    bounced = ledger.record_payment(falcon, part.pk, make.STAFF, amount=Decimal(100), method="cheque")
    ledger.reverse_payment(falcon, part.pk, bounced.pk, make.STAFF, reason="The cheque bounced")
    lifecycle.promise(falcon, part.pk, make.STAFF, falcon.today() + dt.timedelta(days=3))
    over = make.invoice(falcon, amount=500, debtor_email="over@gulf.example", debtor_company="Over Ltd")
    ledger.record_payment(falcon, over.pk, make.STAFF, amount=Decimal(700), method="cash")
    make.escalation(make.invoice(falcon, debtor_email="case@gulf.example", debtor_company="Case Ltd"))
    make.overdue_invoice(falcon)

    sent = make.sent_reminder(falcon)
    now, debtor = falcon.now(), sent.debtor
    Reply.objects.create(
        account=falcon, debtor=debtor, communication=sent, invoice=sent.invoice, channel="email", received_at=now,
        address=sent.recipient, text="We will pay on Monday.", provider_id="<1@gulf.example>", triage="promise",
    )  # fmt: skip
    Answer.objects.create(account=falcon, debtor=debtor, invoice=sent.invoice, kind="paid", said_at=now)
    ConsentEntry.objects.create(
        account=falcon, debtor=debtor, channel="sms", what="opted_out", source="page", at=now, actor="debtor"
    )
    make.agreed_to_whatsapp(falcon)
    make.gateway(falcon)
    CollectionSettings.objects.update_or_create(account=falcon, defaults={"hours_between": 48})
    SenderProfile.objects.create(account=falcon, display_name="Falcon", phone="+971 4 555 0100")
    MessageTemplate.objects.create(
        account=falcon, kind="reminder", tone="", channel="email", language="en", subject="Please pay", body="Now."
    )
    make.import_of(falcon, admin, "payments.csv", f"invoice_number,reference,amount\n{over.invoice_number},FT-2,1\n")
    make.calendar_rule(falcon, "Company day")
    delivery = Delivery.objects.filter(account=falcon).first()
    assert delivery
    Attempt.objects.create(delivery=delivery, at=now, ms=120, status=500, response="Internal error")
    assert Communication.objects.filter(status="sent").exists()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
