"""Changes that people make to cases: acknowledge, assign, annotate or resolve one, or open one manually."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.languages import choice_label
from invoices import lifecycle, timeline
from invoices.cases import escalations
from invoices.drafts import Draft
from invoices.models import CaseStatus, Escalation, Invoice, PromiseStatus, Reason, Resolution, Status
from invoices.writing import NotFound, Refused, StaffOnly, changing

ACKNOWLEDGED_HOLDS_DAYS = 7
# Resolutions that people can choose.
_CHOICES = (Resolution.HOLD, Resolution.PROMISE, Resolution.LADDER, Resolution.WRITE_OFF)


@dataclass(frozen=True, slots=True)
class CaseChange:
    """Changes to a case. None leaves a value unchanged."""

    status: str | None = None
    resolution: str | None = None
    notes: str | None = None
    assignee: str | None = None
    hold_until: dt.date | None = None
    promised_on: dt.date | None = None


def open_manually(account: Account, invoice_id: uuid.UUID, actor: Actor, *, level: int = 1, notes: str = "") -> Invoice:
    """Open a case without waiting for the reminder schedule."""
    with changing(account, invoice_id, actor) as draft:
        invoice = draft.invoice
        if not invoice.is_open:
            message = _("No case can be opened for an invoice that is %(status)s.")
            raise Refused("invoice", "closed", message % {"status": choice_label(Status, invoice.status)})
        draft.then(lambda: escalations.open_case(invoice, Reason.MANUAL, actor, level=level, notes=notes))
    return invoice


def change(account: Account, escalation_id: uuid.UUID, actor: Actor, wanted: CaseChange) -> Escalation:
    """Acknowledge, resolve, assign or annotate a case: all of the changes or none.

    Acknowledging a case puts its invoice on hold for `ACKNOWLEDGED_HOLDS_DAYS`.
    """
    cases = Escalation.objects.for_account(account).filter(pk=escalation_id)
    invoice_id = cases.values_list("invoice_id", flat=True).first()
    if invoice_id is None:
        raise NotFound
    with changing(account, invoice_id, actor) as draft:
        escalation: Escalation = Escalation.objects.select_related("assignee").get(pk=escalation_id)
        escalation.invoice = draft.invoice
        if wanted.notes is not None:
            escalation.notes = wanted.notes
        if wanted.assignee is not None:
            escalation.assignee = _member(account, wanted.assignee)
        escalation.save(update_fields=["notes", "assignee"])
        if wanted.status is not None and wanted.status != escalation.status:
            _move(draft, escalation, wanted)
        elif wanted.resolution or wanted.hold_until or wanted.promised_on:
            raise _without_resolving()
    return escalation


def _move(draft: Draft, escalation: Escalation, wanted: CaseChange) -> None:
    if escalation.status == CaseStatus.RESOLVED or wanted.status == CaseStatus.OPEN:
        message = _("A case that is %(status)s can't become %(wanted)s.")
        names = {
            "status": choice_label(CaseStatus, escalation.status),
            "wanted": choice_label(CaseStatus, wanted.status),
        }
        raise Refused("status", "illegal_transition", message % names)
    if wanted.status == CaseStatus.ACKNOWLEDGED:
        if wanted.resolution or wanted.hold_until or wanted.promised_on:
            raise _without_resolving()
        _acknowledge(draft, escalation)
        return
    resolution = _resolve(draft, wanted)
    draft.then(lambda: escalations.close(escalation, resolution, draft.actor))


def _acknowledge(draft: Draft, escalation: Escalation) -> None:
    invoice = draft.invoice
    escalation.status = CaseStatus.ACKNOWLEDGED
    escalation.save(update_fields=["status"])
    timeline.note(invoice, "escalation_acknowledged", draft.actor, level=escalation.level)
    until = draft.account.today() + dt.timedelta(days=ACKNOWLEDGED_HOLDS_DAYS)
    is_promised = invoice.promises.filter(status=PromiseStatus.OPEN).exists()
    if invoice.is_open and invoice.status != Status.DISPUTED and not is_promised:
        invoice.hold_until = max(until, invoice.hold_until or until)
        draft.derive()


def _resolve(draft: Draft, wanted: CaseChange) -> Resolution:
    """Apply the resolution to the invoice. An open invoice needs one, so that it is never silent without end."""
    invoice = draft.invoice
    if not invoice.is_open:
        return Resolution.CLOSED
    if wanted.resolution not in _CHOICES:
        message = _("The invoice is open: resolution must be one of %(choices)s.")
        choices = ", ".join(choice_label(Resolution, each) for each in _CHOICES)
        raise Refused("resolution", "required", message % {"choices": choices})
    resolution = Resolution(wanted.resolution)
    if wanted.hold_until and resolution != Resolution.HOLD:
        raise Refused("hold_until", "without_hold", _('hold_until is allowed only with "resolution": "hold".'))
    if wanted.promised_on and resolution != Resolution.PROMISE:
        raise Refused("promised_on", "without_promise", _('promised_on is allowed only with "resolution": "promise".'))
    if resolution == Resolution.WRITE_OFF:
        if not draft.actor.is_staff:
            raise StaffOnly("resolution", "staff_only", _("Only a person in the dashboard may write an invoice off."))
        invoice.written_off_at = draft.account.now()
    elif resolution == Resolution.HOLD:
        lifecycle.hold(draft, wanted.hold_until)
    elif resolution == Resolution.PROMISE:
        if wanted.promised_on is None:
            raise Refused(
                "promised_on", "required", _("promised_on is required: the day on which the debtor will pay.")
            )
        lifecycle.take_promise(draft, wanted.promised_on)
    else:
        draft.end_dispute()
        invoice.hold_until = None
    draft.derive()
    return resolution


def _without_resolving() -> Refused:
    message = _('resolution, hold_until and promised_on are allowed only with "status": "resolved".')
    return Refused("resolution", "without_resolving", message)


def _member(account: Account, email: str) -> User | None:
    if not email:
        return None
    member = User.objects.filter(account=account, email=email.lower(), is_active=True).first()
    if member is None:
        raise Refused("assignee", "unknown_member", _("assignee must be the email of a member of this account."))
    return member
