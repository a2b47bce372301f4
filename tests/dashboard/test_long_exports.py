"""Lists that are too long for a request: a worker makes their files, for the person who asked and for nobody else."""

import csv
import datetime as dt
import io
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from inflow.accounts.models import AuditEntry, User
from inflow.accounts.roles import Role
from inflow.dashboard.core import long_exports
from inflow.dashboard.models import Export, ExportPart, ExportState
from invoices.models import Invoice
from tests import make
from tests.dashboard.world import World, logged_in, page, platform

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _short(settings: Any) -> None:
    settings.EXPORT_AT_ONCE = {"csv": 1, "xlsx": 1}
    settings.EXPORT_PART_ROWS = 2


def asked(client: Client, query: str = "", form: str = "csv", name: str = "invoices_invoice") -> Export:
    answer = client.get(page(name, "export", form) + query)
    assert answer.status_code == 302
    return Export.objects.get(pk=answer["Location"].strip("/").split("/")[-1])


def made(export: Export) -> Export:
    while long_exports.work(export.pk):
        pass
    export.refresh_from_db()
    return export


def file_of(client: Client, export: Export) -> bytes:
    answer: Any = client.get(f"/admin/exports/{export.pk}/file")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return b"".join(answer.streaming_content)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_long_list_is_written_in_turns_and_says_how_far_it_is(own: World) -> None:
    for number in range(5):
        make.invoice(own.account, invoice_number=f"ZQ-{number}")
    client = own.logged_in(Role.VIEWER)
    export = asked(client)
    assert b"begin shortly" in client.get(f"/admin/exports/{export.pk}/").content
    assert client.get(f"/admin/exports/{export.pk}/file").status_code == 404
    assert long_exports.work(export.pk, turn_s=0)
    assert b"2 of 7 rows" in client.get(f"/admin/exports/{export.pk}/").content
    export = made(export)
    assert (export.state, export.rows_done) == (ExportState.DONE, 7)
    assert f"/admin/exports/{export.pk}/file" in client.get(f"/admin/exports/{export.pk}/").content.decode()
    numbers = [row["invoice_number"] for row in rows(file_of(client, export))]
    listed = Invoice.objects.for_account(own.account).order_by("-created_at", "-id")
    assert numbers == list(listed.values_list("invoice_number", flat=True))
    entry = AuditEntry.objects.filter(action="invoice.exported").latest("id")
    assert (entry.target, entry.actor) == ("7 rows", own.people[Role.VIEWER].email)
    assert str(export.pk) in client.get("/admin/exports/").content.decode()


def test_a_long_export_holds_what_the_list_shows(own: World, foreign: World) -> None:
    for number in range(3):
        make.invoice(own.account, invoice_number=f"ZQ-{number}", due_in=number + 1)
    client = own.logged_in(Role.VIEWER)
    found = rows(file_of(client, made(asked(client, "?q=ZQ-&o=5&p=7&e=1"))))
    assert [row["invoice_number"] for row in found] == ["ZQ-0", "ZQ-1", "ZQ-2"]
    chief = platform()
    found = rows(file_of(chief, made(asked(chief))))
    assert {row["account"] for row in found} == {"Falcon", "Sandfox"}


def test_a_long_workbook_is_whole(own: World) -> None:
    for number in range(4):
        make.invoice(own.account, invoice_number=f"ZQ-{number}", amount="1.5", currency="KWD")
    client = own.logged_in(Role.VIEWER)
    sheet = load_workbook(io.BytesIO(file_of(client, made(asked(client, "?q=ZQ-", "xlsx"))))).active
    assert [cell.value for cell in sheet["A"]] == ["invoice_number", "ZQ-3", "ZQ-2", "ZQ-1", "ZQ-0"]


def test_a_part_is_read_in_a_few_queries(own: World, settings: Any, django_assert_max_num_queries: Any) -> None:
    settings.EXPORT_PART_ROWS = 30
    for number in range(20):
        make.invoice(own.account, invoice_number=f"ZQ-{number}")
    export = asked(own.logged_in(Role.VIEWER))
    with django_assert_max_num_queries(22):
        assert not long_exports.work(export.pk)


def test_every_list_can_be_made_by_a_worker(own: World, settings: Any) -> None:
    settings.EXPORT_AT_ONCE = {"csv": 0, "xlsx": 0}
    client = own.logged_in(Role.ADMIN)
    admin.autodiscover()
    for name in own.rows:
        model = page_model(name)
        list_page: Any = admin.site.get_model_admin(model) if admin.site.is_registered(model) else None
        if list_page and list_page.export_columns:
            export = made(asked(client, name=name))
            assert export.state == ExportState.DONE, (model, export.failure)
            assert rows(file_of(client, export)), name


def page_model(name: str) -> Any:
    from django.apps import apps

    return apps.get_model(name.replace("_", ".", 1))


def test_the_file_is_for_the_one_who_asked_and_only_while_they_may_see_the_list(own: World, foreign: World) -> None:
    admin = own.people[Role.ADMIN]
    client = own.logged_in(Role.ADMIN)
    for number in range(2):
        make.key(own.account, name=f"key {number}")
    export = made(asked(client, name="accounts_apikey"))
    addresses = [f"/admin/exports/{export.pk}/", f"/admin/exports/{export.pk}/file"]
    for other in (own.logged_in(Role.MANAGER), foreign.logged_in(Role.ADMIN), platform()):
        assert [other.get(address).status_code for address in addresses] == [404, 404]
    assert [Client().get(address).status_code for address in addresses] == [302, 302]
    assert file_of(client, export)
    User.objects.filter(pk=admin.pk).update(role=Role.AGENT)
    assert client.get(addresses[1]).status_code == 403
    User.objects.filter(pk=admin.pk).update(role=Role.ADMIN, account=foreign.account)
    assert client.get(addresses[1]).status_code == 404


def test_who_is_no_platform_staff_any_more_gets_no_file_of_all_accounts(own: World, foreign: World) -> None:
    chief = User.objects.create_superuser("chief@inflow.example", account=own.account)
    client = logged_in(chief)
    done, waiting = made(asked(client, name="communications_communication")), asked(client)
    assert foreign.account.name in file_of(client, done).decode()
    User.objects.filter(pk=chief.pk).update(is_superuser=False)
    assert client.get(f"/admin/exports/{done.pk}/file").status_code == 404
    assert made(waiting).state == ExportState.FAILED


def test_who_may_not_see_the_list_any_more_gets_no_file_made(own: World) -> None:
    for number in range(2):
        make.key(own.account, name=f"key {number}")
    export = asked(own.logged_in(Role.ADMIN), name="accounts_apikey")
    assert long_exports.work(export.pk, turn_s=0)
    User.objects.filter(pk=own.people[Role.ADMIN].pk).update(role=Role.VIEWER)
    assert made(export).state == ExportState.FAILED
    assert not ExportPart.objects.filter(export=export).exists()


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(own: World) -> None:
    for number in range(5):
        make.invoice(own.account, invoice_number=f"ZQ-{number}")
    client = own.logged_in(Role.VIEWER)
    export = asked(client)
    assert long_exports.work(export.pk, turn_s=0)
    Export.objects.filter(pk=export.pk).update(claimed_until=timezone.now() + dt.timedelta(minutes=1))
    assert not long_exports.work(export.pk)
    assert long_exports.waiting() == []
    Export.objects.filter(pk=export.pk).update(claimed_until=timezone.now() - dt.timedelta(minutes=1))
    assert long_exports.waiting() == [export]
    assert len(rows(file_of(client, made(export)))) == 7


def test_one_asks_for_the_same_once_and_for_a_few_at_a_time(own: World) -> None:
    client = own.logged_in(Role.VIEWER)
    assert asked(client).pk == asked(client).pk
    for order in range(long_exports.MOST_AT_WORK - 1):
        asked(client, f"?o={order + 1}")
    answer = client.get(page("invoices_invoice", "export", "csv") + "?o=5", follow=True)
    assert "Wait until your other exports are finished." in answer.content.decode()
    assert Export.objects.count() == long_exports.MOST_AT_WORK


def test_a_file_is_deleted_after_a_day(own: World) -> None:
    client = own.logged_in(Role.VIEWER)
    export = made(asked(client))
    assert export.expires_at - export.created_at == pytest.approx(dt.timedelta(days=1), abs=dt.timedelta(seconds=1))
    Export.objects.update(expires_at=timezone.now())
    assert client.get(f"/admin/exports/{export.pk}/file").status_code == 404
    assert long_exports.forget_old()
    assert not ExportPart.objects.exists()
