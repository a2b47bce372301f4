"""API keys. No other module handles a plaintext key.

A key consists of `inflow_` or `inflow_test_`, 256 random bits as 43 base62 characters, and the CRC32 of all that as 6
base62 characters (GitHub's format). The checksum rejects typos without a query and helps scanners for leaked secrets.
"""

import datetime as dt
import functools
import hashlib
import re
import secrets
import zlib
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Model, Q
from django.utils import timezone

from inflow.accounts import audit
from inflow.accounts.models import Account, ApiKey, Scope, User, default_scopes
from inflow.sql import columns, objects, select_first

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_FORM = re.compile(r"(inflow_(?:test_)?[0-9A-Za-z]{43})([0-9A-Za-z]{6})")
_LAST_USED_EVERY = dt.timedelta(minutes=1)
# Accounts of keys that this process has accepted, by the digest of the key.
_accounts: dict[str, Account] = {}
_MAX_ACCOUNTS = 500


def issue(
    account: Account,
    *,
    name: str,
    scopes: Iterable[str] | None = None,
    created_by: User | None = None,
    expires_at: dt.datetime | None = None,
    actor: str = "",
) -> tuple[ApiKey, str]:
    """Create a key and return it with its plaintext, which is not stored. `scopes=None` grants the default scopes.

    Raise ValueError for an unknown scope and ValidationError for a name that is empty or too long.
    """
    granted = default_scopes() if scopes is None else [Scope(scope).value for scope in scopes]
    stem = ("inflow_test_" if account.is_test else "inflow_") + _base62(secrets.randbits(256), 43)
    plaintext = stem + _checksum(stem)
    key = ApiKey(
        account=account,
        name=name,
        digest=digest(plaintext),
        prefix=stem[: stem.rindex("_") + 7],
        scopes=granted,
        created_by=created_by,
        expires_at=expires_at,
    )
    key.clean_fields(exclude={"scopes"})
    with transaction.atomic():
        key.save(force_insert=True)
        audit.record(account, actor or str(created_by or "console"), "api_key.created", key.prefix, scopes=granted)
    return key, plaintext


def rotate(
    key: ApiKey, *, overlap: dt.timedelta, created_by: User | None = None, actor: str = ""
) -> tuple[ApiKey, str]:
    """Create a successor with the same name and scopes. The old key expires after `overlap` at the latest."""
    ends = timezone.now() + overlap
    with transaction.atomic():
        successor, plaintext = issue(key.account, name=key.name, scopes=key.scopes, created_by=created_by, actor=actor)
        ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=ends), pk=key.pk).update(expires_at=ends)
        audit.record(
            key.account, actor or str(created_by or "console"), "api_key.rotated", key.prefix, until=ends.isoformat()
        )
    return successor, plaintext


def revoke(key: ApiKey, *, actor: str) -> None:
    """Revoke the key with immediate effect."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(key.account, actor, "api_key.revoked", key.prefix)


def find(plaintext: str) -> ApiKey | None:
    """Return the active key with its account. Return None if the key is malformed, unknown, expired or revoked."""
    if not is_well_formed(plaintext):
        return None
    settings = _collection_settings()
    rows = select_first(_find_sql(), [digest(plaintext)])
    if not rows:
        return None
    key: ApiKey
    key, account, collection = objects(rows[0], ApiKey, Account, settings)
    key.account = account
    account.collection = collection or settings(account=account)
    now = dt.datetime.now(dt.UTC)
    if not key.is_live(now):
        _accounts.pop(key.digest, None)
        return None
    if len(_accounts) >= _MAX_ACCOUNTS:
        _accounts.clear()
    _accounts[key.digest] = key.account
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def cached_account(plaintext: str) -> Account | None:
    """Return the account of a key that this process has accepted before, without a query. Not for authentication."""
    return _accounts.get(digest(plaintext))


def _collection_settings() -> type[Model]:
    """Return the model of the account's settings for reminders, which nearly every request needs."""
    return Account._meta.get_field("collection").related_model


@functools.cache
def _find_sql() -> str:
    settings = _collection_settings()
    return f"""
SELECT {columns(ApiKey, Account, settings)} FROM accounts_apikey
JOIN accounts_account ON accounts_account.id = accounts_apikey.account_id
LEFT JOIN {settings._meta.db_table} ON {settings._meta.db_table}.account_id = accounts_account.id
WHERE digest = %s
"""  # noqa: S608


def is_well_formed(plaintext: str) -> bool:
    match = _FORM.fullmatch(plaintext)
    return bool(match) and secrets.compare_digest(_checksum(match[1]), match[2])  # type: ignore[index]


def digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()


def _checksum(stem: str) -> str:
    return _base62(zlib.crc32(stem.encode()), 6)


def _base62(number: int, length: int) -> str:
    pairs = []
    for _ in range(0, length, 2):
        number, rest = divmod(number, 62 * 62)
        pairs.append(_PAIRS[rest])
    return "".join(reversed(pairs))[-length:]
