"""Lines inside the page of a row."""

from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import TabularInline

from inflow.accounts.access import person
from inflow.accounts.roles import Role


class RowsInside(TabularInline):
    """Read-only lines of a row."""

    extra = 0
    can_delete = False
    hide_title = True
    per_page = 25

    @classmethod
    def has_rows(cls, row: Any) -> bool:
        """Tell whether the row has such lines. The foreign key bears the name of the row's model."""
        return bool(cls.model._default_manager.filter(**{row._meta.model_name: row}).exists())

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class EditableInline(TabularInline):
    """Lines that people of the role `changes` edit and others read."""

    changes: ClassVar[Role]
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return person(request).may(self.changes)

    has_add_permission = has_delete_permission = has_change_permission
