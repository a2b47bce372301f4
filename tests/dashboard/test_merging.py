"""Possible duplicates, merging, undoing and splitting in the dashboard."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.models import Address
from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices import tasks
from invoices.debtors import duplicate_search, duplicates
from invoices.models import Debtor, DebtorMerge, DuplicateSearch, Invoice, PossibleDuplicate
from tests import make
from tests.dashboard.world import World, build, nothing_changes, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def own() -> World:
    return build("Oryx")


def pair(own: World) -> tuple[Invoice, Invoice]:
    return (
        make.invoice(own.account, invoice_number="ALPHA-1", debtor_company="Alpha LLC", debtor_email="books@gmail.com"),
        make.invoice(own.account, invoice_number="BETA-1", debtor_company="Beta LLC", debtor_email="books@gmail.com"),
    )


def html(client: Client, address: str) -> str:
    answer = client.get(address, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_pair_is_shown_side_by_side_and_merged_after_a_preview(own: World) -> None:
    alpha, beta = pair(own)
    duplicates.find(own.account)
    found = PossibleDuplicate.objects.get(shared="books@gmail.com")
    client = own.logged_in(Role.MANAGER)
    assert "Same email or phone" in html(client, page("invoices_possibleduplicate", "changelist"))
    both = html(client, page("invoices_possibleduplicate", "change", found.pk))
    assert "ALPHA-1" in both
    assert "BETA-1" in both
    address = page("invoices_debtor", "merge_into", alpha.debtor_id)
    assert f"{address}?into={beta.debtor_id}" in both
    assert "Beta LLC" in html(client, address)  # proposed as a possible duplicate
    assert "Beta LLC" in html(client, f"{address}?q=beta")
    preview = html(client, f"{address}?into={beta.debtor_id}")
    assert "different parties" in preview
    assert "AED 25,000.00" in preview
    answer = client.post(address, {"into": str(beta.debtor_id)})
    assert answer["Location"] == page("invoices_debtor", "change", beta.debtor_id)
    assert make.again(alpha).debtor_id == beta.debtor_id
    # The merged debtor's page leads to the remaining one, and lists leave it out.
    answer = client.get(page("invoices_debtor", "change", alpha.debtor_id))
    assert answer["Location"] == page("invoices_debtor", "change", beta.debtor_id)
    assert str(alpha.debtor_id) not in html(client, page("invoices_debtor", "changelist"))
    done = DebtorMerge.objects.get(loser=alpha.debtor_id)
    assert "Can be undone until" in html(client, page("invoices_debtormerge", "changelist"))
    undo = page("invoices_debtormerge", "undo", done.pk)
    assert "Registered since" in html(client, undo)
    assert client.post(undo, {"post": "yes"}).status_code == 302
    assert make.again(alpha).debtor_id == alpha.debtor_id


def test_what_the_domain_refuses_is_shown(own: World) -> None:
    alpha, beta = pair(own)
    client, address = own.logged_in(Role.MANAGER), page("invoices_debtor", "merge_into", alpha.debtor_id)
    foreign = make.invoice(make.account("Other")).debtor_id
    with nothing_changes(own):
        for into in (alpha.debtor_id, foreign, make.NOWHERE, "x"):
            assert client.get(address, {"into": str(into)}).status_code == 200
            answer = client.post(address, {"into": str(into)})
            assert answer.status_code == 200
        assert "another debtor of this account" in client.post(address, {"into": str(foreign)}).content.decode()
    assert make.again(beta).debtor_id == beta.debtor_id


def test_a_pair_is_kept_apart_and_listed_again(own: World) -> None:
    row = own.rows["invoices_possibleduplicate"]
    client = own.logged_in(Role.MANAGER)
    client.post(page("invoices_possibleduplicate", "keep_apart", row), {})
    assert PossibleDuplicate.objects.get(pk=row).kept_apart_at
    assert "Kept apart" in html(client, page("invoices_possibleduplicate", "changelist"))
    client.post(page("invoices_possibleduplicate", "list_again", row), {})
    assert PossibleDuplicate.objects.get(pk=row).kept_apart_at is None


def test_a_manager_starts_one_search_and_the_page_says_when_it_ran(own: World) -> None:
    pair(own)
    listed = page("invoices_possibleduplicate", "changelist")
    search = reverse("admin:invoices_possibleduplicate_search")
    agent, manager = own.logged_in(Role.AGENT), own.logged_in(Role.MANAGER)
    assert "No search has run yet" in html(manager, listed)
    assert "Search now" not in html(agent, listed)
    assert agent.post(search).status_code == 403
    assert manager.get(search).status_code == 405
    assert Client().post(search)["Location"].startswith("/admin/login/")
    for _ in range(2):
        assert manager.post(search).status_code == 302
    shown = html(manager, listed)
    assert "A search is running" in shown
    assert "Search now" not in shown
    requested = "debtor.duplicates_requested"
    assert AuditEntry.objects.filter(account=own.account, action=requested).count() == 1
    other = make.account("Other")
    assert duplicate_search.unclaimed() == [own.account.pk]
    tasks.sweep_duplicate_searches()
    tasks.search_duplicates(str(other.pk))
    tasks.search_duplicates(str(own.account.pk))
    assert PossibleDuplicate.objects.filter(account=own.account, shared="books@gmail.com").exists()
    assert duplicate_search.unclaimed() == []
    shown = html(manager, listed)
    assert "Last search:" in shown
    assert "Search now" in shown


def test_a_search_whose_worker_died_runs_again(own: World) -> None:
    pair(own)
    duplicate_search.request(own.account, make.STAFF)
    rows = DuplicateSearch.objects.filter(account=own.account)
    rows.update(claimed_until=timezone.now() + dt.timedelta(minutes=1), claims=1)
    duplicate_search.run(own.account.pk)
    assert rows.get().finished_at is None
    rows.update(claimed_until=timezone.now() - dt.timedelta(minutes=1))
    assert duplicate_search.unclaimed() == [own.account.pk]
    duplicate_search.run(own.account.pk)
    assert rows.get().finished_at
    assert rows.get().requested_at is None


def test_a_shared_address_gets_one_reader(own: World) -> None:
    pair(own)
    duplicates.find(own.account)
    found = PossibleDuplicate.objects.get(shared="books@gmail.com")
    client = own.logged_in(Role.MANAGER)
    client.post(page("invoices_possibleduplicate", "one_reader", found.pk), {})
    record = Address.objects.get(address="books@gmail.com")
    assert record.has_one_reader
    client.post(page("communications_address", "set_many_readers", record.pk), {})
    record.refresh_from_db()
    assert not record.has_one_reader


def test_chosen_invoices_are_split_off(own: World) -> None:
    seat = make.invoice(own.account, invoice_number="SEAT-1", debtor_company="Gulf LLC", debtor_email="a@gulf.ae")
    branch = make.invoice(own.account, invoice_number="BRANCH-1", debtor_company="Gulf LLC", debtor_email="b@gulf.ae")
    client, address = own.logged_in(Role.MANAGER), page("invoices_debtor", "split", seat.debtor_id)
    assert "BRANCH-1" in html(client, address)
    both = client.post(address, {"invoices": [str(seat.pk), str(branch.pk)]})
    assert "At least one invoice must stay" in both.content.decode()
    answer = client.post(address, {"invoices": [str(branch.pk)], "reason": "Pays by itself."}, follow=True)
    assert "1 invoice now belongs to the new debtor" in answer.content.decode()
    assert make.again(branch).debtor_id != seat.debtor_id
    assert Debtor.objects.filter(account=own.account, email="b@gulf.ae").count() == 1
