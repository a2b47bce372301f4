"""Create an event with invoices and an API token. Run it in pretix's environment.

It prints the path of the list, the number of one invoice and the token as JSON.
"""

import datetime as dt
import json
import sys
from decimal import Decimal

import django

django.setup()

from django.utils import timezone  # noqa: E402
from django_scopes import scopes_disabled  # noqa: E402
from pretix.base.models import Event, Invoice, InvoiceLine, Order, Organizer, Team  # noqa: E402


def fill(count: int) -> dict[str, str]:
    organizer = Organizer.objects.create(name="Falcon Trading LLC", slug="falcon")
    event = Event.objects.create(
        organizer=organizer,
        name="Benchmark",
        slug="bench",
        currency="AED",
        date_from=timezone.now(),
        plugins="pretix.plugins.banktransfer",
    )
    team = Team.objects.create(
        organizer=organizer, name="API", all_events=True, all_event_permissions=True, all_organizer_permissions=True
    )
    token = team.tokens.create(name="benchmark")
    order = Order.objects.create(
        event=event,
        code="FALCON",
        email="ahmed@gulftrading.example",
        status=Order.STATUS_PENDING,
        datetime=timezone.now(),
        expires=timezone.now() + dt.timedelta(days=30),
        total=Decimal(25000),
        sales_channel=organizer.sales_channels.get(identifier="web"),
    )
    numbers = [f"{number:05d}" for number in range(1, count + 1)]
    invoices = Invoice.objects.bulk_create(
        [
            Invoice(
                order=order,
                organizer=organizer,
                event=event,
                prefix="BENCH-",
                invoice_no=number,
                full_invoice_no=f"BENCH-{number}",
                invoice_from="Falcon Trading LLC",
                invoice_to="Gulf Trading LLC",
                date=dt.date(2026, 1, 15),
                locale="en",
            )
            for number in numbers
        ],
        batch_size=1_000,
    )
    InvoiceLine.objects.bulk_create(
        [
            InvoiceLine(
                invoice=invoice, position=1, description="Goods", gross_value=Decimal(25000), tax_rate=Decimal(5)
            )
            for invoice in invoices
        ],
        batch_size=1_000,
    )
    path = f"/api/v1/organizers/{organizer.slug}/events/{event.slug}/invoices/"
    return {"path": path, "number": invoices[count // 2].number, "token": token.token}


with scopes_disabled():
    sys.stdout.write(json.dumps(fill(int(sys.argv[1]))))
