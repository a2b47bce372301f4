"""API keys: what they look like, what is kept of them, and which of them open the door."""

import datetime as dt
import hashlib
import re
import zlib
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inflow.accounts import keys
from inflow.accounts.models import ApiKey, AuditEntry, Scope
from tests import make

pytestmark = pytest.mark.django_db

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
A_MINUTE = dt.timedelta(minutes=1)


def stored() -> str:
    """Every column of the keys and of the audit log, as the database holds it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT row_to_json(k)::text FROM accounts_apikey k"
            " UNION ALL SELECT row_to_json(a)::text FROM accounts_auditentry a"
        )
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize(("is_test", "prefix"), [(False, "inflow_"), (True, "inflow_test_")])
def test_a_key_is_its_prefix_43_random_characters_and_6_of_checksum(is_test: bool, prefix: str) -> None:
    key, plaintext = make.key(make.account(is_test=is_test))
    assert re.fullmatch(rf"{prefix}[0-9A-Za-z]{{49}}", plaintext)
    stem, checksum = plaintext[:-6], plaintext[-6:]
    assert sum(BASE62.index(digit) * 62**place for place, digit in enumerate(reversed(checksum))) == zlib.crc32(
        stem.encode()
    )
    assert key.prefix == plaintext[: len(prefix) + 6]


def test_the_random_part_carries_256_bits() -> None:
    account = make.account()
    tops = set()
    for _ in range(20):
        random_part = make.key(account)[1].removeprefix("inflow_")[:43]
        number = sum(BASE62.index(digit) * 62**place for place, digit in enumerate(reversed(random_part)))
        assert number < 2**256
        tops.add(number >> 240)
    assert len(tops) == 20


def test_only_the_digest_and_the_first_characters_are_kept() -> None:
    key, plaintext = make.key(make.account())
    assert key.digest == hashlib.sha256(plaintext.encode()).hexdigest()
    kept = stored()
    assert key.digest in kept
    assert plaintext not in kept
    assert plaintext[len(key.prefix) :] not in kept


def test_a_key_opens_its_own_account() -> None:
    account, other = make.account("Falcon"), make.account("Oryx")
    mine, plaintext = make.key(account)
    make.key(other)
    found = keys.find(plaintext)
    assert found == mine
    assert found.account == account


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key.upper(),
        lambda key: key.replace("inflow_", "inflow_test_"),
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: f" {key}",
        lambda key: f"{key}\n",
        lambda key: key[:10] + "é" + key[11:],
        lambda key: "inflow_" + "0" * 49,
    ],
)
def test_a_misspelt_key_is_refused_without_asking_the_database(spoil: Callable[[str], str]) -> None:
    _, plaintext = make.key(make.account())
    with CaptureQueriesContext(connection) as queries:
        assert keys.find(spoil(plaintext)) is None
    assert len(queries) == 0


def test_a_well_formed_key_that_nobody_issued_is_refused() -> None:
    key, plaintext = make.key(make.account())
    key.delete()
    assert keys.find(plaintext) is None


def test_an_expired_key_is_refused() -> None:
    account = make.account()
    _, past = make.key(account, expires_at=timezone.now() - dt.timedelta(seconds=1))
    _, future = make.key(account, expires_at=timezone.now() + A_MINUTE)
    assert keys.find(past) is None
    assert keys.find(future) is not None
    assert ApiKey.objects.filter(last_used_at=None).count() == 1


def test_a_revoked_key_is_refused_from_then_on_and_the_revocation_is_logged_once() -> None:
    key, plaintext = make.key(make.account())
    keys.revoke(key, actor="admin@example.com")
    revoked_at = ApiKey.objects.get(pk=key.pk).revoked_at
    keys.revoke(key, actor="admin@example.com")
    assert keys.find(plaintext) is None
    assert ApiKey.objects.get(pk=key.pk).revoked_at == revoked_at
    entry = AuditEntry.objects.get(action="api_key.revoked")
    assert (entry.actor, entry.target, entry.account) == ("admin@example.com", key.prefix, key.account)


def test_the_use_of_a_key_is_noted_at_most_once_a_minute() -> None:
    key, plaintext = make.key(make.account())
    assert keys.find(plaintext)
    first = ApiKey.objects.get(pk=key.pk).last_used_at
    assert first is not None
    assert timezone.now() - first < A_MINUTE
    with CaptureQueriesContext(connection) as queries:
        assert keys.find(plaintext)
    assert len(queries) == 1
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=first - A_MINUTE)
    assert keys.find(plaintext)
    again = ApiKey.objects.get(pk=key.pk).last_used_at
    assert again is not None
    assert again >= first


def test_issuing_is_in_the_audit_log() -> None:
    account = make.account()
    admin = make.user(account)
    key, _ = keys.issue(account, name="Zapier", scopes=["invoices:read"], created_by=admin)
    entry = AuditEntry.objects.get(action="api_key.created")
    assert (entry.account, entry.actor, entry.target) == (account, admin.email, key.prefix)
    assert entry.detail == {"scopes": ["invoices:read"]}


def test_a_key_without_a_choice_of_scopes_has_all_of_them() -> None:
    assert make.key(make.account())[0].scopes == list(Scope.values)


def test_a_scope_that_is_none_makes_no_key() -> None:
    account = make.account()
    with pytest.raises(ValueError, match="invoices:burn"):
        make.key(account, scopes=["invoices:read", "invoices:burn"])
    assert not ApiKey.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("name", ["", "n" * 101])
def test_a_name_that_does_not_fit_makes_no_key(name: str) -> None:
    account = make.account()
    with pytest.raises(ValidationError):
        make.key(account, name=name)
    assert not ApiKey.objects.exists()
    assert not AuditEntry.objects.exists()
