"""What waits for a person: answers by message and from the debtor's page alike."""

import uuid

from communications.models import Answer, AnswerStatus, Reply, ReplyStatus
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.accounts.scoping import rows_of
from invoices import debtors


def settle(account: Account, debtor_id: uuid.UUID, actor: Actor, reason: str = "") -> None:
    """One of the debtor's answers is handled, under their lock: once none waits, messages go on."""
    said = Answer.objects.filter(debtor=debtor_id, status=AnswerStatus.PROPOSED)
    written = Reply.objects.filter(debtor=debtor_id, status=ReplyStatus.PROPOSED)
    if not said.exists() and not written.exists():
        debtors.handle_answer(account, debtor_id, actor, reason=reason)


def count(user: User) -> int:
    """How many answers wait in what the person sees, in one question."""
    written = rows_of(user, Reply.objects.filter(status=ReplyStatus.PROPOSED)).order_by().values("account")
    said = rows_of(user, Answer.objects.filter(status=AnswerStatus.PROPOSED)).order_by().values("account")
    waiting: int = written.union(said, all=True).count()
    return waiting
