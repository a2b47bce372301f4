"""Disputes: the list with its report, and a page for each dispute."""

import datetime as dt
import uuid
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, DateField, F, Q, Sum, Value
from django.db.models.functions import Cast, Coalesce, Least
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts.access import actor, person, rows_of
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import Options, OptionsFilter, choices
from inflow.dashboard.core.markup import amount, badge, bdi, lines, link, moment_column
from inflow.dashboard.core.responses import form_page
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages.about_invoice import COMPANY, CURRENCY, DEBTOR, NUMBER, AboutInvoice
from inflow.dashboard.pages.dispute_forms import (
    AnswerForm,
    CorrectionForm,
    CreditNoteForm,
    FileForm,
    OptionalAnswerForm,
    ReviseForm,
)
from invoices import disputes, money
from invoices.documents import dispute_files
from invoices.documents.bounds import MAX_BYTES
from invoices.models import OPEN, Dispute, DisputeFile, DisputeStatus, Status


def _is_open(dispute: Dispute) -> bool:
    return dispute.status == DisputeStatus.OPEN and dispute.invoice.status == Status.DISPUTED


class DisputeStatusFilter(OptionsFilter):
    title, parameter_name = _lazy("status"), "status"
    options: ClassVar[Options] = {
        "open": (_lazy("Open"), Q(status=DisputeStatus.OPEN, invoice__status__in=OPEN)),
        "late": (
            _lazy("Answer overdue"),
            lambda user: Q(status=DisputeStatus.OPEN, invoice__status__in=OPEN, answer_by__lt=_today(user)),
        ),
        "resolved": (_lazy("Resolved"), Q(status=DisputeStatus.RESOLVED)),
    }


class OwnerFilter(OptionsFilter):
    title, parameter_name = _lazy("owner"), "whose"
    options: ClassVar[Options] = {
        "mine": (_lazy("Mine"), lambda user: Q(owner=user)),
        "nobodys": (_lazy("Unassigned"), Q(owner=None)),
    }


def _today(user: User) -> Any:
    return user.account.today() if user.account else timezone.localdate()


# Ages of open disputes: first and last day.
AGES: dict[str, tuple[int, int | None]] = {"0-7": (0, 7), "8-30": (8, 30), "over-30": (31, None)}


def report(user: User) -> list[dict[str, Any]]:
    """Return a row of disputed amounts for each reason and currency of open disputes: in total and by age, as texts."""
    prefix = "invoice__"
    balance = F(f"{prefix}amount") - F(f"{prefix}amount_paid") - F(f"{prefix}amount_credited")
    contested = Least(Coalesce(F("amount"), balance), balance)
    name = "reason__name_ar" if (get_language() or "en").startswith("ar") else "reason__name_en"
    rows = rows_of(user, Dispute.objects.filter(status=DisputeStatus.OPEN, invoice__status=Status.DISPUTED))
    today, opened_on = _today(user), Cast("opened_at", DateField())
    ages = {}
    for age, (first, last) in AGES.items():
        within = Q(opened_on__lte=today - dt.timedelta(days=first))
        if last is not None:
            within &= Q(opened_on__gte=today - dt.timedelta(days=last))
        ages[f"age_{age.replace('-', '_')}"] = Sum(contested, filter=within, default=Value(0))
    grouped = rows.alias(opened_on=opened_on).order_by().values(name, f"{prefix}currency")
    found = grouped.annotate(count=Count("pk"), total=Sum(contested), **ages).order_by(f"{prefix}currency", "-total")
    return [
        {
            "reason": row[name] or _("No reason given"),
            "count": row["count"],
            "total": money.display(row["total"], row[f"{prefix}currency"]),
            "ages": [money.display(row[each], row[f"{prefix}currency"]) if row[each] else "" for each in ages],
        }
        for row in found
    ]


@admin.register(Dispute)
class DisputeAdmin(AboutInvoice):
    """Disputes. Every change goes through `invoices.disputes`."""

    list_display = (
        *("invoice_link", "debtor_shown", "reason", "contested_shown"),
        *("status_shown", "owner", "answer_by", "opened"),
    )
    list_display_links = ("reason", "contested_shown")
    list_filter = (DisputeStatusFilter, OwnerFilter, *choices("outcome"))
    list_select_related = ("invoice", "reason", "owner")
    list_before_template = "admin/invoices/dispute/report.html"
    empty_text = _lazy(
        "No invoice is disputed. Debtors dispute invoices on their page; you mark an invoice as disputed on its own"
        " page."
    )
    export_columns = (
        *(NUMBER, DEBTOR, COMPANY, ("reason", "reason__name_en"), "amount", CURRENCY, "text"),
        *(("owner", "owner__email"), "answer_by", "status", "outcome", "answer", "opened_at", "resolved_at", "id"),
    )
    ordering = ("-opened_at", "-id")
    fields = (
        *("invoice_link", "debtor_shown", "reason", "contested_shown", "text", "files_shown"),
        *("owner", "answer_by", "status_shown", "outcome", "answer", "opened_by", "opened_at", "resolved_at"),
    )
    readonly_fields = ("invoice_link", "debtor_shown", "contested_shown", "files_shown", "status_shown")
    actions_detail = (
        *("credit_note", "reject"),
        {"title": _lazy("More"), "items": ["correct", "withdraw", "revise", "add_file", "file"]},
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "report": report(person(request)),
            "report_ages": [_("0–7 days"), _("8–30 days"), _("Over 30 days")],
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @row_action(
        _lazy("Reject"),
        icon="block",
        form=AnswerForm,
        fits=_is_open,
        intro=_lazy("The whole balance is chased again. The debtor sees your answer on their page."),
    )
    def reject(self, dispute: Dispute, actor: Actor, form: AnswerForm) -> str:
        disputes.reject(dispute.account, dispute.pk, actor, answer=form.cleaned_data["answer"])
        return _("The dispute about invoice %(invoice)s is rejected.") % {"invoice": dispute.invoice}

    @row_action(
        _lazy("Issue credit note"),
        icon="request_quote",
        form=CreditNoteForm,
        fits=_is_open,
        intro=_lazy("The credit note lowers the invoice and ends the dispute. The rest is chased."),
        is_primary=True,
    )
    def credit_note(self, dispute: Dispute, actor: Actor, form: CreditNoteForm) -> str:
        disputes.resolve_by_credit_note(dispute.account, dispute.pk, actor, **form.cleaned_data)
        return _("The dispute about invoice %(invoice)s is resolved by a credit note.") % {"invoice": dispute.invoice}

    @row_action(
        _lazy("Correct the amount"),
        needs=Role.MANAGER,
        icon="edit_document",
        form=CorrectionForm,
        fits=_is_open,
        intro=_lazy("The corrected invoice is chased. The timeline shows the old and the new amount."),
    )
    def correct(self, dispute: Dispute, actor: Actor, form: CorrectionForm) -> str:
        disputes.resolve_by_correction(dispute.account, dispute.pk, actor, **form.cleaned_data)
        return _("The amount of invoice %(invoice)s is corrected.") % {"invoice": dispute.invoice}

    @row_action(
        _lazy("Record withdrawal"),
        icon="undo",
        form=OptionalAnswerForm,
        fits=_is_open,
        intro=_lazy("The debtor has withdrawn the dispute. The whole balance is chased again."),
    )
    def withdraw(self, dispute: Dispute, actor: Actor, form: OptionalAnswerForm) -> str:
        disputes.withdraw(dispute.account, dispute.pk, actor, answer=form.cleaned_data["answer"])
        return _("The dispute about invoice %(invoice)s is withdrawn.") % {"invoice": dispute.invoice}

    @row_action(_lazy("Change"), icon="edit", form=ReviseForm, fits=_is_open)
    def revise(self, dispute: Dispute, actor: Actor, form: ReviseForm) -> str:
        disputes.revise(dispute.account, dispute.pk, actor, **form.values())
        return _("The dispute has been changed.")

    @page_action(_lazy("Add file"), icon="attach_file")
    def add_file(self, request: HttpRequest, dispute: Dispute) -> HttpResponse:
        back = self.url("change", dispute.pk)
        form = FileForm(*((request.POST, request.FILES) if request.method == "POST" else ()), row=dispute)

        def add() -> HttpResponse:
            file = form.cleaned_data["file"]
            dispute_files.add(dispute.account, dispute.pk, actor(request), file.read(MAX_BYTES + 1), file.name)
            messages.success(request, _("The file was added."))
            return HttpResponseRedirect(back)

        return form_page(
            self,
            request,
            form,
            add,
            title=_("Add file"),
            back=back,
            button=_("Upload"),
            too_large=dispute_files.too_large(),
            subtitle=self.about(dispute),
        )

    # Linked from the page.
    @page_action(_lazy("Download"), icon="download", needs=Role.VIEWER, fits=lambda dispute: False)
    def file(self, request: HttpRequest, dispute: Dispute) -> HttpResponse:
        """Respond with one of the files. It only reads, so GET is permitted."""
        try:
            key = uuid.UUID(request.GET.get("file", ""))
        except ValueError as error:
            raise Http404 from error
        found = DisputeFile.objects.filter(dispute=dispute, pk=key).first()
        response = dispute_files.response(found) if found else None
        if response is None:
            raise Http404
        return response

    @display(description=_lazy("Disputed amount"), ordering="amount")
    def contested_shown(self, dispute: Dispute) -> str:
        if dispute.amount is None:
            if not _is_open(dispute):
                return _("Whole invoice")
            return amount(dispute.invoice.balance, dispute.invoice.currency)
        return amount(dispute.amount, dispute.invoice.currency)

    @display(description=_lazy("Status"))
    def status_shown(self, dispute: Dispute) -> str:
        if dispute.status == DisputeStatus.RESOLVED:
            return badge(dispute.get_outcome_display() or dispute.get_status_display(), "success")
        if not _is_open(dispute):  # its invoice is paid
            return badge(dispute.invoice.get_status_display())
        if dispute.answer_by and dispute.answer_by < dispute.account.today():
            return badge(_("Answer overdue"), "danger")
        return badge(dispute.get_status_display(), "warning")

    @display(description=_lazy("Files"))
    def files_shown(self, dispute: Dispute) -> str:
        files = DisputeFile.objects.filter(dispute=dispute).defer("data")
        url = self.url("file", dispute.pk)
        shown = [
            link(f"{url}?file={file.pk}", f"{file.name} ({filesizeformat(file.size)})")
            + " "
            + bdi(_("from the debtor") if file.is_from_debtor else _("from us"))
            for file in files
        ]
        return lines(shown) if shown else "–"

    opened = moment_column(_lazy("Opened"), "opened_at")
