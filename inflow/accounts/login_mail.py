"""The queue of emails about logging in. `mailing` sends them."""

from typing import Any

from django.db import transaction

from inflow.accounts.models import Language, LoginMail, User
from inflow.celery import wake


def queue(kind: LoginMail.Kind, email: str, language: str, **fields: Any) -> None:
    """Store an email and wake a worker after the transaction is committed."""
    LoginMail.objects.create(kind=kind, email=email, language=language, **fields)
    transaction.on_commit(lambda: wake("inflow.accounts.tasks.send_login_mail"))


def language_of(user: User) -> str:
    """Return the language of emails to this user."""
    return user.language or (user.account.language if user.account else Language.ENGLISH)
