"""The append-only log of what people and keys changed."""

from typing import Any

from inflow.accounts.models import Account, AuditEntry


def record(account: Account | None, actor: str, action: str, target: str, **detail: Any) -> AuditEntry:
    """Note that `actor` (an email, or a key's prefix) did `action` to `target`. `detail` holds no secret."""
    return AuditEntry.objects.create(account=account, actor=actor, action=action, target=target, detail=detail)
