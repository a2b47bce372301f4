"""What the database itself refuses, whoever asks."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from inflow.accounts import audit, invitations, keys
from inflow.accounts.models import Account, ApiKey, AuditEntry, User
from inflow.accounts.plans import LIMITS, Plan
from inflow.accounts.roles import Role
from tests import make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("sql", ["UPDATE accounts_auditentry SET actor = 'x'", "DELETE FROM accounts_auditentry"])
def test_the_audit_log_can_not_be_changed(sql: str) -> None:
    audit.record(make.account(), "admin@example.com", "api_key.created", "inflow_abc")
    before = AuditEntry.objects.values().get()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEntry.objects.values().get() == before


def test_a_user_belongs_to_an_account_or_to_the_platform() -> None:
    with pytest.raises(IntegrityError, match="a_user_belongs_to_an_account_or_to_the_platform"), transaction.atomic():
        User.objects.create_user("nobody@example.com", make.PASSWORD)
    assert not User.objects.exists()
    assert make.user(None).account is None
    assert make.user(make.account()).is_superuser is False


def test_an_email_logs_in_one_person_however_it_is_written() -> None:
    account = make.account()
    user = make.user(account, email="Huda@Example.COM")
    assert user.email == "huda@example.com"
    assert User.objects.get_by_natural_key("HUDA@example.com") == user
    with pytest.raises(IntegrityError), transaction.atomic():
        make.user(account, email="HUDA@example.com")


@pytest.mark.parametrize(
    ("table", "column", "constraint"),
    [
        ("accounts_account", "plan", "account_plan_is_known"),
        ("accounts_account", "language", "account_language_is_known"),
        ("accounts_user", "role", "user_role_is_known"),
        ("accounts_invitation", "role", "invitation_role_is_known"),
    ],
)
def test_an_unknown_label_is_refused(table: str, column: str, constraint: str) -> None:
    admin = make.user(make.account())
    invitations.invite(admin.account, "new@example.com", Role.VIEWER, by=admin)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = 'x'")


def test_two_keys_never_share_a_digest() -> None:
    account = make.account()
    key, plaintext = make.key(account)
    with pytest.raises(IntegrityError, match="api_key_digest_is_unique"), transaction.atomic():
        ApiKey.objects.create(account=account, name="copy", digest=keys.digest(plaintext), prefix=key.prefix)
    assert ApiKey.objects.count() == 1


def test_the_plans_are_the_published_table() -> None:
    published = {"free": (30, 1_000), "starter": (60, 10_000), "pro": (120, 50_000), "enterprise": (300, None)}
    assert {plan: (limits.per_minute, limits.per_day) for plan, limits in LIMITS.items()} == published
    assert Account(plan=Plan.PRO).limits == LIMITS["pro"]
    assert Account(plan=Plan.PRO, requests_per_day=80_000).limits.per_day == 80_000


def test_each_role_includes_the_ones_below_it() -> None:
    order = [Role.VIEWER, Role.AGENT, Role.MANAGER, Role.ADMIN]
    account = make.account()
    for place, role in enumerate(order):
        user = make.user(account, role)
        assert [user.may(needed) for needed in order] == [below <= place for below in range(4)]
    user.is_active = False
    assert not user.may(Role.VIEWER)
    assert make.user(None).may(Role.ADMIN)
