"""Tables of related rows on the page of a row."""

from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.forms import PaginationInlineFormSet

from inflow.accounts.access import person
from inflow.accounts.roles import Role


class ReadOnlyRows(PaginationInlineFormSet):
    """Rows that are never submitted: they are shown as stored, also together with an invalid form."""

    def __init__(self, *args: Any, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def is_valid(self) -> bool:
        return True


class RowsInside(TabularInline):
    """Read-only related rows."""

    formset = ReadOnlyRows
    extra = 0
    can_delete = False
    hide_title = True
    per_page = 25

    @classmethod
    def has_rows(cls, row: Any) -> bool:
        """Tell whether there are related rows. The foreign key is named like the row's model."""
        return bool(cls.model._default_manager.filter(**{row._meta.model_name: row}).exists())

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


class EditableInline(TabularInline):
    """Related rows that people with the role `changes` edit and others read."""

    changes: ClassVar[Role]
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return person(request).may(self.changes)

    has_add_permission = has_delete_permission = has_change_permission
