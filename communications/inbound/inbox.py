"""What waits for a person: answers by message and from the debtor's page alike."""

import uuid
from collections.abc import Iterable

from django.db.models import OuterRef, Q, Subquery

from communications.contacts import consent
from communications.models import Answer, AnswerStatus, Communication, Medium, Reply, ReplyStatus, State
from inflow.accounts.access import rows_of
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from invoices.debtors import debtors
from invoices.models import Invoice

# Answers by these channels name no message.
_WITHOUT_MESSAGE_ID = (Medium.SMS, Medium.WHATSAPP)
# From these a message goes on to `replied`.
ANSWERABLE = (State.SENT, State.DELIVERED, State.READ, State.UNKNOWN)


def mark_replied(invoices: Iterable[Invoice]) -> None:
    """The last message about each of these invoices, all of one debtor and under their lock, was answered."""
    last = Communication.objects.filter(invoice=OuterRef("invoice"), status__in=(*ANSWERABLE, State.REPLIED)).order_by(
        "-sent_at", "-id"
    )
    found = Communication.objects.filter(
        invoice__in=[invoice.pk for invoice in invoices], pk=Subquery(last.values("pk")[:1])
    )
    answered = set(found.order_by().values_list("message_id", flat=True))
    Communication.objects.filter(message_id__in=answered, status__in=ANSWERABLE).update(status=State.REPLIED)


def affected_debtors(account: Account, channel: str, address: str, debtor_id: uuid.UUID | None) -> list[uuid.UUID]:
    """Return the debtors, in the order of their ids, that an answer holds back: the one that it is filed under and, as
    a text message does not say what it answers, all others that have its number."""
    others = (
        [each.pk for each in consent.debtors_at(account, channel, address)]
        if channel in _WITHOUT_MESSAGE_ID and address
        else []
    )
    return sorted({*others, *([debtor_id] if debtor_id else [])})


def update_hold(account: Account, debtor_id: uuid.UUID, actor: Actor, reason: str = "") -> None:
    """Hold messages for the latest answer that still waits, under the debtor's lock; without one, messages go on."""
    answers = Answer.objects.filter(debtor=debtor_id, status=AnswerStatus.PROPOSED).order_by()
    theirs = Q(debtor=debtor_id) | Q(
        account=account, channel__in=_WITHOUT_MESSAGE_ID, address__in=consent.phones_of(debtor_id)
    )
    replies = Reply.objects.filter(theirs, status=ReplyStatus.PROPOSED).order_by()
    moments = [
        *replies.values_list("received_at", flat=True),
        *answers.values_list("said_at", flat=True).distinct(),  # those of one form on the page are one answer
    ]
    latest = max(moments, default=None)
    debtors.handle_answer(account, debtor_id, actor, reason=reason, latest=latest, left=len(moments))


def count_pending(user: User) -> int:
    """How many answers wait in what the person sees, in one question."""
    replies = rows_of(user, Reply.objects.filter(status=ReplyStatus.PROPOSED)).order_by().values("account")
    answers = rows_of(user, Answer.objects.filter(status=AnswerStatus.PROPOSED)).order_by().values("account")
    waiting: int = replies.union(answers, all=True).count()
    return waiting
