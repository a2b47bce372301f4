"""Files on their way in: what a person sees before, and what then happens."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.imports import phases, reading
from invoices.imports.columns import COLUMNS
from invoices.models import Invoice, Payment, TimelineEntry
from invoices.models.imports import Import, ImportRow
from tests import make
from tests.dashboard.world import World, may, nothing_changes, page, platform

pytestmark = pytest.mark.django_db
ADD = "/admin/invoices/import/add/"


def upload(client: Client, text: str | bytes, kind: str = "invoices", name: str = "mine.csv", **said: str) -> Any:
    content = text.encode() if isinstance(text, str) else text
    return client.post(ADD, {"kind": kind, "file": SimpleUploadedFile(name, content), **said})


def worked(answer: Any) -> Import:
    """The import whose page the answer leads to, after a worker's turn."""
    file: Import = Import.objects.get(pk=answer["Location"].split("/")[-3])
    while phases.work(file.pk):
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
    assert (file.phase, phases.counts(file)["applied"]) == ("done", 2)
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
        "No row of this file changes anything."
        in client.get(page("invoices_import", "change", again.pk)).content.decode()
    )


def test_what_was_understood_is_shown_and_the_refused_rows_leave_as_they_stood(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    text = (
        "رقم الفاتورة;العميل;المبلغ;العملة;تاريخ الاستحقاق;Rep\n"
        "D-1;مريم;١٬٢٥٠٫٥٠;AED;03/04/2027;Layla\n"
        '"=D-2";"=cmd";1.250;AED;03/04/2027;Omar\n'
    )
    file = worked(upload(client, text.encode("utf-16"), date_order="dmy"))
    html = client.get(page("invoices_import", "change", file.pk)).content.decode()
    for shown in ("AED 1,250.50", "2027-04-03", "Rep", "1.250 is ambiguous"):
        assert shown in html
    answer = client.get(page("invoices_import", "refused", file.pk))
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "line,reason,invoice_number,debtor_name,amount,currency,due_date"
    assert lines[1].startswith("3,")
    assert lines[1].endswith("'=D-2,'=cmd,1.250,AED,03/04/2027")
    done = confirmed(client, file)
    invoice = Invoice.objects.get(invoice_number="D-1")
    assert (invoice.amount, invoice.due_date) == (Decimal("1250.5"), dt.date(2027, 4, 3))
    assert outcomes(done) == ["new", "refused"]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("currency", "USD"),
        ("amount_paid", "1"),
        ("due_date", "2024-12-31"),
    ],
)
def test_what_an_import_cannot_change_of_a_known_invoice_is_refused(field: str, said: str, own: World) -> None:
    row = {"invoice_number": "Falcon-1", "debtor_name": "Debtor of Falcon", "amount": "25000"}
    row |= {"due_date": "2025-01-31", "issue_date": "2025-01-01", field: said}
    client = own.logged_in(Role.MANAGER)
    file = worked(upload(client, f"{','.join(row)}\n{','.join(row.values())}\n"))
    ((_, outcome, reason),) = told(file)
    assert (outcome, bool(reason)) == ("refused", True)
    assert phases.counts(file)["to_do"] == 0
    assert "No row of this file" in client.get(page("invoices_import", "change", file.pk)).content.decode()


def test_an_empty_cell_says_nothing(own: World) -> None:
    lifecycle.change(own.account, own.invoice.pk, make.STAFF, notes="kept")
    client = own.logged_in(Role.MANAGER)
    text = "invoice_number,debtor_name,debtor_email,amount,currency,due_date,notes\n"
    text += "Falcon-1,Debtor of Falcon,,25000,,2025-01-31,\n"
    assert outcomes(worked(upload(client, text))) == ["unchanged"]


def test_an_opening_payment_is_the_same_after_others_came(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    text = "invoice_number,debtor_name,amount,currency,due_date,amount_paid\nO-1,Omar,100,AED,2027-01-01,40\n"
    confirmed(client, worked(upload(client, text)))
    invoice = Invoice.objects.get(invoice_number="O-1")
    lifecycle.record_payment(own.account, invoice.pk, make.STAFF, amount=Decimal(10))
    assert outcomes(worked(upload(client, text))) == ["unchanged"]
    assert outcomes(worked(upload(client, text.replace(",40", ",50")))) == ["unchanged"]
    assert outcomes(worked(upload(client, text.replace(",40", ",60")))) == ["refused"]


PAYMENTS = """Invoice,Ref,Amount,Currency,Date
Falcon-1,FT-1,"10,000.50",AED,2026-01-05
Falcon-1,FT-2,20000,,2026-01-06
Falcon-1,FT-2,5,,2026-01-06
Falcon-1,,5,,2026-01-06
Falcon-1,FT-3,5,USD,2026-01-06
Falcon-1,FT-4,5,AED,2999-01-06
Sandfox-1,FT-5,5,AED,2026-01-06
"""


def test_payments_are_recorded_once_by_their_reference(own: World, foreign: World) -> None:
    client = own.logged_in(Role.AGENT)
    with nothing_changes(foreign):
        file = confirmed(client, worked(upload(client, PAYMENTS, "payments")))
        again = confirmed(client, worked(upload(client, PAYMENTS, "payments")))
    assert outcomes(file) == ["new", "new", *["refused"] * 5]
    assert outcomes(again) == ["unchanged", "unchanged", *["refused"] * 5]
    reasons = [reason for _, _, reason in told(file)]
    assert reasons[2] == "Line 3 has the same payment."
    assert reasons[3] == "Reference: This field is required."
    assert reasons[4:] == [
        "The invoice is in AED.",
        "paid_at must not be in the future.",
        "There is no invoice with this number.",
    ]
    paid = Payment.objects.filter(invoice=own.invoice).order_by("reference")
    assert [(each.amount, each.paid_at, each.reference) for each in paid] == [
        (Decimal("10000.5"), dt.date(2026, 1, 5), "FT-1"),
        (Decimal(20000), dt.date(2026, 1, 6), "FT-2"),
    ]
    assert make.again(own.invoice).status == "paid"


def test_a_reference_of_another_payment_is_refused(own: World) -> None:
    lifecycle.record_payment(own.account, own.invoice.pk, make.STAFF, amount=Decimal(7), reference="FT-9")
    client = own.logged_in(Role.AGENT)
    file = worked(upload(client, "invoice,reference,amount\nFalcon-1,FT-9,8\n", "payments"))
    ((_, outcome, reason),) = told(file)
    assert outcome == "refused"
    assert "AED 7.00 for invoice Falcon-1" in reason


def test_a_file_with_a_foreign_number_shows_and_changes_nothing_of_it(own: World, foreign: World) -> None:
    client = own.logged_in(Role.MANAGER)
    text = "invoice_number,debtor_name,amount,currency,due_date\nSandfox-1,Mine now,5,AED,2027-01-01\n"
    with nothing_changes(foreign):
        file = worked(upload(client, text, account_choice=str(foreign.account.pk)))
        assert file.account == own.account
        html = client.get(page("invoices_import", "change", file.pk)).content.decode()
        assert "Debtor of Sandfox" not in html
        confirmed(client, file)
    assert Invoice.objects.filter(invoice_number="Sandfox-1").count() == 2


def test_platform_staff_say_whose_file_it_is(own: World) -> None:
    client = platform()
    assert "account_choice" in upload(client, FILE).context["form"].errors
    assert worked(upload(client, FILE, account_choice=str(own.account.pk))).account == own.account


def test_an_upload_is_asked_as_the_account_was_last_time(own: World, foreign: World) -> None:
    upload(own.logged_in(Role.MANAGER), FILE, date_order="mdy", currency="KWD")
    for world, expected in ((own, ("mdy", "KWD")), (foreign, ("", ""))):
        form = world.logged_in(Role.MANAGER).get(ADD).context["form"]
        assert (form["date_order"].value(), form["currency"].value()) == expected


def test_who_brings_what(own: World) -> None:
    for role in Role:
        client = own.logged_in(role)
        for kind, needed in (("invoices", Role.MANAGER), ("payments", Role.AGENT)):
            allowed = may(role, needed)
            with nothing_changes(own):
                wrong = upload(client, b"", kind)
                template = client.get(f"/admin/invoices/import/template/{kind}.csv")
            assert (wrong.status_code, template.status_code) == ((200, 200) if allowed else (wrong.status_code, 403))
            if not allowed and may(role, Role.AGENT):
                assert "kind" in wrong.context["form"].errors
    file = worked(upload(own.logged_in(Role.MANAGER), FILE))
    agent = own.logged_in(Role.AGENT)
    with nothing_changes(own):
        for name in ("confirm", "stop", "discard"):
            assert agent.post(page("invoices_import", name, file.pk)).status_code == 403
    assert "Import 2 rows" not in agent.get(page("invoices_import", "change", file.pk)).content.decode()


def test_the_refused_rows_of_a_foreign_file_are_not_found(own: World, foreign: World) -> None:
    address = page("invoices_import", "refused", foreign.rows["invoices_import"])
    assert own.logged_in(Role.ADMIN).get(address).status_code == 404
    assert foreign.logged_in(Role.VIEWER).get(address).status_code == 200


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("kind", ["invoices", "payments"])
def test_a_template_has_the_headings_that_are_understood(kind: str, form: str, own: World) -> None:
    answer = own.logged_in(Role.MANAGER).get(f"/admin/invoices/import/template/{kind}.{form}")
    with reading.open_file(answer.getvalue(), kind) as file:
        sheet = file.sheet()
    assert list(sheet.columns) == [column.field for column in COLUMNS[kind]]
    assert not sheet.mapping.unknown


def test_what_its_first_bytes_tell_is_said_on_the_form_and_kept_nowhere(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old one"
    with nothing_changes(own):
        for content, said in (
            (b"", "empty"),
            (old, "old format"),
            (b"x" * (reading.MAX_BYTES + 1), "larger than 20 MB"),
        ):
            assert said in str(upload(client, content).context["form"].errors["file"])


def test_a_file_that_cannot_be_read_says_why_on_its_page_and_leads_to_another_upload(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    for content, said in ((b"PK\x03\x04", "This workbook can&#x27;t be read"), (b"a,b\n1,2\n", "No column is called")):
        answer = upload(client, content)
        assert "The file is being read." in client.get(answer["Location"]).content.decode()
        file = worked(answer)
        html = client.get(answer["Location"]).content.decode()
        assert (file.phase, said in html, f"{ADD}?kind=invoices" in html) == ("failed", True, True)


def test_an_account_has_so_many_files_read_at_a_time(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    files = [upload(client, FILE) for _ in range(phases.MAX_PENDING_FILES)]
    with nothing_changes(own):
        said = "5 files are already being read. Wait until one is done."
        assert said in upload(client, FILE).context["form"].errors["file"]
    worked(files[0])
    assert upload(client, FILE).status_code == 302


def test_a_discarded_file_does_nothing(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    file = worked(upload(client, FILE))
    client.post(page("invoices_import", "discard", file.pk))
    seen = Invoice.objects.count()
    answer = client.post(page("invoices_import", "confirm", file.pk))
    assert "changed in the meantime" in answer.content.decode()
    assert not phases.work(file.pk)
    file.refresh_from_db()
    assert (file.phase, Invoice.objects.count()) == ("discarded", seen)
