"""Limits on mail about log-ins, counted while others count."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from inflow.accounts import invitations, passwords
from inflow.accounts.models import Account, Invitation, LoginMail, User
from inflow.accounts.roles import Role
from tests import make
from tests.parallel import at_once


@pytest.mark.django_db(transaction=True)
def test_invitations_at_once_do_not_exceed_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "PER_DAY", 2)
    account = make.account()
    admin, staff = make.user(account), User.objects.create_superuser("chief@inflow.example")

    def calls(of: Account | None, by: User) -> list[Any]:
        def call(number: int) -> Callable[[], Invitation]:
            return lambda: invitations.invite(of, f"p{number}@many.example", Role.AGENT, by=by)

        return [call(number) for number in range(6)]

    for made in (at_once(*calls(account, admin)), at_once(*calls(None, staff))):
        assert sum(isinstance(each, Invitation) for each in made) == 2
        assert sum(isinstance(each, ValidationError) for each in made) == 4


@pytest.mark.django_db(transaction=True)
def test_password_links_at_once_do_not_exceed_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PER_HOUR", 2)
    user = make.user(make.account())
    made = at_once(*[lambda: passwords.mail_link(user, "admin@example.com")] * 6)
    assert sum(isinstance(each, ValidationError) for each in made) == 4
    assert LoginMail.objects.filter(email=user.email).count() == 2
