"""Roles in the dashboard. Each includes the rights of the one below. Platform staff (superusers) have all rights."""

from django.db import models
from django.utils.translation import gettext_lazy as _lazy


class Role(models.TextChoices):
    ADMIN = "admin", _lazy("Admin: everything, including keys, people and settings")
    MANAGER = "manager", _lazy("Manager: invoices, policies, templates, write-off")
    AGENT = "agent", _lazy("Agent: works cases, records payments")
    VIEWER = "viewer", _lazy("Viewer: read-only")


# Short labels, for badges.
NAMES = {
    Role.ADMIN: _lazy("Admin"),
    Role.MANAGER: _lazy("Manager"),
    Role.AGENT: _lazy("Agent"),
    Role.VIEWER: _lazy("Viewer"),
}
_RANK = {Role.VIEWER: 0, Role.AGENT: 1, Role.MANAGER: 2, Role.ADMIN: 3}


def at_least(role: str, needed: Role) -> bool:
    """Return True if `role` has the rights of `needed`."""
    return _RANK[Role(role)] >= _RANK[needed]
