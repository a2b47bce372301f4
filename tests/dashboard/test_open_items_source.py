"""The scheduled fetch of open items in the dashboard: its header goes in and never comes out."""

from typing import Any

import pytest
from django.utils import timezone

from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices.models import OpenItemsSource
from invoices.reconciliation import sources
from tests.dashboard.world import World, nothing_changes, page, verb

SECRET = "Bearer the-erp-token-8213"
SAID = {"url": "https://erp.example/open.csv?t=own-query", "authorization": SECRET, "hour": "5", "is_complete": "on"}

pytestmark = pytest.mark.django_db


def test_a_source_is_added_with_its_header_encrypted_and_never_shown(own: World) -> None:
    OpenItemsSource.objects.all().delete()
    client = own.logged_in(Role.MANAGER)
    answer = client.post(page("invoices_openitemssource", "add"), SAID)
    source = OpenItemsSource.objects.get(account=own.account)
    assert answer.headers["Location"] == page("invoices_openitemssource", "change", source.pk)
    assert (source.hour, source.is_complete, sources.authorization_of(source)) == (5, True, SECRET)
    for what in ("change", "edit", "history"):
        html = client.get(page("invoices_openitemssource", what, source.pk)).content.decode()
        assert SECRET not in html
        assert source.sealed_authorization not in html
    entry = AuditEntry.objects.get(account=own.account, action="openitemssource.created")
    assert (entry.target, entry.detail) == ("erp.example", {"hour": 5})


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://erp.example/"}, {"url": "https://127.0.0.1/"}, {"hour": "24"}, {"authorization": "Bearer ö"}],
)
def test_an_invalid_setting_is_refused(own: World, wrong: dict[str, Any]) -> None:
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(verb("invoices_openitemssource_edit", own), SAID | wrong)
    assert answer.status_code == 200


def test_a_source_is_edited_switched_and_fetched_with_audit_entries(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    client.post(verb("invoices_openitemssource_edit", own), SAID)
    for action in ("switch_off", "switch_on", "fetch_now"):
        assert client.post(verb(f"invoices_openitemssource_{action}", own)).status_code == 302, action
    source = OpenItemsSource.objects.get(account=own.account)
    assert sources.is_due(source)
    entries = AuditEntry.objects.filter(account=own.account, action__startswith="openitemssource.").order_by("id")
    assert [entry.action.partition(".")[2] for entry in entries] == [
        *("changed", "switched_off", "switched_on", "fetch_requested"),
    ]
    assert entries[0].detail == {"fields": ["url", "hour", "authorization"]}
    assert all("own-query" not in str((entry.target, entry.detail)) for entry in entries)


def test_agents_read_why_the_last_fetch_failed_above_the_reconciliations(own: World) -> None:
    OpenItemsSource.objects.filter(account=own.account).update(failed_at=timezone.now(), problem="It <b>burned</b>.")
    html = own.logged_in(Role.VIEWER).get(page("invoices_openitemslist", "changelist")).content.decode()
    assert "The open items could not be fetched on" in html
    assert "It &lt;b&gt;burned&lt;/b&gt;." in html
