"""Imports: upload, preview, confirmation, progress, and the refused rows as a file."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget

from inflow import sheets
from inflow.accounts.access import actor, person
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core import exporting
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import OwnAccountForm, PageForm
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import form_page
from inflow.dashboard.core.row_actions import RowAction, row_action
from inflow.dashboard.pages.import_columns import columns_page
from inflow.dashboard.pages.import_preview import may_import, phase_badge, preview
from invoices import money
from invoices.imports import phases
from invoices.imports.columns import COLUMNS
from invoices.models.imports import DateOrder, Encoding, Import, Kind, Outcome, Phase


class UploadForm(OwnAccountForm):
    kind = forms.ChoiceField(label=_lazy("Type of data"))
    file = forms.FileField(
        label=_lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text=_lazy("CSV or XLSX, at most 50,000 rows and 20 MB. Nothing is imported before you confirm."),
    )
    date_order = forms.ChoiceField(
        choices=DateOrder.choices,
        required=False,
        label=_lazy("Order of day and month"),
        help_text=_lazy("Detected if the file has a date such as 25/12/2026. Choose the order if it has none."),
    )
    currency = forms.ChoiceField(
        required=False,
        label=_lazy("Currency"),
        help_text=_lazy("For invoices without a currency in the file."),
    )
    encoding = forms.ChoiceField(
        choices=Encoding.choices,
        required=False,
        label=_lazy("Encoding"),
        help_text=_lazy("Change it if names are garbled. CSV files from Excel in Arabic often use Windows-1256."),
    )

    def prepare(self) -> None:
        super().prepare()
        self.set_choices("kind", [(kind.value, kind.label) for kind in Kind if may_import(self.person, kind)])
        self.set_choices("currency", [("", "–"), *((code, code) for code in sorted(money.EXPONENTS))])


@admin.register(Import)
class ImportAdmin(OwnRowsAdmin):
    """Imports are uploaded, previewed and confirmed, but never edited."""

    adds = Role.AGENT
    list_display = ("file_name", "kind", "phase_shown", "actor", "created_at")
    list_filter = choices("kind", "phase")
    search_fields = ("file_name",)
    export_columns = ("file_name", "kind", "phase", "actor", "created_at", "ended_at", "id")
    ordering = ("-created_at", "-id")
    fields = ()
    actions_detail = ("confirm", "stop", "discard")

    @row_action(_lazy("Import"), icon="check", fits=lambda file: file.phase == Phase.CHECKED, is_primary=True)
    def confirm(self, file: Import, actor: Actor, form: PageForm) -> str:
        phases.confirm(file, actor.name)
        return _("The import is running. You may leave this page.")

    @row_action(
        _lazy("Stop"),
        icon="stop_circle",
        fits=lambda file: file.phase == Phase.RUNNING,
        intro=_lazy("Rows that have been imported remain. You can import the others later."),
    )
    def stop(self, file: Import, actor: Actor, form: PageForm) -> str:
        phases.stop(file, actor.name)
        return _("The import is stopped. Rows that have been imported remain.")

    @row_action(
        _lazy("Discard"),
        icon="delete",
        fits=lambda file: file.phase in (Phase.READING, Phase.MAPPING, Phase.CHECKING, Phase.CHECKED),
        intro=_lazy("Nothing from this file will be imported."),
    )
    def discard(self, file: Import, actor: Actor, form: PageForm) -> str:
        phases.discard(file, actor.name)
        return _("The import is discarded.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Import]:
        """Leave out the contents of the files."""
        return super().get_queryset(request).defer("content")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path("template/<str:kind>.<str:form>", view(self.template), name=f"{name}_template"),
            path("<uuid:import_id>/refused.csv", view(self.refused), name=f"{name}_refused"),
            path("<uuid:import_id>/columns", view(self.columns), name=f"{name}_columns"),
        ]
        return [*own, *super().get_urls()]

    def perform(self, request: HttpRequest, object_id: str, action: RowAction) -> HttpResponse:
        """Deny the import of invoices to people who may not register invoices."""
        if not may_import(person(request), self.get_object(request, object_id).kind):
            raise PermissionDenied
        return super().perform(request, object_id, action)

    def offers(self, user: User, row: Import, action: RowAction | None) -> bool:
        """Leave out the confirmation, whose button is under the preview."""
        is_confirmation = action is self.confirm.row_action
        return not is_confirmation and may_import(user, row.kind) and super().offers(user, row, action)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        data = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        form = UploadForm(*data, person=person(request), initial=self._last_choices(request))
        return form_page(
            self,
            request,
            form,
            lambda: self._start(request, form),
            title=_("Import a file"),
            button=_("Preview import"),
            intro=_(
                "You see a preview of every row before anything is imported. Importing the same file again "
                "changes nothing."
            ),
            back=self.url("changelist"),
            template="admin/invoices/import/upload.html",
            kinds=[{"kind": kind, "columns": COLUMNS[kind]} for kind in Kind if may_import(person(request), kind)],
        )

    def _last_choices(self, request: HttpRequest) -> dict[str, str]:
        """Return the choices of the last import, because an account's files mostly come from one program."""
        own = Import.objects.filter(account=person(request).account_id)
        last = own.values("kind", "date_order", "currency", "encoding").first()
        return {**(last or {}), **({"kind": request.GET["kind"]} if "kind" in request.GET else {})}

    def _start(self, request: HttpRequest, form: UploadForm) -> HttpResponse:
        upload: UploadedFile[Any] = form.cleaned_data["file"]
        assert form.account is not None
        file = phases.start(
            form.account,
            person(request),
            file_name=upload.name or "",
            content=upload.read(),
            **{name: form.cleaned_data[name] for name in ("kind", "encoding", "date_order", "currency")},
        )
        return HttpResponseRedirect(self.url("change", file.pk))

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        file: Import = self.get_object(request, object_id)
        return {"preview": preview(self, request, file), "title": file.file_name}

    def columns(self, request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
        """Show the columns that were not recognized."""
        file: Import = self.get_object(request, str(import_id))
        may = may_import(person(request), file.kind)
        return columns_page(self, request, file, may=may, actor=actor(request).name)

    def refused(self, request: HttpRequest, import_id: uuid.UUID) -> HttpResponseBase:
        """Respond with the refused rows of the file and their reasons, to be corrected and uploaded again."""
        file: Import = self.get_object(request, str(import_id))
        if not self.has_view_permission(request, file):
            raise PermissionDenied
        names = [column.field for column in COLUMNS[file.kind] if column.field in file.columns]
        rows = file.rows.filter(outcome=Outcome.REFUSED).order_by("line")
        lines = ([row.line, row.reason, *(row.said.get(name, "") for name in names)] for row in rows.iterator(2_000))
        parts = sheets.csv_parts(["line", "reason", *names], lines)
        headers = {"Content-Disposition": 'attachment; filename="refused.csv"'}
        return StreamingHttpResponse(parts, content_type=sheets.CSV, headers=headers)

    def template(self, request: HttpRequest, kind: str, form: str) -> HttpResponseBase:
        """Respond with a file that has only the headings."""
        if kind not in Kind.values or form not in exporting.FORMATS:
            raise Http404
        if not may_import(person(request), kind):
            raise PermissionDenied
        return exporting.file_response([column.field for column in COLUMNS[kind]], [], f"{kind}.{form}")

    @display(description=_lazy("State"), ordering="phase")
    def phase_shown(self, file: Import) -> str:
        return phase_badge(file)
