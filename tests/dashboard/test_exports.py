"""Each list as a file: by role, of the own account, exact and never a formula."""

import csv
import io
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from hypothesis import given, settings
from hypothesis.strategies import characters, sampled_from, text
from openpyxl import load_workbook

from inflow import sheets
from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from inflow.dashboard.core import exporting, long_exports
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.models import Export
from invoices import lifecycle
from invoices.imports import phases
from invoices.models.imports import ImportRow
from tests import make
from tests.dashboard.world import LISTS, ROLES, World, may, nothing_changes, page, platform

pytestmark = pytest.mark.django_db


def exported(client: Client, name: str, query: str = "", form: str = "csv") -> bytes:
    answer = client.get(page(name, "export", form) + query)
    assert answer.status_code == 200, name
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    return b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_every_list_can_be_exported_and_no_secret_is_among_its_columns() -> None:
    no_lists = {"messagetemplate", "senderprofile", "paymentsettings"}
    for model, model_admin in admin.site._registry.items():
        if isinstance(model_admin, OwnRowsAdmin) and model._meta.model_name not in no_lists:
            names = [column if isinstance(column, str) else column[0] for column in model_admin.export_columns]
            assert names, model
            for name in names:
                assert not any(word in name for word in ("password", "digest", "secret", "token", "page_key")), name


@pytest.mark.parametrize("role", ROLES)
def test_an_export_holds_own_rows_for_the_roles_that_see_the_list(role: Role, own: World, foreign: World) -> None:
    client = own.logged_in(role)
    for name, needed in LISTS.items():
        if not may(role, needed):
            with nothing_changes(own, foreign):
                assert client.get(page(name, "export", "csv")).status_code == 403, name
            continue
        content = exported(client, name).decode()
        assert len(content.splitlines()) > 1, name
        assert "sandfox" not in content.casefold(), name
        entry = AuditEntry.objects.filter(account=own.account).latest("id")
        assert (entry.action, entry.actor) == (f"{name.split('_')[1]}.exported", own.people[role].email)


def test_platform_staff_export_every_account_and_are_told_whose(own: World, foreign: World) -> None:
    found = {row["account"] for row in rows(exported(platform(), "invoices_invoice"))}
    assert found == {"Falcon", "Sandfox"}


def test_an_export_holds_what_the_list_shows(own: World) -> None:
    client = own.logged_in(Role.VIEWER)
    late = rows(exported(client, "invoices_invoice", "?due=past&q=Falcon"))
    assert [row["invoice_number"] for row in late] == ["Falcon-1"]
    entry = AuditEntry.objects.filter(action="invoice.exported").latest("id")
    assert (entry.target, entry.detail) == ("1 rows", {"format": "csv", "filters": "due=past&q=Falcon"})
    assert client.get(page("invoices_invoice", "export", "csv") + "?account__name=x").status_code == 400
    assert client.get(page("invoices_invoice", "export", "csv") + "?nonsense=1").status_code == 400
    html = client.get(page("invoices_invoice", "changelist") + "?due=past").content.decode()
    assert page("invoices_invoice", "export", "xlsx") + "?due=past" in html
    assert client.get(page("invoices_invoice", "export", "pdf")).status_code == 404


@pytest.mark.parametrize("said", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\ufeff=1"])
def test_what_a_spreadsheet_would_calculate_is_text(said: str, own: World) -> None:
    lifecycle.change(own.account, own.invoice.pk, make.STAFF, notes=said)
    client = own.logged_in(Role.VIEWER)
    (row,) = rows(exported(client, "invoices_invoice", "?q=Falcon-1"))
    assert row["notes"] == f"'{said}"
    sheet = load_workbook(io.BytesIO(exported(client, "invoices_invoice", "?q=Falcon-1", "xlsx"))).active
    cell = sheet.cell(2, [cell.value for cell in sheet[1]].index("notes") + 1)
    assert cell.data_type == "s"
    assert cell.value.startswith("'")


def test_a_character_that_xml_does_not_know_leaves_the_workbook_readable(own: World) -> None:
    lifecycle.change(own.account, own.invoice.pk, make.STAFF, notes="a\ufffeb\uffffc\x0bd")
    content = exported(own.logged_in(Role.VIEWER), "invoices_invoice", "?q=Falcon-1", "xlsx")
    headings, line = load_workbook(io.BytesIO(content)).active.values
    assert dict(zip(headings, line, strict=True))["notes"] == "a\ufffdb\ufffdc\ufffdd"


def test_amounts_are_exact_and_typed_with_their_currency_beside_them(own: World) -> None:
    make.invoice(own.account, invoice_number="K-1", amount="123456789012.345", currency="KWD", amount_paid="0.005")
    make.invoice(own.account, invoice_number="Y-1", amount="1500", currency="JPY")
    client = own.logged_in(Role.VIEWER)
    found = {row["invoice_number"]: row for row in rows(exported(client, "invoices_invoice"))}
    assert [found[number]["amount"] for number in ("K-1", "Y-1", "Falcon-1")] == [
        "123456789012.345",
        "1500",
        "25000.00",
    ]
    assert (found["K-1"]["balance"], found["K-1"]["currency"]) == ("123456789012.340", "KWD")
    sheet = load_workbook(io.BytesIO(exported(client, "invoices_invoice", "?q=Y-1", "xlsx"))).active
    line: dict[str, Any] = dict(zip((cell.value for cell in sheet[1]), sheet[2], strict=True))
    assert (line["amount"].value, line["amount"].data_type, line["amount"].number_format) == (1500, "n", "#,##0")
    assert line["due_date"].is_date


def test_a_csv_tells_excel_its_encoding_and_keeps_arabic(own: World) -> None:
    make.invoice(own.account, invoice_number="A-1", debtor_name="مريم, الكعبي", notes='قالت "غدا"')
    content = exported(own.logged_in(Role.VIEWER), "invoices_invoice")
    assert content.startswith(b"\xef\xbb\xbf")
    row = next(row for row in rows(content) if row["invoice_number"] == "A-1")
    assert (row["debtor_name"], row["notes"]) == ("مريم, الكعبي", 'قالت "غدا"')


def test_a_workbook_that_would_be_too_long_is_refused_in_words_and_a_csv_is_not(own: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO communications_address (account_id, channel, address, invalid_because)"
            " SELECT %s, 'email', n || '@many.example', '' FROM generate_series(1, %s) AS n",
            [own.account.pk, exporting.MOST_IN_WORKBOOK],
        )
    client = own.logged_in(Role.VIEWER)
    seen = AuditEntry.objects.count()
    answer = client.get(page("communications_address", "export", "xlsx"), follow=True)
    assert "export it as CSV" in answer.content.decode()
    assert AuditEntry.objects.count() == seen
    answer = client.get(page("communications_address", "export", "csv"))
    export = Export.objects.get()
    assert answer["Location"] == f"/admin/exports/{export.pk}/"
    while long_exports.work(export.pk):
        pass
    content = b"".join(long_exports.content_of(export))
    assert len(rows(content)) == exporting.MOST_IN_WORKBOOK + 1


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_was_exported_and_is_imported_changes_nothing(form: str, own: World) -> None:
    make.invoice(
        own.account,
        invoice_number="+R-1",
        debtor_name="=cmd|' /C calc'!A0",
        debtor_phone="+971501234567",
        amount="1250.5",
        currency="KWD",
        amount_paid="50.25",
        language="ar",
        notes="- one\r\n- two, three; \t'four ",
    )
    client = own.logged_in(Role.MANAGER)
    content = exported(client, "invoices_invoice", form=form)
    file = phases.start(
        own.account, own.people[Role.MANAGER], kind="invoices", file_name=f"all.{form}", content=content
    )
    while phases.work(file.pk):
        pass
    assert list(ImportRow.objects.filter(file=file).values_list("outcome", "reason")) == [("unchanged", "")] * 3


def test_escaping_leaves_other_text_alone() -> None:
    for said in ("", "INV-1", "a=b", "'quoted'", "1-2", "مريم"):
        assert sheets.escaped(said) == said


@settings(max_examples=25, deadline=None)
@given(text(alphabet=characters(codec="utf-8") | sampled_from("'=+-@\t\r\n ")))
def test_what_was_escaped_comes_back_as_it_was(said: str) -> None:
    assert sheets.unescaped(sheets.escaped(said)) == said
