"""The ladder in a life that was lived before InFlow was installed: the engine's own rules, on rows in memory."""

import datetime as dt
import uuid
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from communications.api import representation as communications_representation
from communications.content import messages
from communications.models import CollectionSettings, Communication, Contact, Medium, PolicyStep, State, StepKind
from communications.portal import links
from communications.schedule import holding, ladder, policies
from communications.schedule.calendar import Place
from communications.schedule.limits import WEEK
from inflow.accounts.actors import CLOCK, Actor
from inflow.accounts.models import Account
from invoices.api import representation
from invoices.models import CaseStatus, Escalation, Invoice, Reason, Resolution, Status
from webhooks.models import EventType

if TYPE_CHECKING:
    from inflow.dashboard.past import Past

STEPS = [
    PolicyStep(
        offset_days=step.offset_days,
        kind=step.kind,
        tone=step.tone,
        channels=list(step.channels),
        escalates_to=step.escalates_to,
    )
    for step in policies.DEFAULT
]
_RULES = CollectionSettings()
_BETWEEN = dt.timedelta(hours=_RULES.hours_between)
_DAY, _MOMENT = dt.timedelta(days=1), dt.timedelta(seconds=4)
WORDS = {Medium.EMAIL: "email", Medium.WHATSAPP: "WhatsApp", Medium.SMS: "SMS"}


class Heard:
    """When each debtor was contacted. Lives are told one after the other, so that some of it lies ahead."""

    def __init__(self) -> None:
        self._moments: dict[uuid.UUID, list[dt.datetime]] = {}

    def add(self, debtor_id: uuid.UUID, moment: dt.datetime) -> None:
        self._moments.setdefault(debtor_id, []).append(moment)

    def next_allowed(self, debtor_id: uuid.UUID, moment: dt.datetime, place: Place) -> dt.datetime:
        known = self._moments.get(debtor_id, [])
        while True:
            moment = place.next_opening(moment)
            near = [other for other in known if abs(other - moment) < _BETWEEN]
            if near:
                moment = max(near) + _BETWEEN
            elif self._is_crowded(sorted([*known, moment]), moment):
                moment += _DAY
            else:
                return moment

    @staticmethod
    def _is_crowded(moments: list[dt.datetime], moment: dt.datetime) -> bool:
        most = _RULES.most_in_7_days
        runs = zip(moments, moments[most:], strict=False)
        return any(first <= moment <= last and last - first < WEEK for first, last in runs)


class Climber(ABC):
    """What the ladder does with one invoice. `answer` is what becomes of its first message at the mail server."""

    past: "Past"
    invoice: Invoice
    place: Place
    at: dt.datetime
    answer: State
    error: str
    message: Communication | None
    cases: list[Escalation]

    @property
    def account(self) -> Account:
        return self.past.account

    @abstractmethod
    def _note(
        self,
        kind: str,
        actor: Actor,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        reason: str = "",
        **params: Any,
    ) -> None:
        """An entry of the timeline, as of the moment told."""

    @abstractmethod
    def _tell(self, type: EventType, data: dict[str, Any]) -> None:
        """An event, as of the moment told."""

    def _advance(self) -> None:
        invoice, account = self.invoice, self.account
        if not invoice.is_open:
            self._drop()
            return
        if self.message and self.message.status == State.SCHEDULED:
            return
        invoice.next_contact_at = invoice.next_check_at = None
        if invoice.status == Status.ON_HOLD:
            assert invoice.hold_until
            invoice.next_check_at = holding.beginning(account, invoice.hold_until + _DAY)
            invoice.next_contact_at = self._allowed(invoice.next_check_at)
        elif invoice.status == Status.DISPUTED:
            assert invoice.disputed_at
            invoice.next_contact_at = invoice.next_check_at = invoice.disputed_at + holding.DISPUTE_ESCALATES_AFTER
        elif self._open_cases(2):
            return
        elif step := ladder.next_step(invoice, STEPS, account.today()):
            self._take(step)
        elif invoice.status == Status.OVERDUE and not self._open_cases(1):
            self._escalate(Reason.POLICY_STEP, 2, "Every step of the ladder is done.")

    def _take(self, step: PolicyStep) -> None:
        invoice, account = self.invoice, self.account
        day = ladder.day_of(invoice, step)
        begins = holding.beginning(account, day)
        enters = ladder.came_overdue(invoice) and invoice.last_step is None and step.kind != StepKind.NONE
        if account.today() < day and not (enters and invoice.status == Status.OVERDUE):
            allowed = self._allowed(begins)
            invoice.next_check_at = allowed if enters else begins
            invoice.next_contact_at = None if step.kind == StepKind.NONE else allowed
        elif step.kind == StepKind.NONE:
            self._done(step)
        else:
            moment = self._allowed(max(begins, account.now()))
            if step.offset_days < 0 and moment >= holding.beginning(account, invoice.due_date):
                invoice.last_step = step.offset_days
                self._note("skipped", CLOCK)
                self._advance()
            else:
                self._plan(step, moment)

    def _allowed(self, moment: dt.datetime) -> dt.datetime:
        return self.past.heard.next_allowed(self.invoice.debtor_id, moment, self.place)

    def _plan(self, step: PolicyStep, moment: dt.datetime) -> None:
        invoice = self.invoice
        tries = [row for row in self.past.communications if row.invoice == invoice and row.step == step.offset_days]
        channel, address = self._way()
        self.message = Communication(
            account=self.account,
            debtor=invoice.debtor,
            invoice=invoice,
            step=step.offset_days,
            kind=step.kind,
            tone=step.tone,
            try_number=len(tries) + 1,
            channel=channel,
            recipient=address,
            language=invoice.language,
            scheduled_for=moment,
            created_at=self.account.now(),
        )
        self.past.communications.append(self.message)
        invoice.next_contact_at, invoice.next_check_at = moment, None
        self._note("planned", CLOCK, message=step.kind, moment=moment, zone=self.place.zone.key)

    def _way(self) -> tuple[Medium, str]:
        """The first channel, in the ladder's order, whose address is known and good; without one, an empty address."""
        invoice = self.invoice
        for channel in (Medium.EMAIL, Medium.WHATSAPP, Medium.SMS):
            address = invoice.debtor_email if channel == Medium.EMAIL else invoice.debtor_phone
            known = self.past.contacts.get((channel, address))
            if address and not (known and known.invalid_at and known.invalid_at <= self.at):
                return channel, address
        return Medium.EMAIL, ""

    def _gate(self) -> None:
        invoice, message = self.invoice, self.message
        assert message is not None
        step = ladder.next_step(invoice, STEPS, self.account.today())
        if step is None or step.offset_days != message.step:
            message.status = State.CANCELLED
            self._note("cancelled", CLOCK, message=message.kind, cause="other_step")
            self._advance()
        elif invoice.status in (Status.ON_HOLD, Status.DISPUTED):
            self._postpone(message)
        elif not self._way()[1]:
            message.status = State.SUPPRESSED
            message.suppressed_reason = (
                "invalid_contact" if invoice.debtor_email or invoice.debtor_phone else "no_contact"
            )
            self._note("suppressed", CLOCK, message=message.kind, because=message.suppressed_reason)
            if step.offset_days > 0:
                self._escalate(Reason.NO_CONTACT, 1)
            self._done(step)
        elif (allowed := self._allowed(self.at)) != self.at:
            message.scheduled_for = invoice.next_contact_at = allowed
        else:
            self._send(message, step)

    def _postpone(self, message: Communication) -> None:
        invoice = self.invoice
        until = self.at + holding.DISPUTE_ESCALATES_AFTER
        if invoice.hold_until:
            until = holding.beginning(self.account, invoice.hold_until + _DAY)
        message.scheduled_for = invoice.next_contact_at = self.place.next_opening(until)
        message.waits_for = "hold" if invoice.hold_until else "dispute"
        moment: dict[str, Any] = {"moment": message.scheduled_for, "zone": self.place.zone.key}
        self._note("postponed", CLOCK, message=message.kind, because=message.waits_for, **moment)

    def _send(self, message: Communication, step: PolicyStep) -> None:
        invoice = self.invoice
        message.channel, message.recipient = self._way()
        urls = links.urls_for_message(invoice.debtor, message)
        words = messages.render(self.account, invoice.debtor, [message], [invoice], credit={}, **urls)
        message.subject, message.body, message.html = words.subject, words.text, words.html
        message.status, message.sent_at, message.error = self.answer, self.at, self.error
        message.language, message.waits_for = words.language, ""
        message.amount = message.asked = invoice.balance
        data = communications_representation.of_communication(message)
        if message.status == State.SENT:
            self._note("sent", CLOCK, message=message.kind, address=message.recipient, medium=message.channel)
            self._arrive(message)
            self._tell(EventType.COMMUNICATION_SENT, data)
        else:
            self._note(message.status, CLOCK, reason=self.error, address=message.recipient)
            self._tell(EventType.COMMUNICATION_FAILED, data)
        self.answer, self.error = State.SENT, ""
        if message.status == State.FAILED:
            contact = Contact(account=self.account, channel=message.channel, address=message.recipient)
            contact.invalid_at, contact.invalid_because = self.at, message.error
            self.past.contacts[message.channel, message.recipient] = contact
            if self._way()[1]:
                self._plan(step, self._allowed(self.at))
                return
            self._escalate(Reason.NO_CONTACT, 1, message.error)
        else:
            invoice.last_contacted_at = self.at
            self.past.heard.add(invoice.debtor_id, self.at)
        self._done(step)

    def _arrive(self, message: Communication) -> None:
        """What a gateway told a moment later. Mail servers don't."""
        if message.channel != Medium.EMAIL:
            message.provider_id = f"SM{uuid.uuid4().hex}"
            message.status, message.delivered_at = State.DELIVERED, self.at + _MOMENT
            self._note("delivered", CLOCK, message=message.kind, address=message.recipient)

    def _done(self, step: PolicyStep) -> None:
        invoice = self.invoice
        late = (self.account.today() - ladder.on_paper(invoice, step)).days
        invoice.last_step = step.offset_days
        invoice.slip_days += late if late > ladder.TOLERATED_DAYS else 0
        if step.escalates_to:
            self._escalate(Reason.POLICY_STEP, step.escalates_to)
        self._advance()

    def _open_cases(self, level: int) -> list[Escalation]:
        return [case for case in self.cases if case.level >= level and case.status != CaseStatus.RESOLVED]

    def _escalate(self, reason: Reason, level: int, notes: str = "") -> None:
        level = min(level, max((case.level for case in self.cases), default=0) + 1)
        if self._open_cases(level):
            self._note("escalation_joined", CLOCK, reason=notes, case=reason)
            return
        case = Escalation(
            account=self.account,
            invoice=self.invoice,
            level=level,
            reason=reason,
            notes=notes,
            opened_at=self.account.now(),
            created_at=self.account.now(),
        )
        self.cases.append(case)
        self.past.escalations.append(case)
        self.invoice.escalation_level = max(level, self.invoice.escalation_level)
        after = {"level": level, "reason": reason.value}
        self._note("escalated", CLOCK, after=after, reason=notes, level=level, case=reason)
        data = representation.of_escalation(case) | {"invoice": representation.of_invoice(self.invoice)}
        self._tell(EventType.ESCALATION_CREATED, data)

    def _resolve_cases(self, resolution: Resolution, actor: Actor) -> None:
        for case in self._open_cases(1):
            case.status, case.resolution, case.resolved_at = CaseStatus.RESOLVED, resolution, self.account.now()
            self._note("escalation_resolved", actor, level=case.level, resolution=resolution)
        self.invoice.escalation_level = 0

    def _drop(self) -> None:
        invoice, message = self.invoice, self.message
        invoice.next_contact_at = invoice.next_check_at = None
        if message and message.status == State.SCHEDULED:
            reason = "paid" if invoice.status == Status.PAID else "closed"
            message.status, message.suppressed_reason = State.SUPPRESSED, reason
            self._note("suppressed", CLOCK, closed=reason)
