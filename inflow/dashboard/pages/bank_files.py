"""Uploads of bank statements, with what came of each file."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget

from inflow.accounts.access import person
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import OwnAccountForm
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import form_page
from invoices import money
from invoices.bank import files
from invoices.models.bank import MAX_ACCOUNT, BankFile, FileState
from invoices.models.imports import DateOrder, Encoding

STATE_BADGES = {
    FileState.READING: "info",
    FileState.MATCHING: "info",
    FileState.READ: "success",
    FileState.FAILED: "danger",
}


class UploadForm(OwnAccountForm):
    file = forms.FileField(
        label=_lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xml,.sta,.mt940,.940,.swi,.txt,.csv,.tsv"}),
        help_text=_lazy("CAMT.053, MT940 or CSV, at most 50,000 lines and 20 MB."),
    )
    bank_account = forms.CharField(
        required=False,
        max_length=MAX_ACCOUNT,
        label=_lazy("Bank account"),
        help_text=_lazy("IBAN or account number, if the file does not name it. Always write it in the same way."),
    )
    currency = forms.ChoiceField(
        required=False, label=_lazy("Currency"), help_text=_lazy("If the file does not name it.")
    )
    date_order = forms.ChoiceField(choices=DateOrder.choices, required=False, label=_lazy("Order of day and month"))
    encoding = forms.ChoiceField(choices=Encoding.choices, required=False, label=_lazy("Encoding"))

    def prepare(self) -> None:
        super().prepare()
        self.set_choices("currency", [("", "–"), *((code, code) for code in sorted(money.EXPONENTS))])


@admin.register(BankFile)
class BankFileAdmin(OwnRowsAdmin):
    adds = Role.AGENT
    list_display = ("file_name", "state_shown", "lines_found", "lines_added", "actor", "created_at")
    list_filter = choices("state")
    search_fields = ("file_name",)
    export_columns = (
        *("file_name", "state", "failure", "statements_found", "lines_found", "lines_added", "lines_posted"),
        *("actor", "created_at", "id"),
    )
    ordering = ("-created_at", "-id")
    fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankFile]:
        """Leave out the contents of the files."""
        return super().get_queryset(request).defer("content")

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
            title=_("Upload a bank statement"),
            button=_("Upload"),
            intro=_(
                "Each line is compared with the open invoices. You confirm what is recorded. Uploading the same "
                "statement again changes nothing."
            ),
            back=self.url("changelist"),
        )

    def _last_choices(self, request: HttpRequest) -> dict[str, str]:
        """Return the choices of the last upload, because an account's files mostly come from one bank."""
        own = BankFile.objects.filter(account=person(request).account_id)
        return own.values("bank_account", "currency", "date_order", "encoding").first() or {}

    def _start(self, request: HttpRequest, form: UploadForm) -> HttpResponse:
        upload: UploadedFile[Any] = form.cleaned_data["file"]
        assert form.account is not None
        file = files.start(
            form.account,
            person(request),
            file_name=upload.name or "",
            content=upload.read(),
            **{name: form.cleaned_data[name] for name in ("bank_account", "currency", "date_order", "encoding")},
        )
        return HttpResponseRedirect(self.url("change", file.pk))

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        file: BankFile = self.get_object(request, object_id)
        statements = file.statements.order_by("bank_account", "from_date", "pk")[:100]
        return {
            "title": file.file_name,
            "state": self.state_shown(file),
            "statements": [
                {"url": reverse("admin:invoices_bankstatement_change", args=[each.pk]), "text": each}
                for each in statements
            ],
            "to_do_url": f"{reverse('admin:invoices_bankline_changelist')}?work=to_do",
            "upload_url": self.url("add") if self.has_add_permission(request) else "",
        }

    @display(description=_lazy("State"), ordering="state")
    def state_shown(self, file: BankFile) -> str:
        state = FileState(file.state)
        return badge(state.label, STATE_BADGES[state])
