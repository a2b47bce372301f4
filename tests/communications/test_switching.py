"""Switching a policy on for more invoices than a request takes: in turns, each once, and to the end."""

import datetime as dt

import pytest
from django.utils import timezone

from communications.models import SwitchingOn
from communications.schedule import policies, switching
from inflow.accounts.models import Account, AuditEntry
from inflow.accounts.roles import Role
from invoices.models import Invoice
from tests import make
from tests.dashboard.world import logged_in, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setattr(switching, "IMMEDIATE_LIMIT", 1)
    monkeypatch.setattr(switching, "_CHUNK_SIZE", 1)
    account = make.account("Falcon")
    for number in range(3):
        make.invoice(account, invoice_number=f"F-{number}")
    Invoice.objects.update(is_chased=False)
    return account


def test_a_person_has_it_done_in_the_background_and_it_is_in_the_audit_log(account: Account) -> None:
    policy = policies.create(account, "Gentle")
    person = make.user(account, Role.MANAGER)
    client, address = logged_in(person), page("communications_reminderpolicy", "switch_on", policy.pk)
    asked = {"whom": "idle", "overdue_enter": "on", "confirm": "yes"}
    assert "in the background" in client.post(address, asked, follow=True).content.decode()
    assert "Another policy is being switched on" in client.post(address, asked, follow=True).content.decode()
    assert not policies.chased_by(policy).exists()
    assert switching.work(account.pk, turn_s=0)
    assert policies.chased_by(policy).count() == 1
    while switching.work(account.pk, turn_s=0):
        pass
    assert policies.chased_by(policy).count() == 3
    assert switching.waiting() == []
    entry = AuditEntry.objects.get(account=account, action="reminderpolicy.switched_on")
    assert (entry.actor, entry.detail) == (person.email, {"entered": 3, "overdue_enter": True})


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(account: Account) -> None:
    policy = policies.default_for(account)
    switching.start(account, policy, make.STAFF, only_unchased=False, overdue_enter=True)
    assert switching.work(account.pk, turn_s=0)
    SwitchingOn.objects.update(claimed_until=timezone.now() + dt.timedelta(minutes=1))
    assert not switching.work(account.pk)
    SwitchingOn.objects.update(claimed_until=timezone.now() - dt.timedelta(minutes=1))
    assert [account_id for account_id, _release in switching.waiting()] == [account.pk]
    assert not switching.work(account.pk)
    assert policies.chased_by(policy).count() == 3
    assert AuditEntry.objects.get(action="reminderpolicy.switched_on").detail["entered"] == 3
