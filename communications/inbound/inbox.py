"""Unhandled replies by message and answers from the debtor's page."""

import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db.models import OuterRef, Q, Subquery

from communications.contacts import consent
from communications.delivery.status_updates import ANSWERABLE
from communications.models import Answer, AnswerStatus, Communication, Copy, Medium, Reply, ReplyStatus, State
from communications.schedule import ordering
from inflow.accounts.access import rows_of
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from invoices.debtors import debtors
from invoices.models import Invoice

# Channels on which replies do not refer to a message.
_WITHOUT_MESSAGE_ID = (Medium.SMS, Medium.WHATSAPP)


class Mail(NamedTuple):
    """An email of ours: the first row of the message, and the copy if it has several recipients."""

    row: Communication
    copy: Copy | None = None

    @property
    def id(self) -> uuid.UUID:
        """The id in its headers and in the provider's metadata."""
        return self.copy.pk if self.copy else self.row.message_id

    @property
    def recipient(self) -> str:
        return self.copy.recipient if self.copy else self.row.recipient

    @property
    def provider_id(self) -> str:
        return self.copy.provider_id if self.copy else self.row.provider_id


def find_mail(*, id: uuid.UUID | None = None, provider_ids: Sequence[str] = ()) -> Mail | None:
    """Return the email with this id, or known to the provider by one of these."""
    by_provider_id = Q(provider_id__in=[each for each in provider_ids if each])
    copy = Copy.objects.filter(Q(pk=id) if id else by_provider_id, channel=Medium.EMAIL).first()
    by_own_id = Q(message_id=copy.message_id if copy else id)
    rows = Communication.objects.filter(by_own_id if copy or id else by_provider_id, channel=Medium.EMAIL)
    row = rows.select_related("account", "debtor").order_by(*ordering.SEND_ORDER).first()
    return Mail(row, copy) if row else None


def mark_replied(invoices: Iterable[Invoice]) -> None:
    """Mark the last message about each of these invoices of one locked debtor as replied."""
    last = Communication.objects.filter(invoice=OuterRef("invoice"), status__in=(*ANSWERABLE, State.REPLIED)).order_by(
        "-sent_at", "-id"
    )
    found = Communication.objects.filter(
        invoice__in=[invoice.pk for invoice in invoices], pk=Subquery(last.values("pk")[:1])
    )
    answered = set(found.order_by().values_list("message_id", flat=True))
    Communication.objects.filter(message_id__in=answered, status__in=ANSWERABLE).update(status=State.REPLIED)


def affected_debtors(account: Account, channel: str, address: str, debtor_id: uuid.UUID | None) -> list[uuid.UUID]:
    """Return the ids of the debtors whose messages a reply holds back, in order.

    A text message does not refer to a message, so these are the assigned debtor and all others with the same number.
    """
    others = (
        [each.pk for each in consent.debtors_at(account, channel, address)]
        if channel in _WITHOUT_MESSAGE_ID and address
        else []
    )
    return sorted({*others, *([debtor_id] if debtor_id else [])})


def update_hold(account: Account, debtor_id: uuid.UUID, actor: Actor, reason: str = "") -> None:
    """Hold messages for the latest unhandled reply, or release them if there is none. The debtor is locked."""
    answers = Answer.objects.filter(debtor=debtor_id, status=AnswerStatus.PROPOSED).order_by()
    of_debtor = Q(debtor=debtor_id) | Q(
        account=account, channel__in=_WITHOUT_MESSAGE_ID, address__in=consent.phones_of(debtor_id)
    )
    replies = Reply.objects.filter(of_debtor, status=ReplyStatus.PROPOSED).order_by()
    moments = [
        *replies.values_list("received_at", flat=True),
        *answers.values_list("said_at", flat=True).distinct(),  # answers of one form count once
    ]
    latest = max(moments, default=None)
    debtors.mark_reply_handled(account, debtor_id, actor, reason=reason, latest=latest, left=len(moments))


def count_pending(user: User) -> int:
    """Return the number of unhandled replies and answers that the user may see, with one query."""
    replies = rows_of(user, Reply.objects.filter(status=ReplyStatus.PROPOSED)).order_by().values("account")
    answers = rows_of(user, Answer.objects.filter(status=AnswerStatus.PROPOSED)).order_by().values("account")
    waiting: int = replies.union(answers, all=True).count()
    return waiting
