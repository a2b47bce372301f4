"""Exports that the person started, with their progress and files. Other people can't see them."""

import uuid

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext as _

from inflow import sheets
from inflow.accounts.access import person
from inflow.dashboard.core import long_exports
from inflow.dashboard.models import Export, ExportState
from inflow.dashboard.pages.login import page


def listed(request: HttpRequest) -> HttpResponse:
    """List the exports of the last day."""
    context = {"title": _("Exports"), "exports": long_exports.of(person(request))}
    return page(request, "admin/exports_list.html", context)


def show(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    export = _own(request, export_id)
    return page(request, "admin/export.html", {"title": export.file_name, "export": export})


def download(request: HttpRequest, export_id: uuid.UUID) -> HttpResponseBase:
    """Stream the file, if the person may still view the list."""
    export = _own(request, export_id)
    if export.state != ExportState.DONE:
        raise Http404
    if not long_exports.may_have(export):
        raise PermissionDenied
    kind = sheets.XLSX if export.form == "xlsx" else sheets.CSV
    response = StreamingHttpResponse(long_exports.content_of(export), content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    return response


def _own(request: HttpRequest, export_id: uuid.UUID) -> Export:
    export: Export = get_object_or_404(long_exports.of(person(request)), pk=export_id)
    return export


_view = admin.site.admin_view
urlpatterns = [
    path("", _view(listed), name="exports"),
    path("<uuid:export_id>/", _view(show), name="export"),
    path("<uuid:export_id>/file", _view(download), name="export-file"),
]
