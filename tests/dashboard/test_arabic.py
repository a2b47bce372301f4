"""Arabic is complete: no English is left on a page but names; and each person sees their own language."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import translation

from communications.models import CollectionSettings
from inflow.accounts.models import AuditEntry, User
from inflow.accounts.roles import Role
from inflow.dashboard.pages import audit
from inflow.dashboard.pages.audit_sentences import SENTENCES
from invoices.imports import phases
from invoices.models.imports import Import, ImportRow
from tests import make
from tests.dashboard import browsing, reading
from tests.dashboard.world import ADDS, LISTS, MATRIX, VERBS, World, logged_in, page, platform, rows_of, said, verb

pytestmark = pytest.mark.django_db
ARABIC = {"Accept-Language": "ar-AE,ar;q=0.9,en;q=0.8"}
# Of the matrix, what answers a script or a POST alone, or with a file.
NOT_READ = (
    *("jsi18n", "autocomplete", "search", "communications_messagetemplate_reset"),
    *("invoices_debtor_statement", "invoices_import_template", "invoices_import_refused", "invoices_invoice_document"),
)
# What people and machines of this world are called, where a page has no reason to isolate it.
# What a file says, and how it is called.
FILES = ("cheque", "card", "cash", "en", "ar", "payments of Falcon.csv")
NAMES = (
    *FILES,
    "key of Falcon",
    "Holiday of Falcon",
    "Debtor of Falcon",
    "Standard",
    "Closed, Gulf Trading LLC",
    "console",
    "CN-Falcon",
    "INV Falcon",
    "Twin of Falcon",
    "InFlow",
    "Books",
    "the https header Authorization: Bearer, and complete in JSON",
    "Sara Haddad, sara@example.com",
)


def _pages(own: World) -> Iterator[str]:
    yield from (entry["at"].format(**own.rows) for name, entry in MATRIX["pages"].items() if name not in NOT_READ)
    for name in LISTS:
        yield page(name, "changelist")
        yield page(name, "change", own.rows[name])
        yield page(name, "history", own.rows[name])
    yield from (page(name, "add") for name in ADDS)
    yield from (verb(name, own) for name in VERBS)
    yield from (f"{page('invoices_import', 'add')}?kind={kind}" for kind in ("invoices", "payments"))
    yield reverse("admin:zapier")
    account = own.account.pk
    yield reverse("admin:communications_messagetemplate_edit", args=[account, "reminder", "friendly", "email"])
    yield reverse("admin:communications_messagetemplate_edit", args=[account, "final_notice", "any", "sms"])


@pytest.fixture(scope="module")
def pages(falcon: World) -> dict[str, Any]:
    """The response to an Arabic-speaking admin of each page, by its address."""
    client = falcon.logged_in(Role.ADMIN)
    return {address: client.get(address, headers=ARABIC, follow=True) for address in _pages(falcon)}


def _english(client: Client, addresses: Iterable[str]) -> dict[str, list[str]]:
    return _english_on({address: client.get(address, headers=ARABIC, follow=True) for address in addresses})


def _english_on(pages: dict[str, Any]) -> dict[str, list[str]]:
    found = {}
    for address, answer in pages.items():
        assert answer.status_code == 200, address
        html = answer.content.decode()
        assert '<html lang="ar" dir="rtl"' in html, address
        if left := sorted(set(reading.latin(html, *NAMES))):
            found[address] = left
    return found


def test_no_english_is_left_on_a_page_of_an_admin(pages: dict[str, Any]) -> None:
    assert _english_on(pages) == {}


def test_no_page_has_an_outside_host_or_a_script_inside_and_each_says_what_it_may_load(
    pages: dict[str, Any], own: World
) -> None:
    client = own.logged_in(Role.ADMIN)
    nowhere = {address: client.get(address) for address in ("/admin/nowhere/", "/nowhere")}
    for address, answer in (pages | nowhere).items():
        browsing.loads_from_here_only(address, answer)


def test_no_english_is_left_in_the_audit_log_whatever_was_done(own: World) -> None:
    detail = dict.fromkeys(audit.DETAILS, 1) | {"device": "Chrome on Linux", "changes": {"due_date": [1, 2]}}
    for action in (*SENTENCES, "invoice.exported", "auditentry.exported"):
        AuditEntry.objects.create(account=own.account, actor="a@b.example", action=action, target="12", detail=detail)
    last = AuditEntry.objects.latest("pk").pk
    pages = (page("accounts_auditentry", "changelist"), page("accounts_auditentry", "change", last))
    assert _english(own.logged_in(Role.ADMIN), pages) == {}


def test_no_english_is_left_on_the_first_page_of_an_empty_account(db: None) -> None:
    assert _english(logged_in(make.user(make.account("Falcon"))), [reverse("admin:index")]) == {}


@pytest.mark.parametrize("chosen", [1, 2])
def test_no_english_is_left_where_many_are_chosen(chosen: int, own: World) -> None:
    client, address = own.logged_in(Role.ADMIN), page("invoices_invoice", "changelist")
    rows = [str(own.invoice.pk), str(own.closed.pk)][:chosen]
    for action in ("assign_selected", "hold_selected", "resume_selected"):
        said = {"action": action, "_selected_action": rows}
        html = client.post(address, said, headers=ARABIC, follow=True).content.decode()
        assert 'dir="rtl"' in html
        assert list(reading.latin(html, *NAMES)) == [], action


def test_no_english_is_left_of_a_message_that_is_looked_at_or_can_not_go(own: World) -> None:
    client, address = own.logged_in(Role.ADMIN), page("invoices_invoice", "send_now", own.invoice.pk)
    for channel in ("email", "sms", "whatsapp"):
        said = {"kind": "manual", "channel": channel, "language": "en", "subject": "نص", "text": "https://a.example/b"}
        html = client.post(address, said, headers=ARABIC).content.decode()
        assert list(reading.latin(html, *NAMES)) == [], channel


IMPORTED = """invoice_number,debtor_name,amount,currency,issue_date,due_date,amount_paid,debtor_email,whatever
N-1,Omar,1.2.3,AED,2026-01-05,2026-02-04,,,
N-2,Omar,100,KWD,03/04/2026,2026-02-04,,,
N-3,Omar,-1,XXX,2026-01-05,soon,,no,
N-4,Omar,100,AED,2026-01-05,2026-01-04,,,
N-4,Omar,100,AED,2026-01-05,2026-01-09,200,,
N-5,Omar,100,AED,2026-01-05,2026-01-09,,,
Falcon-1,,1,AED,,,,,
Falcon-1,Somebody,,,,,,,
,,,,,,,,
"""


def test_no_english_is_left_of_what_an_import_says_to_an_arabic_speaker(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    file = SimpleUploadedFile("mine.csv", IMPORTED.encode())
    answer = client.post(page("invoices_import", "add"), {"kind": "invoices", "file": file}, headers=ARABIC)
    address = answer["Location"]
    brought = Import.objects.get(file_name="mine.csv")
    while phases.work(brought.pk):
        assert _english(client, [address]) == {}
    assert ImportRow.objects.filter(file=brought, outcome="refused").count() > 4
    assert _english(client, [address]) == {}


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


def test_what_an_arabic_speaker_does_leaves_no_arabic_in_any_row(own: World) -> None:
    client, found = own.logged_in(Role.ADMIN), {}
    CollectionSettings.objects.update(says_thanks=True, recalls_promises=True)
    for name in VERBS:
        with transaction.atomic():
            client.post(verb(name, own), said(name), headers={**ARABIC, "User-Agent": "Mozilla/5.0"})
            if left := re.findall("[\u0600-\u06ff]+", str(rows_of(own.account))):
                found[name] = left
            transaction.set_rollback(True)
    assert found == {}


def test_an_address_that_leads_nowhere_says_so_in_arabic(own: World) -> None:
    answer = own.logged_in(Role.ADMIN).get("/admin/nowhere/", headers=ARABIC)
    assert answer.status_code == 404
    assert list(reading.latin(answer.content.decode())) == []
