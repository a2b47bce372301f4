"""Changes that a person makes to a case: take it, resolve it, open one by hand."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.languages import spoken
from invoices import lifecycle, timeline
from invoices.cases import escalations
from invoices.models import CaseStatus, Escalation, Invoice, PromiseStatus, Reason, Resolution, Status
from invoices.writing import Draft, NotFound, Refused, StaffOnly, changing

ACKNOWLEDGED_HOLDS_DAYS = 7
_ASKED = (Resolution.HOLD, Resolution.PROMISE, Resolution.LADDER, Resolution.WRITE_OFF)


@dataclass(frozen=True, slots=True)
class CaseChange:
    """Changes to a case; None leaves a value. `hold_until` and `promised_on` go with their resolutions."""

    status: str | None = None
    resolution: str | None = None
    notes: str | None = None
    assignee: str | None = None
    hold_until: dt.date | None = None
    promised_on: dt.date | None = None


def open_by_hand(account: Account, invoice_id: uuid.UUID, actor: Actor, *, level: int = 1, notes: str = "") -> Invoice:
    """Call a person in without waiting for the ladder."""
    with changing(account, invoice_id, actor) as draft:
        invoice = draft.invoice
        if not invoice.is_open:
            raise Refused(
                "invoice",
                "closed",
                _("An invoice that is %(status)s needs no case.") % {"status": spoken(Status, invoice.status)},
            )
        draft.then(lambda: escalations.open_case(invoice, Reason.MANUAL, actor, level=level, notes=notes))
    return invoice


def change(account: Account, escalation_id: uuid.UUID, actor: Actor, asked: CaseChange) -> Escalation:
    """Acknowledge (which holds the invoice 7 days), resolve, assign or annotate a case, all of it or nothing."""
    invoice_id = Escalation.objects.for_account(account).values_list("invoice_id", flat=True).filter(pk=escalation_id)
    found = invoice_id.first()
    if found is None:
        raise NotFound
    with changing(account, found, actor) as draft:
        escalation: Escalation = Escalation.objects.select_related("assignee").get(pk=escalation_id)
        escalation.invoice = draft.invoice
        if asked.notes is not None:
            escalation.notes = asked.notes
        if asked.assignee is not None:
            escalation.assignee = _member(account, asked.assignee)
        escalation.save()
        if asked.status is not None and asked.status != escalation.status:
            _move(draft, escalation, asked)
        elif asked.resolution or asked.hold_until or asked.promised_on:
            raise Refused("resolution", "without_resolving", _('resolution goes with "status": "resolved".'))
    return escalation


def _move(draft: Draft, escalation: Escalation, asked: CaseChange) -> None:
    if escalation.status == CaseStatus.RESOLVED or asked.status == CaseStatus.OPEN:
        raise Refused(
            "status",
            "illegal_transition",
            _("A case that is %(status)s can't become %(wanted)s.")
            % {"status": spoken(CaseStatus, escalation.status), "wanted": spoken(CaseStatus, asked.status)},
        )
    if asked.status == CaseStatus.ACKNOWLEDGED:
        if asked.resolution or asked.hold_until or asked.promised_on:
            raise Refused("resolution", "without_resolving", _('resolution goes with "status": "resolved".'))
        _acknowledge(draft, escalation)
        return
    resolution = _resolve(draft, asked)
    draft.then(lambda: escalations.close(escalation, resolution, draft.actor))


def _acknowledge(draft: Draft, escalation: Escalation) -> None:
    invoice = draft.invoice
    escalation.status = CaseStatus.ACKNOWLEDGED
    escalation.save()
    timeline.note(invoice, "escalation_acknowledged", draft.actor, level=escalation.level)
    until = draft.account.today() + dt.timedelta(days=ACKNOWLEDGED_HOLDS_DAYS)
    is_promised = invoice.promises.filter(status=PromiseStatus.OPEN).exists()
    if invoice.is_open and invoice.status != Status.DISPUTED and not is_promised:
        invoice.hold_until = max(until, invoice.hold_until or until)
        draft.derive()


def _resolve(draft: Draft, asked: CaseChange) -> Resolution:
    """No silence without end: an open invoice goes on hold, waits for a promise, is chased again or given up."""
    invoice = draft.invoice
    if not invoice.is_open:
        return Resolution.CLOSED
    if asked.resolution not in _ASKED:
        choices = ", ".join(spoken(Resolution, each) for each in _ASKED)
        raise Refused(
            "resolution",
            "required",
            _("The invoice is open: resolution must be one of %(choices)s.") % {"choices": choices},
        )
    resolution = Resolution(asked.resolution)
    if asked.hold_until and resolution != Resolution.HOLD:
        raise Refused("hold_until", "without_hold", _('hold_until goes with "resolution": "hold".'))
    if asked.promised_on and resolution != Resolution.PROMISE:
        raise Refused("promised_on", "without_promise", _('promised_on goes with "resolution": "promise".'))
    if resolution == Resolution.WRITE_OFF:
        if not draft.actor.is_staff:
            raise StaffOnly("resolution", "staff_only", _("Only a person in the dashboard may write an invoice off."))
        invoice.written_off_at = draft.account.now()
    elif resolution == Resolution.HOLD:
        until = asked.hold_until or draft.account.today() + lifecycle.DEFAULT_HOLD
        if until < draft.account.today():
            raise Refused("hold_until", "in_the_past", _("hold_until must not be in the past."))
        invoice.disputed_at, invoice.hold_until = None, until
    elif resolution == Resolution.PROMISE:
        if asked.promised_on is None:
            raise Refused("promised_on", "required", _("promised_on is needed: the day the debtor will pay."))
        lifecycle.take_promise(draft, asked.promised_on)
    else:
        invoice.disputed_at = invoice.hold_until = None
    draft.derive()
    return resolution


def _member(account: Account, email: str) -> User | None:
    if not email:
        return None
    member = User.objects.filter(account=account, email=email.lower(), is_active=True).first()
    if member is None:
        raise Refused("assignee", "unknown_member", _("assignee must be the email of a member of this account."))
    return member
