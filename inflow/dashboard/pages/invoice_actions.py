"""Row actions of an invoice. Each calls a function of the domain and returns the message for the person."""

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.schedule import calls, one_off
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.own_rows import with_undo
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages.amend_form import AmendForm
from inflow.dashboard.pages.cases import AssignForm
from inflow.dashboard.pages.credit_notes import issue_on_invoice
from inflow.dashboard.pages.dispute_forms import OpenDisputeForm
from inflow.dashboard.pages.forms import (
    CallForm,
    CreditForm,
    DebtorCreditForm,
    DueDateForm,
    EscalateForm,
    HoldForm,
    NotesForm,
    OptionalReasonForm,
    PaymentForm,
    PolicyForm,
    PromiseForm,
    ReasonForm,
)
from inflow.dashboard.pages.money_forms import CreditNoteForm
from inflow.dashboard.pages.send_now import send_now
from invoices import disputes, ledger, lifecycle, money, reopening
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.errors import Refused
from invoices.models import CaseStatus, Escalation, Invoice, Status


def apply_credit(invoice: Invoice, actor: Actor, form: CreditForm | DebtorCreditForm) -> str:
    amount, key = form.cleaned_data["amount"], form.cleaned_data["key"]
    applied = ledger.apply_credit(invoice.account, invoice.pk, actor, key=key, amount=amount)
    parts = {"amount": money.display(applied, invoice.currency), "invoice": invoice}
    return _("Credit of %(amount)s was applied to invoice %(invoice)s.") % parts


def _takes_credit(invoice: Invoice) -> bool:
    return _is_open_or_written_off(invoice) and invoice.currency in ledger.credit_for(invoice)


def _is_open(invoice: Invoice) -> bool:
    return invoice.is_open


def _is_open_or_written_off(invoice: Invoice) -> bool:
    return invoice.is_open or invoice.status == Status.WRITTEN_OFF


def _with_undo(invoice: Invoice, text: str) -> str:
    """Return a message about a closed invoice, with a link to undo the closing and the time until which it works."""
    until = reopening.undo_until(Invoice.objects.select_related("account").get(pk=invoice.pk))
    if until is None:
        return text
    label = _("Undo (until %(time)s)") % {"time": date_format(timezone.localtime(until), "TIME_FORMAT")}
    return with_undo(text, reverse("admin:invoices_invoice_undo_closing", args=[invoice.pk]), label)


class InvoiceActions:
    @row_action(
        _lazy("Record payment"),
        icon="payments",
        form=PaymentForm,
        fits=_is_open_or_written_off,
        intro=_lazy("Payments can't be edited later. Any amount above the balance becomes the debtor's credit."),
        is_primary=True,
    )
    def record_payment(self, invoice: Invoice, actor: Actor, form: PaymentForm) -> str:
        payment = lifecycle.record_payment(invoice.account, invoice.pk, actor, **form.cleaned_data)
        text = _("A payment of %(amount)s was recorded.") % {"amount": money.display(payment.amount, invoice.currency)}
        return with_undo(text, reverse("admin:invoices_payment_void", args=[payment.pk]))

    send_now = page_action(_lazy("Send now"), icon="send", fits=lambda invoice: bool(one_off.kinds_for(invoice)))(
        send_now
    )

    @row_action(
        _lazy("Apply credit"),
        icon="account_balance_wallet",
        form=CreditForm,
        fits=_takes_credit,
        intro=_lazy("Applies the debtor's unapplied credit to this invoice."),
    )
    def apply_credit(self, invoice: Invoice, actor: Actor, form: CreditForm) -> str:
        return apply_credit(invoice, actor, form)

    @row_action(
        _lazy("Issue credit note"),
        icon="request_quote",
        form=CreditNoteForm,
        fits=_is_open_or_written_off,
        intro=_lazy("A credit note lowers what is owed on the invoice."),
    )
    def credit_note(self, invoice: Invoice, actor: Actor, form: CreditNoteForm) -> str:
        return issue_on_invoice(invoice, actor, form)

    @row_action(
        _lazy("Record promise"),
        icon="handshake",
        form=PromiseForm,
        fits=_is_open,
        intro=_lazy(
            "Reminders are paused until the second working day after the promised date. If the payment has not arrived "
            "by then, a case is opened."
        ),
        undo="resume",
    )
    def promise(self, invoice: Invoice, actor: Actor, form: PromiseForm) -> str:
        promise = lifecycle.promise(invoice.account, invoice.pk, actor, **form.cleaned_data)
        day = date_format(promise.hold_until, "j F Y")
        return _("Promise recorded. Reminders are paused until %(day)s.") % {"day": day}

    @row_action(
        _lazy("Log a call"),
        icon="call",
        form=CallForm,
        fits=_is_open,
        intro=_lazy("A call in which somebody was reached counts as a contact."),
    )
    def log_call(self, invoice: Invoice, actor: Actor, form: CallForm) -> str:
        calls.log(invoice.account, actor, invoice_id=invoice.pk, **form.cleaned_data)
        return _("The call was logged.")

    @row_action(
        _lazy("Put on hold"),
        icon="pause_circle",
        form=HoldForm,
        fits=_is_open,
        intro=_lazy("Nothing is sent while an invoice is on hold."),
        undo="resume",
    )
    def hold(self, invoice: Invoice, actor: Actor, form: HoldForm) -> str:
        lifecycle.change(invoice.account, invoice.pk, actor, status=Status.ON_HOLD, **form.cleaned_data)
        day = date_format(form.cleaned_data["hold_until"], "j F Y")
        return _("Invoice %(invoice)s is on hold until %(day)s.") % {"invoice": invoice, "day": day}

    @row_action(
        _lazy("Mark as disputed"),
        icon="gavel",
        form=OpenDisputeForm,
        fits=lambda invoice: invoice.is_open and invoice.status != Status.DISPUTED,
        intro=_lazy(
            "The debtor disputes this invoice or a part of it. The disputed amount is not chased until the dispute is"
            " resolved."
        ),
        undo="resume",
    )
    def dispute(self, invoice: Invoice, actor: Actor, form: OpenDisputeForm) -> str:
        text = form.cleaned_data["reason"]
        opened = disputes.open_dispute(invoice.account, invoice.pk, actor, text=text, **form.values())
        if opened.amount is not None:
            parts = {"invoice": invoice, "amount": money.display(opened.amount, invoice.currency)}
            return _("%(amount)s of invoice %(invoice)s is disputed. The rest is still chased.") % parts
        text = _("Invoice %(invoice)s is disputed. Nothing is sent until the dispute is resolved.")
        return text % {"invoice": invoice}

    @row_action(
        _lazy("Resume"),
        icon="play_circle",
        form=OptionalReasonForm,
        fits=lambda invoice: invoice.status in (Status.ON_HOLD, Status.DISPUTED),
        intro=_lazy("Ends the hold or the dispute. Reminders continue according to the due date."),
    )
    def resume(self, invoice: Invoice, actor: Actor, form: OptionalReasonForm) -> str:
        lifecycle.change(invoice.account, invoice.pk, actor, status=Status.NEW, **form.cleaned_data)
        return _("Reminders for invoice %(invoice)s have resumed.") % {"invoice": invoice}

    @row_action(
        _lazy("Escalate"),
        icon="support_agent",
        form=EscalateForm,
        fits=_is_open,
        intro=_lazy("Opens a case now instead of waiting for the reminder schedule."),
    )
    def escalate(self, invoice: Invoice, actor: Actor, form: EscalateForm) -> str:
        cases.open_manually(invoice.account, invoice.pk, actor, notes=form.cleaned_data["notes"])
        return _("Invoice %(invoice)s is escalated.") % {"invoice": invoice}

    @row_action(
        _lazy("Assign"),
        icon="person_add",
        form=AssignForm,
        fits=_is_open,
        intro=_lazy("Assigns the open cases of the invoice. If there is none, a level 1 case is opened."),
    )
    def assign(self, invoice: Invoice, actor: Actor, form: AssignForm) -> str:
        member = form.cleaned_data["assignee"]
        unresolved = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED)
        with transaction.atomic():
            if not unresolved.exists():
                if member is None:
                    raise Refused("assignee", "required", _("No case is open: choose a person for the new one."))
                cases.open_manually(invoice.account, invoice.pk, actor)
            for case in unresolved:
                cases.change(invoice.account, case.pk, actor, CaseChange(assignee=member.email if member else ""))
        if member is None:
            return _("The case of invoice %(number)s is unassigned.") % {"number": invoice}
        return _("The case of invoice %(number)s is assigned to %(person)s.") % {"number": invoice, "person": member}

    @row_action(
        _lazy("Choose policy"),
        needs=Role.MANAGER,
        icon="stairs",
        form=PolicyForm,
        fits=_is_open,
        intro=_lazy("Completed steps are not repeated: the new policy continues after the last one."),
    )
    def choose_policy(self, invoice: Invoice, actor: Actor, form: PolicyForm) -> str:
        chosen = form.cleaned_data["policy"]
        policy_id = None if chosen in ("own", "none") else int(chosen)
        is_chased = chosen != "none"
        restarts = is_chased and not invoice.is_chased
        lifecycle.set_policy(
            invoice.account, invoice.pk, actor, policy_id=policy_id, is_chased=is_chased, restarts=restarts
        )
        if is_chased:
            return _("The policy of invoice %(invoice)s has been changed.") % {"invoice": invoice}
        return _("No more reminders are sent for invoice %(invoice)s.") % {"invoice": invoice}

    @row_action(
        _lazy("Amend"),
        needs=Role.MANAGER,
        icon="edit_document",
        form=AmendForm,
        fits=_is_open,
        intro=_lazy("The timeline shows the old and the new values. The number and the currency can't be changed."),
    )
    def amend(self, invoice: Invoice, actor: Actor, form: AmendForm) -> str:
        before = invoice.debtor_id
        reason = form.cleaned_data["reason"]
        amended = lifecycle.amend(invoice.account, invoice.pk, actor, form.changes, reason=reason)
        if amended.debtor_id != before:
            parts = {"invoice": amended, "debtor": amended.debtor}
            return _("Invoice %(invoice)s has been amended. It now belongs to the debtor %(debtor)s.") % parts
        return _("Invoice %(invoice)s has been amended.") % {"invoice": amended}

    @row_action(_lazy("Change due date"), needs=Role.MANAGER, icon="event", form=DueDateForm, fits=_is_open)
    def move_due_date(self, invoice: Invoice, actor: Actor, form: DueDateForm) -> str:
        lifecycle.move_due_date(invoice.account, invoice.pk, actor, **form.cleaned_data)
        day = date_format(form.cleaned_data["due_date"], "j F Y")
        return _("Invoice %(invoice)s is due on %(day)s.") % {"invoice": invoice, "day": day}

    @row_action(_lazy("Edit notes"), icon="edit_note", form=NotesForm)
    def note(self, invoice: Invoice, actor: Actor, form: NotesForm) -> str:
        lifecycle.change(invoice.account, invoice.pk, actor, notes=form.cleaned_data["notes"])
        return _("The notes have been saved.")

    @row_action(
        _lazy("Write off"),
        needs=Role.MANAGER,
        icon="money_off",
        form=ReasonForm,
        fits=_is_open,
        intro=_lazy(
            "Stops all messages about the invoice. A payment can still be recorded later. You can undo it for"
            " 10 minutes."
        ),
        is_grave=True,
    )
    def write_off(self, invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
        lifecycle.write_off(invoice.account, invoice.pk, actor, reason=form.cleaned_data["reason"])
        return _with_undo(invoice, _("Invoice %(invoice)s is written off.") % {"invoice": invoice})

    @row_action(
        _lazy("Cancel invoice"),
        needs=Role.MANAGER,
        icon="cancel",
        form=ReasonForm,
        fits=_is_open_or_written_off,
        intro=_lazy(
            "For an invoice that was issued by mistake. Messages about it stop. You can undo it for 10 minutes."
        ),
        is_grave=True,
    )
    def cancel(self, invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
        lifecycle.change(invoice.account, invoice.pk, actor, status=Status.CANCELLED, **form.cleaned_data)
        return _with_undo(invoice, _("Invoice %(invoice)s is cancelled.") % {"invoice": invoice})

    @row_action(
        _lazy("Undo cancellation or write-off"),
        needs=Role.MANAGER,
        icon="undo",
        fits=lambda invoice: reopening.undo_until(invoice) is not None,
        intro=_lazy(
            "Reopens the invoice with its previous payments, hold, promise, dispute and cases. Reminders are scheduled"
            " again."
        ),
    )
    def undo_closing(self, invoice: Invoice, actor: Actor, form: PageForm) -> str:
        reopening.undo_closing(invoice.account, invoice.pk, actor)
        return _("Invoice %(invoice)s is open again.") % {"invoice": invoice}
