"""The document of an invoice on the invoice's page: upload, replace, remove, download, and what an electronic invoice
says."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from inflow import labels
from inflow.accounts.access import actor
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.responses import form_page
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages.forms import OptionalReasonForm
from invoices.documents import contents, documents
from invoices.documents.bounds import MAX_BYTES
from invoices.models import DocumentKind, Invoice

# Values of an electronic invoice, in the order of the page.
_VALUES = {
    "format": _lazy("Format"),
    "number": _lazy("Number"),
    "issue_date": _lazy("Issue date"),
    "due_date": _lazy("Due date"),
    "supplier": _lazy("Supplier"),
    "customer": _lazy("Customer"),
    "amount": _lazy("Amount"),
    "tax": _lazy("Tax"),
    "payable": _lazy("Amount to pay"),
    "currency": _lazy("Currency"),
    "purchase_order": _lazy("Purchase order"),
}


class DocumentForm(PageForm):
    file = forms.FileField(
        label=_lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".pdf,.xml"}),
        help_text=_lazy("The PDF as it was issued, or a UBL 2.1 invoice (PINT AE, ZATCA) in XML. At most 10 MB."),
    )


def _has_document(invoice: Invoice) -> bool:
    return documents.of(invoice) is not None


def _is_withheld(invoice: Invoice) -> bool:
    document = documents.of(invoice)
    return document is not None and not document.is_for(invoice)


def upload(model_admin: Any, request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Show the form on GET, and attach the file on POST."""
    back = model_admin.url("change", invoice.pk)
    form = DocumentForm(*((request.POST, request.FILES) if request.method == "POST" else ()), row=invoice)

    def attach() -> HttpResponse:
        file = form.cleaned_data["file"]
        documents.attach(invoice.account, invoice.pk, actor(request), file.read(MAX_BYTES + 1), file.name)
        messages.success(request, _("The document is attached to invoice %(invoice)s.") % {"invoice": invoice})
        return HttpResponseRedirect(back)

    return form_page(
        model_admin,
        request,
        form,
        attach,
        title=_("Replace the document") if _has_document(invoice) else _("Upload the document"),
        back=back,
        button=_("Upload"),
        intro=_("Attached to emails about this invoice, and offered for download on the debtor page."),
        too_large=contents.too_large(),
        subtitle=model_admin.about(invoice),
    )


class DocumentActions:
    upload_document = page_action(_lazy("Upload document"), icon="attach_file", needs=Role.MANAGER)(upload)

    # Linked from the page.
    @page_action(_lazy("Download"), icon="download", needs=Role.VIEWER, fits=lambda invoice: False)
    def document(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        """Respond with the invoice's document. It only reads, so GET is permitted."""
        response = documents.response(documents.of(invoice), invoice.invoice_number)
        if response is None:
            raise Http404
        return response

    @row_action(
        _lazy("Use the document again"),
        needs=Role.MANAGER,
        icon="task",
        fits=_is_withheld,
        intro=_lazy(
            "It was uploaded while the invoice named another party. Check that it names this debtor: it is attached to "
            "emails and offered on the debtor page again."
        ),
    )
    def confirm_document(self, invoice: Invoice, actor: Actor, form: PageForm) -> str:
        documents.confirm(invoice.account, invoice.pk, actor)
        return _("The document of invoice %(invoice)s is used again.") % {"invoice": invoice}

    @row_action(
        _lazy("Remove document"),
        needs=Role.MANAGER,
        icon="delete",
        form=OptionalReasonForm,
        fits=_has_document,
        intro=_lazy(
            "Deletes the file, for example because it belongs to another debtor. It remains in emails that were already"
            " sent."
        ),
        is_grave=True,
    )
    def remove_document(self, invoice: Invoice, actor: Actor, form: OptionalReasonForm) -> str:
        documents.remove(invoice.account, invoice.pk, actor, reason=form.cleaned_data["reason"])
        return _("The document of invoice %(invoice)s is removed.") % {"invoice": invoice}


def shown(invoice: Invoice, user: User) -> dict[str, Any] | None:
    """Return the context of the document on the invoice's page, or None if there is none."""
    document = documents.of(invoice)
    if document is None:
        return None
    may = user.may(Role.MANAGER)
    return {
        "row": document,
        "is_electronic": document.kind == DocumentKind.UBL,
        "size": filesizeformat(document.size),
        "url": reverse("admin:invoices_invoice_document", args=[invoice.pk]),
        "is_withheld": not document.is_for(invoice),
        "confirm_url": reverse("admin:invoices_invoice_confirm_document", args=[invoice.pk]) if may else "",
        "replace_url": reverse("admin:invoices_invoice_upload_document", args=[invoice.pk]) if may else "",
        "uploaded": date_format(document.created_at.astimezone(invoice.account.zone), "DATETIME_FORMAT"),
        "values": [(label, document.content[name]) for name, label in _VALUES.items() if document.content.get(name)],
        "differences": [
            (labels.for_field(field), theirs, ours) for field, theirs, ours in documents.differences(document, invoice)
        ],
    }
