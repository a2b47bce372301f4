"""Permissions of a key: scopes by name on each action, and none for a suspended account."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from inflow.api.authentication import account_of, key_of
from inflow.api.errors import Problem


class HasScope(BasePermission):
    """A view names the scope of each of its actions in `scopes`; None opens an action to any key."""

    def has_permission(self, request: Request, view: Any) -> bool:
        key = key_of(request)
        if account_of(request).suspended_at is not None:
            raise Problem(403, "account_suspended", "This account is suspended.")
        if (
            view.action not in view.action_map.values()
        ):  # a method that the address does not have: DRF responds with 405
            return True
        scope = view.scopes[view.action]  # an action that was forgotten there is an error, and open to nobody
        if scope is not None and scope not in key.scopes:
            raise Problem(403, "scope_missing", f"This API key lacks the scope {scope}.")
        return True
