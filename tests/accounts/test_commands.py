"""The commands print exactly what a script needs, and refuse in one line that says what is wrong."""

import io

import pytest
from django.contrib.auth.management.commands import changepassword
from django.core.management import CommandError, call_command

from inflow.accounts import keys
from inflow.accounts.models import Account, ApiKey, AuditEntry, User
from tests import make
from tests.dashboard.world import logged_in

pytestmark = pytest.mark.django_db
PASSWORD = make.PASSWORD


def output_of(*command: str) -> str:
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def refusal_of(*command: str) -> str:
    with pytest.raises(CommandError) as refused:
        output_of(*command)
    line = str(refused.value)
    assert line
    assert "\n" not in line
    return line


def test_create_account_prints_its_id_and_nothing_else() -> None:
    printed = output_of("create_account", "Oryx Logistics")
    account = Account.objects.get()
    assert printed == f"{account.pk}\n"
    assert (account.name, account.plan, account.is_test) == ("Oryx Logistics", "free", False)
    assert (account.time_zone, account.language) == ("Asia/Dubai", "en")


def test_what_commands_make_is_in_the_audit_log(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account.objects.get(pk=output_of("create_account", "Oryx", "--plan", "pro").strip())
    output_of(
        "create_user", "huda@example.com", "--account", str(account.pk), "--role", "agent", "--password", PASSWORD
    )
    output_of("create_api_key", str(account.pk), "--name", "ERP")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    output_of("createsuperuser", "--email", "chief@example.com", "--noinput")
    entries = AuditEntry.objects.order_by("id")
    assert [(entry.actor, entry.action, entry.account) for entry in entries] == [
        ("console", "account.created", account),
        ("console", "user.created", account),
        ("console", "api_key.created", account),
        ("console", "user.created", None),
    ]
    assert [entry.target for entry in entries][::3] == ["Oryx", "chief@example.com"]
    assert entries[1].detail == {"role": "agent"}
    assert not any(PASSWORD in str(entry.detail) + entry.target for entry in entries)


@pytest.mark.parametrize("line", [f"{make.PASSWORD}\n", f"{make.PASSWORD}\r\n", make.PASSWORD, f"{make.PASSWORD}\nx"])
def test_a_password_comes_by_standard_input(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    output_of("create_user", "huda@example.com", "--account", an_account(), "--role", "agent", "--password", "-")
    assert User.objects.get().check_password(make.PASSWORD)


def test_a_password_comes_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFLOW_PASSWORD", make.PASSWORD)
    output_of("create_user", "huda@example.com", "--account", an_account(), "--role", "agent")
    assert User.objects.get().check_password(make.PASSWORD)


@pytest.mark.parametrize("arguments", [(), ("--password", "-"), ("--password", "")])
def test_without_a_password_nobody_is_made(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    line = refusal_of("create_user", "huda@example.com", "--account", an_account(), "--role", "agent", *arguments)
    assert "INFLOW_PASSWORD" in line
    assert not User.objects.exists()


def an_account() -> str:
    return str(make.account().pk)


def test_create_account_takes_what_was_negotiated() -> None:
    output_of(
        *("create_account", "Oryx", "--plan", "enterprise", "--test", "--time-zone", "Asia/Riyadh"),
        *("--language", "ar", "--per-minute", "900", "--per-day", "70000"),
    )
    account = Account.objects.get()
    assert (account.plan, account.is_test, account.time_zone) == ("enterprise", True, "Asia/Riyadh")
    assert account.language == "ar"
    assert (account.limits.per_minute, account.limits.per_day) == (900, 70_000)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["", "--plan", "free"], "name"),
        (["n" * 201], "name"),
        (["Oryx", "--time-zone", "Asia/Atlantis"], "Asia/Atlantis"),
        (["Oryx", "--plan", "gold"], "gold"),
        (["Oryx", "--language", "fr"], "fr"),
        (["Oryx", "--per-minute", "many"], "many"),
        (["Oryx", "--per-day=-1"], "requests_per_day"),
        ([], "name"),
    ],
)
def test_create_account_refuses_in_one_line_and_makes_none(arguments: list[str], said: str) -> None:
    assert said in refusal_of("create_account", *arguments)
    assert not Account.objects.exists()


def test_create_api_key_prints_the_key_and_nothing_else() -> None:
    account = make.account()
    printed = output_of("create_api_key", str(account.pk), "--name", "ERP", "--scopes", "invoices:read,webhooks:manage")
    plaintext = printed.removesuffix("\n")
    key = keys.find(plaintext)
    assert printed == f"{plaintext}\n"
    assert key is not None
    assert (key.account, key.name, key.scopes) == (account, "ERP", ["invoices:read", "webhooks:manage"])
    assert AuditEntry.objects.get().action == "api_key.created"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{account}", "--scopes", "invoices:burn"], "invoices:burn"),
        (["{account}", "--scopes", ""], "scope"),
        (["{account}", "--name", "n" * 101], "name"),
        (["{account}", "--name", ""], "name"),
        (["0b7e6ac9-3b5a-4f0e-9a34-0f3d8a1d2c11"], "0b7e6ac9-3b5a-4f0e-9a34-0f3d8a1d2c11"),
        (["Falcon"], "Falcon"),
        ([], "account"),
    ],
)
def test_create_api_key_refuses_in_one_line_and_makes_none(arguments: list[str], said: str) -> None:
    account = make.account()
    line = refusal_of("create_api_key", *(argument.format(account=account.pk) for argument in arguments))
    assert said in line.lower() or said in line
    assert not ApiKey.objects.exists()


def test_create_user_prints_the_email_and_nothing_else() -> None:
    account = make.account()
    printed = output_of(
        *("create_user", "Huda@Example.com", "--account", str(account.pk)),
        *("--role", "agent", "--password", make.PASSWORD),
    )
    user = User.objects.get()
    assert printed == "huda@example.com\n"
    assert (user.account, user.role, user.is_superuser) == (account, "agent", False)
    assert user.check_password(make.PASSWORD)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"email": "huda"}, "email"),
        ({"email": "taken@example.com"}, "email"),
        ({"--account": "Falcon"}, "Falcon"),
        ({"--role": "owner"}, "owner"),
        ({"--password": "Zq3!"}, "too short"),
        ({"--password": "1234567890"}, "too common"),
    ],
)
def test_create_user_refuses_in_one_line_and_makes_none(changed: dict[str, str], said: str) -> None:
    account = make.account()
    make.user(account, email="taken@example.com")
    options = {"--account": str(account.pk), "--role": "agent", "--password": make.PASSWORD, **changed}
    email = options.pop("email", "huda@example.com")
    flat = [word for option in options.items() for word in option]
    line = refusal_of("create_user", email, *flat)
    assert said in line
    assert User.objects.count() == 1
    assert options["--password"] not in line


def test_a_password_that_is_changed_by_the_command_is_in_the_audit_log(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make.account()
    user = make.user(account, email="huda@example.com")
    client = logged_in(user)
    new = "another long battery staple"
    monkeypatch.setattr(changepassword.Command, "_get_pass", lambda *_: new)
    output_of("changepassword", "huda@example.com")
    entry = AuditEntry.objects.get(action="user.password_changed")
    assert (entry.actor, entry.account, entry.target) == ("console", account, "huda@example.com")
    assert new not in str(entry.detail)
    assert User.objects.get().check_password(new)
    assert client.get("/admin/").status_code == 302
