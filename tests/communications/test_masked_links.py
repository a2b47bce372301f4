"""Contract §8: whoever has a link to the debtor's page acts as the debtor, so whoever reads gets no link."""

import csv
import datetime as dt
import io
import json
import re
from typing import Any

import orjson
import pytest
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from communications.inbound import replies
from communications.inbound.inbox import Mail
from communications.models import Communication, Reply
from communications.portal import links
from inflow import masking
from inflow.accounts import audit, keys
from inflow.accounts.encryption import encrypt
from inflow.accounts.models import Account, AuditEntry, Scope
from inflow.accounts.roles import Role
from inflow.api.idempotency import KEPT
from inflow.api.models import IdempotentAnswer
from invoices import lifecycle
from invoices.models import Invoice
from tests import make
from tests.api.client import PLENTY, Caller, caller, is_problem
from tests.dashboard.world import logged_in
from tests.receiver import Receiver
from webhooks import outbox
from webhooks.delivery.sending import deliver_due
from webhooks.models import Event, EventType

pytestmark = pytest.mark.django_db
# As payment pages have them: three parts, each as long as one of ours.
JWT = f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{'a' * 60}.{'b' * 43}"
TOKEN = re.compile(r"[A-Za-z0-9_-]{28,}\.[A-Za-z0-9_-]{43}")


@pytest.fixture
def account() -> Account:
    return make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)


def page_of(row: Communication) -> str:
    """The link to the page in the text of a message as it was sent."""
    found = re.search(r"http://testserver/p/(?!unsubscribe)\S+", row.body)
    assert found, row.body
    return found[0]


# --- What is sent, and what is shown of it --------------------------------------------------------------------------


def test_the_debtor_gets_the_links_and_the_api_the_events_and_webhooks_get_none(
    account: Account, settings: Settings
) -> None:
    settings.TRY_OUT = True
    api = caller(account)
    with Receiver() as receiver:
        make.subscription(account, receiver.url, [EventType.COMMUNICATION_SENT])
        row = make.sent_reminder(account)
        assert page_of(row) in str(mail.outbox[0].body)
        assert len(TOKEN.findall(str(mail.outbox[0].body))) == 2
        assert len(TOKEN.findall(row.body)) == 2
        (shown,) = api.get("communications").json
        (event,) = (each for each in api.get("events").json if each["type"] == "communication.sent")
        assert deliver_due() == 1
    sent = receiver.requests[0].body.decode()
    for text in (shown["body"], event["data"]["body"], json.loads(sent)["data"]["body"]):
        assert text == shown["body"]
        assert text.count("http://testserver/p/•••\n") == 2
    stored = Event.objects.get(type="communication.sent").body
    assert stored == sent
    for text in (stored, api.get("communications?status=all").body.decode(), api.get("events").body.decode()):
        assert not TOKEN.search(text)


def test_events_and_deliveries_of_older_releases_are_masked_when_they_are_shown_and_sent(
    account: Account, settings: Settings
) -> None:
    settings.TRY_OUT = True
    link = links.page_url(make.invoice(account).debtor, "en")
    user = make.user(account)
    with Receiver() as receiver:
        subscription, _ = make.subscription(account, receiver.url, [EventType.COMMUNICATION_SENT])
        with transaction.atomic():
            outbox.put(account, EventType.COMMUNICATION_SENT, {"body": "LINK"})
        event = Event.objects.get(type="communication.sent")
        with connection.cursor() as cursor:  # events are append-only
            cursor.execute("SET LOCAL session_replication_role = replica")
            Event.objects.filter(pk=event.pk).update(body=event.body.replace("LINK", f"See:\\n{link}\\nThanks"))
            cursor.execute("SET LOCAL session_replication_role = origin")
        (told,) = (each for each in caller(account).get("events").json if each["type"] == "communication.sent")
        assert deliver_due() == 1
    assert told["data"]["body"] == "See:\nhttp://testserver/p/•••\nThanks"
    assert json.loads(receiver.requests[0].body)["data"] == told["data"]
    delivery = subscription.deliveries.get()
    page = logged_in(user).get(f"/admin/webhooks/delivery/{delivery.pk}/change/").content.decode()
    assert "/p/•••" in page
    assert not TOKEN.search(page)


def test_a_link_in_notes_and_reasons_is_masked_in_every_body_of_the_api(account: Account) -> None:
    api, invoice = caller(account), make.invoice(account)
    link = links.page_url(invoice.debtor, "en", invoice.party)
    noted = api.patch(f"invoices/{invoice.pk}", {"notes": f"Their page: {link}"})
    case = make.escalation(invoice)
    lifecycle.change(account, invoice.pk, make.STAFF, status="on_hold", reason=f"They said so on {link} today")
    api.patch(f"escalations/{case.pk}", {"notes": link})
    answers = [
        *(noted, api.get("invoices"), api.get(f"invoices/{invoice.pk}"), api.get(f"invoices/{invoice.pk}/timeline")),
        *(api.get("escalations"), api.get("events")),
    ]
    for answer in answers:
        assert "/p/•••" in answer.body.decode(), answer.body
        assert not TOKEN.search(answer.body.decode()), answer.body
    assert noted.json["notes"] == "Their page: http://testserver/p/•••"
    assert Invoice.objects.get(pk=invoice.pk).notes == f"Their page: {link}"


QUOTES = [
    "OK\n\nOn Monday, Falcon wrote:\n> See here:\n> {link}\n",
    "I will pay. {link}",
    'Paid <a href="{link}">here</a>',
    "See https://safe.example/?url={encoded}&data=1",
    "I lost {token}, send it again",
]


@pytest.mark.parametrize("quote", QUOTES)
def test_a_quoted_link_is_stored_whole_and_shown_to_nobody(account: Account, quote: str) -> None:
    row = make.sent_reminder(account)
    link = page_of(row)
    token = link.rpartition("/")[2]
    said = quote.format(link=link, token=token, encoded=link.replace(":", "%3A").replace("/", "%2F"))
    reply = replies.receive(account, "email", row.recipient, said, "m-1", answered=Mail(row))
    assert reply
    reply.refresh_from_db()
    assert token in reply.whole_text
    assert not TOKEN.search(reply.text)
    lifecycle.promise(account, row.invoice_id, make.STAFF, account.today(), reason=reply.text)
    answer = caller(account).get(f"invoices/{row.invoice_id}/timeline")
    assert not TOKEN.search(answer.body.decode())
    for role in (Role.VIEWER, Role.ADMIN):
        client = logged_in(make.user(account, role))
        for page in (f"reply/{reply.pk}/change/", "reply/"):
            assert not TOKEN.search(client.get(f"/admin/communications/{page}").content.decode())


def test_exports_hold_no_link_also_of_replies_that_an_older_release_stored(account: Account) -> None:
    row = make.sent_reminder(account)
    reply = replies.receive(account, "email", row.recipient, "Hello", "m-1")
    assert reply
    Reply.objects.filter(pk=reply.pk).update(text=f"Hello {page_of(row)}")
    answer = logged_in(make.user(account)).get("/admin/communications/reply/export/csv")
    text = answer.content.decode("utf-8-sig")
    assert [line["text"] for line in csv.DictReader(io.StringIO(text))] == ["Hello http://testserver/p/•••"]
    audit.record(account, "a@x.example", "invoice.changed", "INV-1", changes={"notes": ["", page_of(row)]})
    log = logged_in(make.user(account)).get("/admin/accounts/auditentry/export/csv").content.decode()
    assert "http://testserver/p/•••" in log
    assert not TOKEN.search(log)


def test_a_viewer_sees_the_message_without_its_links_and_an_agent_with_them(account: Account) -> None:
    row = make.sent_reminder(account)
    pages = [
        f"/admin/communications/communication/{row.pk}/change/",
        f"/admin/invoices/invoice/{row.invoice_id}/change/",
        "/admin/communications/communication/",
    ]
    viewer, agent = (logged_in(make.user(account, role)) for role in (Role.VIEWER, Role.AGENT))
    seen = [viewer.get(page).content.decode() for page in pages]
    assert not any(map(TOKEN.search, seen))
    assert seen[0].count("http://testserver/p/•••") >= 4  # in the text, and in the HTML
    assert page_of(row) in agent.get(pages[0]).content.decode()


# --- A fresh link for a key that may --------------------------------------------------------------------------------


def test_a_key_with_the_scope_gets_a_link_that_opens_the_page_of_the_invoices_party(account: Account) -> None:
    api, invoice = caller(account), make.invoice(account, debtor_company="Gulf Trading LLC")
    answer = api.send("POST", f"invoices/{invoice.pk}/page-link")
    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.json
    assert made.keys() == {"url", "language", "expires_at"}
    opened = links.resolve_page(made["url"].rpartition("/")[2])
    assert opened
    assert (opened.debtor, opened.language) == (invoice.debtor, "en")
    assert abs(opened.expires_at - dt.datetime.fromisoformat(made["expires_at"])) <= dt.timedelta(seconds=1)
    assert Client().get(made["url"]).status_code == 200
    entry = AuditEntry.objects.get(account=account, action="debtor.link_made")
    assert TOKEN.search(entry.target) is None


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_page_opens_in_the_language_that_is_asked_for(account: Account, language: str) -> None:
    made = caller(account).post(f"invoices/{make.invoice(account).pk}/page-link", {"language": language}).json
    assert made["language"] == language
    opened = links.resolve_page(made["url"].rpartition("/")[2])
    assert opened
    assert opened.language == language


def test_a_link_ends_with_the_debtors_other_links(account: Account) -> None:
    invoice = make.invoice(account)
    made = caller(account).post(f"invoices/{invoice.pk}/page-link", {}).json
    links.revoke(invoice.debtor, make.STAFF)
    assert links.resolve_page(made["url"].rpartition("/")[2]) is None


@pytest.mark.parametrize("body", [{"language": "fr"}, {"language": 7}, {"url": "x"}, []])
def test_a_body_that_makes_no_sense_is_refused(account: Account, body: Any) -> None:
    is_problem(caller(account).post(f"invoices/{make.invoice(account).pk}/page-link", body), 422)


def test_sent_again_under_its_key_it_is_the_same_link(account: Account) -> None:
    api, path = caller(account), f"invoices/{make.invoice(account).pk}/page-link"
    first = api.post(path, {}, Idempotency_Key="one")
    again = api.post(path, {}, Idempotency_Key="one")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert AuditEntry.objects.filter(action="debtor.link_made").count() == 1
    is_problem(api.post(path, {"language": "ar"}, Idempotency_Key="one"), 422, "idempotency_key_reused")
    assert dt.timedelta(hours=24) == KEPT


def test_the_scope_is_in_no_default(account: Account) -> None:
    row, key = keys.issue(account, name="n")
    assert row.scopes == [scope for scope in Scope.values if scope != "communications:write"]
    is_problem(Caller(key).post(f"invoices/{make.invoice(account).pk}/page-link", {}), 403, "scope_missing")
    page = logged_in(make.user(account)).get("/admin/accounts/apikey/add/").content.decode()
    boxes = re.findall(r"<input[^>]*name=\"scopes\"[^>]*>", page)
    checked = {box for box in boxes if re.search(r"\schecked[\s>=]", box)}
    assert (len(boxes), len(checked)) == (5, 4)
    assert not any("communications:write" in box for box in checked)


def test_the_api_of_another_account_makes_no_link(account: Account) -> None:
    invoice = make.invoice(make.account("Oryx"))
    is_problem(caller(account).post(f"invoices/{invoice.pk}/page-link", {}), 404, "not_found")
    assert not AuditEntry.objects.filter(action="debtor.link_made").exists()


# --- The mask itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://testserver/p/abc", "http://testserver/p/•••"),
        ("http://testserver/p/unsubscribe/abc.", "http://testserver/p/•••"),
        ("<http://testserver/p/abc>, and", "<http://testserver/p/•••>, and"),
        ("http://testserver/p/abc/statement.pdf?lang=ar x", "http://testserver/p/••• x"),
        ('{"a":"http://testserver/p/abc\\nb"}', '{"a":"http://testserver/p/•••\\nb"}'),
        ("href=&quot;http://testserver/p/abc&quot; x", "href=&quot;http://testserver/p/•••&quot; x"),
        ("https://old.example/p/{token} x", "https://old.example/p/••• x"),
        ("https%3A%2F%2Fold.example%2Fp%2Funsubscribe%2F{token}&x", "https%3A%2F%2Fold.example%2Fp%2F•••&x"),
        ("{token}", "•••"),
        ("https://shop.example/p/42 stays", None),
        ("a.b@example.com and 1.2.3 stay", None),
        (f"https://pay.example/?token={JWT} stays", None),
        (f"https://pay.example/p/{JWT}, too", None),
        (f"https%3A%2F%2Fpay.example%2Fp%2F{JWT}", None),
        ("paid at {token}. Thank you", "paid at •••. Thank you"),
    ],
)
def test_what_is_masked(account: Account, text: str, masked: str | None) -> None:
    token = links.page_url(make.invoice(account).debtor, "en").rpartition("/")[2]
    assert masking.mask_links(text.replace("{token}", token)) == (masked or text)


def test_what_is_masked_in_json_is_the_same_json() -> None:
    data = {"body": 'a "http://testserver/p/x.y" b\nhttp://testserver/p/z\\', "n": [1, None]}
    masked = orjson.loads(masking.mask_body(orjson.dumps(data)))
    assert masked == {"body": 'a "http://testserver/p/•••" b\nhttp://testserver/p/•••\\', "n": [1, None]}


def test_a_response_that_was_stored_before_links_were_masked_is_masked_when_it_is_sent_again(
    account: Account,
) -> None:
    api, invoice, body = caller(account), make.invoice(account), {"amount": 5}
    api.post(f"invoices/{invoice.pk}/payments", body, Idempotency_Key="old")
    url = links.page_url_of(make.again(invoice), "en")
    stored = IdempotentAnswer.objects.get()
    stored.sealed_body = encrypt(json.dumps({"notes": url}))
    stored.save()
    again = api.post(f"invoices/{invoice.pk}/payments", body, Idempotency_Key="old")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json["notes"].endswith("/p/•••")
