"""Replies of the demo account's debtors, and what its people do about them and about cases."""

import functools
import uuid

from django.db.models import QuerySet

from communications.inbound import replies
from communications.models import CONTACTED, Communication, Reply, Triage
from inflow.accounts.actors import Actor, Channel
from inflow.dashboard.demo.stage import DAY, MINUTE, Stage
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.lifecycle import Refused
from invoices.models import CaseStatus, Escalation, Invoice, Resolution

MANAGER = Actor("layla@gulf-trading.example", Channel.DASHBOARD)
AGENT = Actor("omar@gulf-trading.example", Channel.DASHBOARD)
# How many days ago, in which language, and what a debtor answers to the last message that reached them.
REPLIES = [
    (88, "en", "We will pay this on Thursday, sorry for the delay."),
    (71, "ar", "تم تحويل المبلغ أمس، شكرًا لكم"),
    (52, "en", "Please send this to our accounts department, I only sign for the goods."),
    (33, "en", "This amount is not correct, we returned two of the units."),
    (19, "ar", "أمهلونا أسبوعًا من فضلكم"),
    (2, "ar", "سأحوّل المبلغ يوم الخميس إن شاء الله"),
    (1, "en", "We paid this on Sunday by transfer, reference TT-240117."),
    (1, "en", "Two of the cartons arrived damaged, please check."),
]


class Desk:
    def __init__(self, stage: Stage) -> None:
        self.stage, self.account, self.random = stage, stage.account, stage.random
        self._patience: dict[uuid.UUID, int] = {}

    def open(self) -> None:
        """Put the replies on the stage, and two mornings a week for the cases."""
        for days, language, text in REPLIES:
            at = self.stage.moment(self.stage.today - days * DAY, hours=(8, 20))
            self.stage.at(at, functools.partial(self._reply, language, text))
        day = self.stage.began.date()
        while day <= self.stage.today:
            if day.weekday() in (0, 3):
                self.stage.at(self.stage.moment(day, hours=(10, 10)), self._handle_cases)
            day += DAY
        self.stage.at(self.stage.now - MINUTE, self._take_latest_case)

    def _reply(self, language: str, text: str) -> None:
        """Let a debtor who has not replied yet answer the last message in their language."""
        reached = Communication.objects.for_account(self.account).filter(status__in=CONTACTED, language=language)
        last = reached.filter(debtor__replies=None).order_by("-sent_at", "recipient").first()
        if last is None:
            return
        provider_id = f"reply-{self.random.getrandbits(64):x}"
        reply = replies.receive(self.account, last.channel, last.recipient, text, provider_id)
        if reply:
            self.stage.at(self.account.now() + 3 * DAY, lambda: self._handle(reply))

    def _handle(self, reply: Reply) -> None:
        """Confirm what a reply says about the oldest invoice that it may be about."""
        invoice = replies.open_invoices(reply).first()
        if invoice is None or reply.triage not in (Triage.PAID, Triage.PROMISE, Triage.DISPUTE):
            replies.dismiss(reply, AGENT)
        elif reply.triage == Triage.PAID:
            paid_at, reference = reply.paid_on or self.account.today(), reply.reference or self.stage.reference()
            replies.confirm_paid(reply, AGENT, invoice.pk, amount=invoice.balance, paid_at=paid_at, reference=reference)
        elif reply.triage == Triage.PROMISE:
            replies.confirm_promise(reply, AGENT, [invoice.pk], self.account.today() + 4 * DAY)
        else:
            replies.confirm_dispute(reply, AGENT, [invoice.pk], reply.text)

    def _handle_cases(self) -> None:
        """Take each new case, and decide it some days later."""
        for case in self._open_cases().order_by("opened_at", "invoice__invoice_number", "-level"):
            case.refresh_from_db(fields=["status"])
            if case.pk not in self._patience:
                self._patience[case.pk] = self.random.randint(4, 14)
                if self.random.random() < 0.5:
                    cases.change(self.account, case.pk, AGENT, CaseChange(assignee=AGENT.name))
            elif case.status == CaseStatus.RESOLVED:
                continue
            elif (self.account.now() - case.opened_at) / DAY > self._patience[case.pk]:
                self._decide(case)
            elif case.status == CaseStatus.OPEN and self.random.random() < 0.15:
                cases.change(self.account, case.pk, AGENT, CaseChange(status=CaseStatus.ACKNOWLEDGED))

    def _take_latest_case(self) -> None:
        if case := self._open_cases().filter(status=CaseStatus.OPEN).order_by("-opened_at").first():
            cases.change(self.account, case.pk, MANAGER, CaseChange(assignee=AGENT.name))

    def _decide(self, case: Escalation) -> None:
        drawn, today = self.random.random(), self.account.today()
        status = CaseStatus.RESOLVED
        hold = CaseChange(status, Resolution.HOLD, "Waits for their audit.", hold_until=today + 45 * DAY)
        promise = CaseChange(status, Resolution.PROMISE, "Spoke to their accountant.", promised_on=today + 5 * DAY)
        remind = CaseChange(status, Resolution.LADDER, "No answer on the phone.")
        asked = promise if drawn < 0.3 else remind if drawn < 0.5 and case.level == 1 else hold
        try:
            cases.change(self.account, case.pk, AGENT, asked)
        except Refused:  # the schedule has ended
            cases.change(self.account, case.pk, AGENT, hold)
        # What was decided is decided for the invoice.
        if until := Invoice.objects.get(pk=case.invoice_id).hold_until:
            for other in self._open_cases().filter(invoice=case.invoice_id):
                cases.change(self.account, other.pk, AGENT, CaseChange(status, Resolution.HOLD, hold_until=until))

    def _open_cases(self) -> QuerySet[Escalation]:
        return Escalation.objects.for_account(self.account).exclude(status=CaseStatus.RESOLVED)
