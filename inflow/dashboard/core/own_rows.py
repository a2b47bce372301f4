"""Base class of all pages of rows: the rows that a person sees, and the actions that their role permits.

Every entry point of Django's admin reads `get_queryset` and fetches a row with `get_object`. Both are restricted to the
person's account here, so that another account's row is a 404 in lists, pages, history, autocomplete and row actions
alike.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter

from inflow.accounts.access import actor, person, rows_of
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from inflow.canonical import canonical_words
from inflow.dashboard.core import exporting, listing
from inflow.dashboard.core.errors import InvalidFilter, RequiresWorker, TooManyRows
from inflow.dashboard.core.forms import OwnAccountForm
from inflow.dashboard.core.responses import Secret, form_page, shown_once
from inflow.dashboard.core.row_actions import RowAction, record

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class AddPage:
    """Form for a new row, with the texts around it."""

    form: type[OwnAccountForm]
    title: "StrOrPromise"
    button: "StrOrPromise"
    intro: "StrOrPromise" = ""


class OwnRowsAdmin(ModelAdmin):
    """Rows of the person's own account; platform staff see all, with a column and a filter for the account.

    `sees`, `adds` and `changes` name the minimum role; None means nobody. Nothing is deleted in the dashboard.
    `linked_by` names the lookups that links of other pages use, besides those of the list's filters. `add_page`
    replaces Django's form for a new row; `add` then creates the row. `one_for_each` leads members from the list to the
    row of their account, which has the account's key. `empty_text` explains an empty list and names the next step.
    """

    owner: ClassVar[str] = "account"
    sees: ClassVar[Role] = Role.VIEWER
    adds: ClassVar[Role | None] = None
    changes: ClassVar[Role | None] = None
    linked_by: ClassVar[tuple[str, ...]] = ()
    export_columns: ClassVar[tuple[exporting.Column, ...]] = ()
    add_page: ClassVar["AddPage | None"] = None
    one_for_each: ClassVar[bool] = False
    empty_text: ClassVar["StrOrPromise"] = ""

    actions: ClassVar[Any] = None
    list_per_page = 50
    paginator = listing.BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # each would count all rows
    list_filter_submit = True
    change_form_show_cancel_button = True
    list_before_template = "admin/exports.html"

    # --- Rows ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return rows_of(person(request), super().get_queryset(request), self.owner)

    def with_figures(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return `rows` with the annotations that the columns of the list and the export need."""
        return rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        return row

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        related = db_field.remote_field.model
        owner = "pk" if related is Account else "account"
        kwargs["queryset"] = rows_of(person(request), related._default_manager.all(), owner)
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return field

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow only declared lookups: Django would allow any field of the row, and keys of rows that refer to it."""
        return request is not None and lookup in listing.declared_lookups(self, request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[listing.BoundedChangeList]:
        return listing.BoundedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Normalize the search term as names are stored, so that a pasted invisible character does not hide matches."""
        words = listing.bounded(canonical_words(search_term))
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, words)
        return found

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        first, *rest = super().get_list_display(request)
        return (first, "account", *rest) if self.shows_account(request) else (first, *rest)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters = [*super().get_list_filter(request)]
        return [("account", RelatedDropdownFilter), *filters] if self.shows_account(request) else filters

    def get_list_select_related(self, request: HttpRequest) -> tuple[str, ...]:
        also = ("account",) if self.owner == "account" else ()
        return (*(self.list_select_related or ()), *also)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if self.one_for_each and not person(request).is_superuser:
            return HttpResponseRedirect(self.url("change", person(request).account_id))
        request.GET = listing.cleaned(request.GET)  # type: ignore[assignment]
        if request.method == "POST" and not listing.are_keys(self.model, request.POST.getlist(ACTION_CHECKBOX_NAME)):
            messages.error(request, _("The selected rows are not in this list."))
            return HttpResponseRedirect(request.get_full_path())
        title = capfirst(str(self.opts.verbose_name_plural))
        formats = exporting.FORMATS if self.export_columns else ()
        exports = [(form.upper(), f"{self.url('export', form)}?{request.GET.urlencode()}") for form in formats]
        context = {"title": title, "exports": exports, "import_url": self.import_url(request)}
        response: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})
        return response

    def import_url(self, request: HttpRequest) -> str | None:
        """Return the address of the page that imports such rows from a file, if the person may import them."""
        return None

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/<str:form>", self.admin_site.admin_view(self.export), name=name), *super().get_urls()]

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """Respond with the list as a file, filtered as in this address."""
        if form not in exporting.FORMATS or not self.export_columns:
            raise Http404
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = listing.cleaned(request.GET)
        query.pop("p", None)  # a file holds all pages
        request.GET = query  # type: ignore[assignment]
        try:
            return exporting.respond(self, request, person(request), form)
        except RequiresWorker:
            later: HttpResponseBase = self.admin_site.export_later(request, self.model, form)
            return later
        except TooManyRows:
            text = _("A workbook holds at most %(most)d rows: filter the list, or export it as CSV.")
            messages.error(request, text % {"most": exporting.MOST_IN_WORKBOOK})
            return HttpResponseRedirect(f"{self.url('changelist')}?{request.GET.urlencode()}")
        except InvalidFilter:
            return HttpResponseRedirect(self.url("changelist"))

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        page = self.add_page
        if page is None:
            response: HttpResponse = super().add_view(request, *args, **kwargs)
            return response
        form = page.form(request.POST if request.method == "POST" else None, person=person(request))
        return form_page(
            self,
            request,
            form,
            lambda: self.add(request, form),
            title=page.title,
            button=page.button,
            intro=page.intro,
            back=self.url("changelist"),
        )

    def add(self, request: HttpRequest, form: Any) -> HttpResponse:
        """Create the row from a valid form of `add_page`. Raise ValidationError or `Refused` to reject it."""
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = capfirst(str(self.opts.verbose_name))
        context = {"title": title, **(extra_context or {}), **self.row_context(request, object_id)}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """Return the template context of a row's page, besides the fields."""
        return {}

    def shows_account(self, request: HttpRequest) -> bool:
        return self.owner == "account" and person(request).is_superuser

    # --- Roles ---

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Also called on the log-in page, where nobody is logged in."""
        return isinstance(request.user, User) and request.user.may(self.sees)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return person(request).may(self.sees)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.adds is not None and person(request).may(self.adds)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.changes is not None and person(request).may(self.changes)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    # --- Changes ---

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        """Save the form's changes, and record them in the audit log with the values before and after."""
        super().save_model(request, obj, form, change)
        changes = {
            name: [_shown(form.initial.get(name)), _shown(form.cleaned_data.get(name))]
            for name in form.changed_data
            if "password" not in name
        }
        if form.changed_data or not change:
            self.record(request, obj, "changed" if change else "created", changes=changes)

    def record(self, request: HttpRequest, row: Any, what: str, **detail: Any) -> None:
        """Record the person's change of the row in the audit log."""
        record(row, actor(request), f"{self.opts.model_name}.{what}", **detail)

    def perform(self, request: HttpRequest, object_id: str, action: RowAction) -> HttpResponse:
        """Respond with the page of one action on one row."""
        row, act = self.get_object(request, unquote(object_id)), action.do
        if act is None or not person(request).may(action.needs):
            raise PermissionDenied
        # The preview of an import links here with a proposed amount.
        initial = {"amount": request.GET["amount"][:20]} if "amount" in request.GET else {}
        form = action.form(request.POST if request.method == "POST" else None, row=row, initial=initial)

        def do() -> HttpResponse:
            result = act(self, row, actor(request), form)
            if isinstance(result, Secret):
                return shown_once(self, request, result)
            messages.success(request, with_undo(result, self.url(action.undo, row.pk)) if action.undo else result)
            return HttpResponseRedirect(self.after(row))

        return form_page(
            self,
            request,
            form,
            do,
            title=action.page_title or action.title,
            back=self.url("change", quote(row.pk)),
            intro=action.intro,
            is_grave=action.is_grave,
            subtitle=self.about(row),
        )

    def about(self, row: Any) -> str:
        """Return the description of a row in the heading and title of its action pages, or an empty string."""
        return ""

    def after(self, row: Any) -> str:
        """Return the address of the page that follows an action."""
        return self.url("change", quote(row.pk))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, unquote(str(object_id)))
        return [
            action
            for action in super().get_actions_detail(request, object_id)
            if self.offers(person(request), row, getattr(action.method, "row_action", None))
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions made by `bulk` that the person's role permits."""
        offered = super().get_actions(request)
        return {
            name: each
            for name, each in offered.items()
            if (action := getattr(each[0], "row_action", None)) and person(request).may(action.needs)
        }

    def offers(self, user: User, row: Any, action: RowAction | None) -> bool:
        return action is None or (user.may(action.needs) and action.fits(row))

    def url(self, page: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)


def with_undo(text: str, url: str, label: str = "") -> SafeString:
    """Return a message with a link to the form that undoes the action."""
    return format_html('{} <a class="undo" href="{}">{}</a>', text, url, label or _("Undo"))


def _shown(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
