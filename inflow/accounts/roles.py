"""Who may do what in the dashboard. Each role includes the one below it; platform staff (superusers) may do all."""

from django.db import models


class Role(models.TextChoices):
    ADMIN = "admin", "Admin: everything, with keys, people and settings"
    MANAGER = "manager", "Manager: invoices, policies, templates, write-off"
    AGENT = "agent", "Agent: works cases, records payments"
    VIEWER = "viewer", "Viewer: reads"


_RANK = {Role.VIEWER: 0, Role.AGENT: 1, Role.MANAGER: 2, Role.ADMIN: 3}


def at_least(role: str, needed: Role) -> bool:
    """Whether `role` carries the rights of `needed`."""
    return _RANK[Role(role)] >= _RANK[needed]
