"""Documents of invoices: the list, and the upload of several at once."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, Func, Value
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget

from inflow.accounts.access import actor, person
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.canonical import canonical
from inflow.dashboard.core import uploads
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import OwnAccountForm
from inflow.dashboard.core.markup import badge, bdi, moment_column
from inflow.dashboard.core.responses import page
from inflow.dashboard.pages.about_invoice import DEBTOR, NUMBER, AboutInvoice
from invoices.documents import contents, documents
from invoices.errors import Refused
from invoices.models import Document, Invoice

# After this time, the other files of an archive wait for the next upload, because a page's queries have a time limit.
SECONDS = 6.0


class UploadForm(OwnAccountForm):
    file = forms.FileField(
        label=_lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".zip,.pdf"}),
        help_text=_lazy(
            "A ZIP file of PDFs, each named by its invoice number: INV-1042.pdf. At most 500 files and 20 MB."
            " A single PDF or XML works too."
        ),
    )


class Result(NamedTuple):
    """The result of one file: the invoice that it was attached to, or the problem."""

    name: str
    invoice: Invoice | None
    problem: str = ""


def attach_all(account: Account, actor: Actor, name: str, data: bytes) -> list[Result]:
    """Attach each file to the invoice that its name says. Raise `Refused` if the archive can't be read."""
    is_archive = data.startswith(b"PK")
    found = list(contents.unpacked(data)) if is_archive else [contents.ArchivedFile(name, "", data)]
    invoices = _by_stem(account, {_stem(file.name) for file in found if not file.problem})
    return list(_attach(account, actor, found, invoices))


def _attach(
    account: Account, actor: Actor, found: list[contents.ArchivedFile], invoices: dict[str, list[Invoice]]
) -> Iterator[Result]:
    done: set[Any] = set()
    until = time.monotonic() + SECONDS
    for file in found:
        matching = invoices.get(_stem(file.name), [])
        if file.problem:
            yield Result(file.name, None, file.problem)
        elif not matching:
            yield Result(file.name, None, _("No invoice has this number."))
        elif len(matching) > 1:
            yield Result(file.name, None, _("Several invoices have this number. Upload it on the invoice's page."))
        elif time.monotonic() > until:
            yield Result(
                file.name, None, _("The time limit was reached before this file. Upload the same ZIP file again.")
            )
        elif matching[0].pk in done:
            yield Result(file.name, None, _("Another file of this upload belongs to the same invoice."))
        else:
            invoice = matching[0]
            try:
                documents.attach(account, invoice.pk, actor, file.data, file.name.rpartition("/")[2])
            except Refused as refusal:
                yield Result(file.name, None, refusal.message)
            else:
                done.add(invoice.pk)
                yield Result(file.name, invoice)


def _stem(name: str) -> str:
    """Return what a file's name and its invoice's number have in common: "INV/7" is stored as "INV-7.pdf"."""
    base = canonical(name.replace("\\", "/").rpartition("/")[2])
    return documents.stem(base.rpartition(".")[0] or base).lower()


def _by_stem(account: Account, stems: set[str]) -> dict[str, list[Invoice]]:
    """Return the account's invoices by the stem of their file names, in one query."""
    unsafe = Func(F("invoice_number"), Value(documents.UNSAFE), Value("-"), Value("g"), function="regexp_replace")
    trimmed = Func(unsafe, Value("-."), function="btrim")
    rows = Invoice.objects.for_account(account).filter(cancelled_at=None).annotate(stem=Func(trimmed, function="lower"))
    found: dict[str, list[Invoice]] = {}
    for invoice in rows.filter(stem__in=stems):
        found.setdefault(documents.stem(invoice.invoice_number).lower(), []).append(invoice)
    return found


@admin.register(Document)
class DocumentAdmin(AboutInvoice):
    """Documents. They are never edited: another one replaces them."""

    adds = Role.MANAGER
    list_display = (
        *("file_shown", "invoice_link", "debtor_shown", "kind"),
        *("size_shown", "state", "uploaded_by", "uploaded"),
    )
    list_filter = choices("kind")
    search_fields = ("invoice__invoice_number", "invoice__debtor_name", "file_name")
    export_columns = (NUMBER, DEBTOR, "file_name", "kind", "size", "sha256", "uploaded_by", "created_at", "id")
    search_help_text = _lazy("Invoice number, name or file")
    fields = ("file_shown", "invoice_link", "kind", "size_shown", "sha256", "state", "uploaded_by", "created_at")
    readonly_fields = fields

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        data = (request.POST, request.FILES) if request.method == "POST" else ()
        form = UploadForm(*data, person=person(request))
        results: list[Result] = []
        if request.method == "POST" and uploads.is_too_large(request):
            form.errors["file"] = form.error_class([_("The file is larger than 20 MB.")])
        elif form.is_valid():
            file = form.cleaned_data["file"]
            assert form.account is not None
            try:
                results = attach_all(form.account, actor(request), file.name or "", file.read())
            except Refused as refusal:
                form.add_error("file", refusal.message)
        context = {
            "title": _("Upload documents"),
            "button": _("Upload"),
            "intro": _(
                "Each file is attached to the invoice whose number is the name of the file, and replaces an earlier"
                " document. Uploading the same file again changes nothing."
            ),
            "form": form,
            "back": self.url("changelist"),
            "results": results,
            "attached": sum(result.invoice is not None for result in results),
        }
        return page(self, request, "admin/invoices/document/upload.html", context)

    @display(description=_lazy("File"), ordering="file_name")
    def file_shown(self, document: Document) -> str:
        return bdi(document.file_name)

    @display(description=_lazy("Size"), ordering="size")
    def size_shown(self, document: Document) -> str:
        return filesizeformat(document.size)

    @display(description=_lazy("State"), ordering="superseded_at")
    def state(self, document: Document) -> str:
        if document.removed_at:
            return badge(_("Removed"), "danger")
        if document.superseded_at:
            return badge(_("Replaced"))
        if not document.is_for(document.invoice):
            return badge(_("Not sent: the invoice named another party"), "warning")
        return badge(_("Current"), "success")

    uploaded = moment_column(_lazy("Uploaded"), "created_at")
