"""Files on their way in: what a person sees before, and what then happens."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices.imports import running
from invoices.imports.models import Import, ImportRow
from invoices.models import Invoice, TimelineEntry
from tests import make
from tests.dashboard.world import World, page

pytestmark = pytest.mark.django_db
ADD = "/admin/invoices/import/add/"


def upload(client: Client, text: str | bytes, kind: str = "invoices", name: str = "mine.csv", **said: str) -> Any:
    content = text.encode() if isinstance(text, str) else text
    return client.post(ADD, {"kind": kind, "file": SimpleUploadedFile(name, content), **said})


def worked(answer: Any) -> Import:
    """The import whose page the answer leads to, after a worker's turn."""
    file: Import = Import.objects.get(pk=answer["Location"].split("/")[-3])
    while running.work(file.pk):
        pass
    file.refresh_from_db()
    return file


def confirmed(client: Client, file: Import) -> Import:
    return worked(client.post(page("invoices_import", "confirm", file.pk)))


def told(file: Import) -> list[tuple[int, str, str]]:
    return list(ImportRow.objects.filter(file=file).order_by("line").values_list("line", "outcome", "reason"))


def outcomes(file: Import) -> list[str]:
    return [outcome for _, outcome, _ in told(file)]


FILE = """invoice_number,debtor_name,debtor_email,amount,currency,issue_date,due_date,notes
N-1,Mariam Al Kaabi,mariam@alreem.example,"1,250.50",AED,2026-01-05,2026-02-04,
N-2,Omar,omar@wadi.example,100,KWD,2026-01-05,2026-01-04,
Falcon-1,Debtor of Falcon,pay@falcon.example,25000,AED,2025-01-01,2025-02-28,asked for a copy
"""


def test_a_file_shows_row_by_row_what_will_happen_and_nothing_happens_before_it_is_confirmed(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    seen = Invoice.objects.count(), make.events_of(own.account)
    file = worked(upload(client, FILE))
    assert (Invoice.objects.count(), make.events_of(own.account)) == seen
    assert (file.phase, outcomes(file)) == ("checked", ["new", "refused", "changed"])
    html = client.get(page("invoices_import", "change", file.pk)).content.decode()
    for shown in ("Import 2 rows", "1,250.50", "due_date must not be before issue_date.", "2025-01-31", "2025-02-28"):
        assert shown in html
    assert "omar" not in client.get(page("invoices_import", "change", file.pk) + "?outcome=new").content.decode()


def test_a_confirmed_file_is_imported_by_the_verbs_and_the_same_again_changes_nothing(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    events = make.events_of(own.account)
    file = confirmed(client, worked(upload(client, FILE)))
    assert (file.phase, running.counts(file)["applied"]) == ("done", 2)
    new = Invoice.objects.get(invoice_number="N-1")
    assert (new.account, new.amount, new.debtor.email) == (own.account, Decimal("1250.5"), "mariam@alreem.example")
    changed = make.again(own.invoice)
    assert (changed.due_date, changed.notes, changed.round) == (dt.date(2025, 2, 28), "asked for a copy", 1)
    entry = TimelineEntry.objects.get(invoice=new, kind="created")
    assert (entry.channel, entry.actor) == ("import", own.people[Role.MANAGER].email)
    assert make.events_of(own.account) == [*events, "invoice.created", *make.events_of(own.account)[len(events) + 1 :]]
    assert AuditEntry.objects.filter(account=own.account, action="import.done").get().detail["applied"] == 2
    again = worked(upload(client, FILE))
    assert outcomes(again) == ["unchanged", "refused", "unchanged"]
    assert (
        "No row of this file would change anything."
        in client.get(page("invoices_import", "change", again.pk)).content.decode()
    )
