"""Files about invoices and debtors: the list, and the panel on the pages of invoices and debtors."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget

from inflow.accounts.access import actor
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import link
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import form_page
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages.forms import OnceForm
from invoices.documents import contents, staff_files
from invoices.documents.bounds import MAX_BYTES
from invoices.models import Debtor, Invoice, StaffFile

_SHOWN = 20


class FileForm(OnceForm):
    file = forms.FileField(
        label=_lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".pdf,.png,.jpg,.jpeg,.txt,.xml"}),
        help_text=_lazy("PDF, PNG, JPEG, plain text or electronic invoice, at most 10 MB."),
    )


def _upload(model_admin: Any, request: HttpRequest, row: Invoice | Debtor) -> HttpResponse:
    """Show the form on GET, and add the file on POST."""
    back = model_admin.url("change", row.pk)
    form = FileForm(*((request.POST, request.FILES) if request.method == "POST" else ()), row=row)

    def add() -> HttpResponse:
        file = form.cleaned_data["file"]
        about: dict[str, Any] = {"invoice_id": row.pk} if isinstance(row, Invoice) else {"debtor_id": row.pk}
        staff_files.add(
            row.account, actor(request), file.read(MAX_BYTES + 1), file.name, **about, key=form.cleaned_data["key"]
        )
        messages.success(request, _("The file was added."))
        return HttpResponseRedirect(f"{back}#files")

    return form_page(
        model_admin,
        request,
        form,
        add,
        title=_("Add file"),
        back=back,
        button=_("Upload"),
        intro=_("Debtors never see it, and it is not attached to messages."),
        too_large=contents.too_large(),
    )


class FileActions:
    add_file = page_action(_lazy("Add file"), icon="attach_file")(_upload)


def shown(row: Invoice | Debtor, user: User) -> dict[str, Any]:
    """Return the context of admin/files.html."""
    is_invoice, may = isinstance(row, Invoice), user.may(Role.AGENT)
    found = staff_files.of_invoice(row) if isinstance(row, Invoice) else staff_files.of_debtor(row)
    rows = [
        {
            "file": file,
            "size": filesizeformat(file.size),
            "at": file.created_at.astimezone(row.account.zone),
            "url": reverse("admin:invoices_stafffile_download", args=[file.pk]),
            "remove_url": reverse("admin:invoices_stafffile_remove", args=[file.pk]) if may else "",
            "about": "" if is_invoice or file.invoice is None else file.invoice.invoice_number,
        }
        for file in found[:_SHOWN]
    ]
    name = "invoice" if is_invoice else "debtor"
    return {"rows": rows, "add_url": reverse(f"admin:invoices_{name}_add_file", args=[row.pk]) if may else ""}


@admin.register(StaffFile)
class StaffFileAdmin(OwnRowsAdmin):
    """Files that staff added. The bytes are only downloaded, never shown."""

    list_display = ("file_name", "about", "kind", "size_shown", "uploaded_by", "created_at", "removed_at")
    list_select_related = ("invoice", "debtor")
    search_fields = ("file_name", "invoice__invoice_number", "debtor__name", "debtor__company")
    search_help_text = _lazy("File, invoice number, name or company")
    empty_text = _lazy("No files yet. Add a file on the page of an invoice or a debtor. Debtors never see it.")
    export_columns = (
        *("file_name", "kind", "size", "sha256", ("invoice_number", "invoice__invoice_number")),
        *(("debtor_name", "debtor__name"), ("debtor_company", "debtor__company")),
        *("uploaded_by", "created_at", "removed_by", "removed_at", "id"),
    )
    fields = readonly_fields = (
        *("file_name", "about", "kind", "size_shown", "sha256"),
        *("uploaded_by", "created_at", "removed_by", "removed_at"),
    )
    actions_detail = ("download", "remove")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StaffFile]:
        rows: QuerySet[StaffFile] = super().get_queryset(request)
        return rows.select_related("invoice", "debtor")

    @page_action(_lazy("Download"), icon="download", needs=Role.VIEWER, fits=lambda file: not file.removed_at)
    def download(self, request: HttpRequest, file: StaffFile) -> HttpResponse:
        """Respond with the file. It only reads, so GET is permitted."""
        response = staff_files.response(file)
        if response is None:
            raise Http404
        return response

    @row_action(
        _lazy("Remove file"),
        icon="delete",
        fits=lambda file: not file.removed_at,
        intro=_lazy("Deletes the file. Its name and the person who removed it stay in the list."),
        is_grave=True,
    )
    def remove(self, file: StaffFile, actor: Actor, form: PageForm) -> str:
        staff_files.remove(file.account, file.pk, actor)
        return _("The file has been removed.")

    @display(description=_lazy("About"))
    def about(self, file: StaffFile) -> str:
        if file.invoice:
            return link(reverse("admin:invoices_invoice_change", args=[file.invoice_id]), file.invoice)
        return link(reverse("admin:invoices_debtor_change", args=[file.debtor_id]), file.debtor)

    @display(description=_lazy("Size"), ordering="size")
    def size_shown(self, file: StaffFile) -> str:
        return filesizeformat(file.size)
