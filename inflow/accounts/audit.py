"""The append-only log of changes made by users and API keys."""

from typing import Any

from inflow.accounts.models import Account, AuditEntry


def record(account: Account | None, actor: str, action: str, target: str, **detail: Any) -> AuditEntry:
    """Add an entry. `actor` is an email address or the prefix of a key. `detail` must not contain secrets."""
    return AuditEntry.objects.create(account=account, actor=actor, action=action, target=target, detail=detail)
