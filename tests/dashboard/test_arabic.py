"""Arabic is complete: no English is left on a page but names; and each person sees their own language."""

from collections.abc import Iterable, Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from inflow.accounts.models import AuditEntry, User
from inflow.accounts.roles import Role
from tests import make
from tests.dashboard import reading
from tests.dashboard.world import ADDS, LISTS, MATRIX, VERBS, World, nothing_changes, page, platform, said, verb

pytestmark = pytest.mark.django_db
ARABIC = {"Accept-Language": "ar-AE,ar;q=0.9,en;q=0.8"}
# What people and machines of this world are called, where a page has no reason to isolate it.
NAMES = ("key of Falcon", "Holiday of Falcon", "Debtor of Falcon", "Standard", "Closed, Gulf Trading LLC", "console")


def _pages(own: World) -> Iterator[str]:
    yield from (entry["at"].format(**own.rows) for name, entry in MATRIX["pages"].items() if name not in FOR_PROGRAMS)
    for name in LISTS:
        yield page(name, "changelist")
        yield page(name, "change", own.rows[name])
        yield page(name, "history", own.rows[name])
    yield from (page(name, "add") for name in ADDS)
    yield from (verb(name, own) for name in VERBS)
    yield from (f"{page('invoices_import', 'add')}?kind={kind}" for kind in ("invoices", "payments"))
    yield reverse("zapier")
    account = own.account.pk
    yield reverse("admin:communications_messagetemplate_edit", args=[account, "reminder", "friendly", "email"])
    yield reverse("admin:communications_messagetemplate_edit", args=[account, "final_notice", "any", "sms"])


def _english(client: Client, addresses: Iterable[str]) -> dict[str, list[str]]:
    found = {}
    for address in addresses:
        answer = client.get(address, headers=ARABIC, follow=True)
        assert answer.status_code == 200, address
        html = answer.content.decode()
        assert '<html lang="ar" dir="rtl"' in html, address
        if left := sorted(set(reading.latin(html, *NAMES))):
            found[address] = left
    return found


def test_no_english_is_left_on_a_page_of_an_admin(own: World) -> None:
    assert _english(own.logged_in(Role.ADMIN), _pages(own)) == {}


def test_no_english_is_left_on_a_page_of_platform_staff(own: World) -> None:
    lists = (page(name, "changelist") for name in LISTS)
    assert _english(platform(), (*lists, reverse("admin:index"), page("accounts_account", "add"))) == {}


def test_no_english_is_left_where_a_form_is_sent_empty(own: World) -> None:
    client, found = own.logged_in(Role.ADMIN), {}
    for address in [*(verb(name, own) for name in VERBS), *(page(name, "add") for name in ADDS)]:
        answer = client.post(address, {}, headers=ARABIC, follow=True)
        if answer.status_code == 200 and (left := sorted(set(reading.latin(answer.content.decode(), *NAMES)))):
            found[address] = left
    assert found == {}


def test_the_log_in_page_speaks_the_browsers_language_and_says_so_of_a_refusal(client: Client) -> None:
    login = reverse("admin:login")
    shown = client.get(login, headers=ARABIC).content.decode()
    refused = client.post(login, {"username": "no@body.example", "password": "wrong"}, headers=ARABIC).content.decode()
    for html in (shown, refused):
        assert 'dir="rtl"' in html
        assert list(reading.latin(html)) == []
    assert 'dir="ltr"' in client.get(login, headers={"Accept-Language": "de"}).content.decode()


def test_a_choice_is_kept_on_the_person_and_in_front_of_the_browsers(own: World) -> None:
    client, home = own.logged_in(Role.VIEWER), reverse("admin:index")
    answer = client.post(reverse("language"), {"language": "ar", "next": home})
    assert (answer.status_code, answer["Location"]) == (302, home)
    assert User.objects.get(pk=own.people[Role.VIEWER].pk).language == "ar"
    elsewhere = own.logged_in(Role.VIEWER)
    assert 'dir="rtl"' in elsewhere.get(home, headers={"Accept-Language": "en"}).content.decode()
    client.post(reverse("language"), {"language": ""})
    assert User.objects.get(pk=own.people[Role.VIEWER].pk).language == ""
    assert 'dir="ltr"' in client.get(home, headers={"Accept-Language": "en"}).content.decode()


@pytest.mark.parametrize("said", [{"language": "xx"}, {"language": "ar", "next": "https://elsewhere.example/"}])
def test_a_choice_leads_nowhere_else_and_to_no_unknown_language(said: dict[str, str], own: World) -> None:
    answer = own.logged_in(Role.VIEWER).post(reverse("language"), said)
    assert answer["Location"] == reverse("admin:index")
    assert User.objects.get(pk=own.people[Role.VIEWER].pk).language in ("", "ar")
    assert "xx" not in str(answer.cookies)


def test_a_choice_is_made_by_post_alone(own: World) -> None:
    assert own.logged_in(Role.VIEWER).get(reverse("language"), {"language": "ar"}).status_code == 405
    assert User.objects.get(pk=own.people[Role.VIEWER].pk).language == ""


def test_a_choice_on_the_log_in_page_stays_in_the_browser(client: Client) -> None:
    client.post(reverse("language"), {"language": "ar"}, headers={"Referer": "http://testserver/admin/login/"})
    assert 'dir="rtl"' in client.get(reverse("admin:login"), headers={"Accept-Language": "en"}).content.decode()


def test_the_api_stays_english_also_after_an_arabic_page_in_the_same_thread(own: World) -> None:
    own.logged_in(Role.VIEWER).get(reverse("admin:index"), headers=ARABIC)
    assert translation.get_language() == "en"
    key = {"X-InFlow-Key": make.key(own.account)[1]}
    said = {"invoice_number": "", "amount": -1, "currency": "AED", "due_date": "soon"}
    answers = [
        Client().post("/api/zapier/invoices", said, "application/json", headers={**key, **language}).json()["errors"]
        for language in ({}, ARABIC)
    ]
    assert answers[0] == answers[1]
    assert "amount: It must not be less than 0." in {error["message"] for error in answers[1]}


def test_what_an_arabic_speaker_writes_into_the_audit_log_is_english(own: World) -> None:
    client, account = own.logged_in(Role.ADMIN), own.account
    edit = reverse("admin:communications_messagetemplate_edit", args=[account.pk, "reminder", "friendly", "sms"])
    said = {"body_en": "Please pay {{ balance }}.", "body_ar": "نرجو سداد {{ balance }}.", "save": "1"}
    assert client.post(edit, said, headers=ARABIC).status_code == 302
    targets = AuditEntry.objects.filter(account=account, action="messagetemplate.changed").values_list(
        "target", flat=True
    )
    assert set(targets) == {"Reminder, friendly, SMS, en", "Reminder, friendly, SMS, ar"}


def test_an_address_that_leads_nowhere_says_so_in_arabic(own: World) -> None:
    answer = own.logged_in(Role.ADMIN).get("/admin/nowhere/", headers=ARABIC)
    assert answer.status_code == 404
    assert list(reading.latin(answer.content.decode())) == []
