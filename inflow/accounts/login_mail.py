"""Email about somebody's log-in waits in rows; `mailing` sends it."""

from typing import Any

from django.db import transaction

from inflow.accounts.models import Language, LoginMail, User
from inflow.celery import wake


def queue(kind: LoginMail.Kind, email: str, language: str, **fields: Any) -> LoginMail:
    mail = LoginMail.objects.create(kind=kind, email=email, language=language, **fields)
    transaction.on_commit(_wake)
    return mail


def language_of(user: User) -> str:
    """Return the language in which a person is written to."""
    return user.language or (user.account.language if user.account else Language.ENGLISH)


def _wake() -> None:
    wake("inflow.accounts.tasks.send_login_mail")
