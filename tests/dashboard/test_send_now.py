"""Writing to a debtor from the case file."""

import re

import pytest
from django.core import mail as captured
from django.test import Client

from communications.models import Communication
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.models import Debtor
from tests import make
from tests.dashboard.world import World, nothing_changes, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(own: World) -> World:
    """Its debtor may be written to at this moment."""
    place = make.open_place()
    Debtor.objects.update(time_zone=place.zone.key, country=place.country)
    return own


def address(own: World) -> str:
    return page("invoices_invoice", "send_now", own.invoice.pk)


def form_of(client: Client, address: str, **said: str) -> dict[str, str]:
    """What the page asks to be posted, after a look at it."""
    html = (client.post(address, said) if said else client.get(address)).content.decode()
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', html) for name in ("key", "digest")}
    values = {name: match[1] for name, match in found.items() if match}
    return {"kind": "manual", "channel": "email", "language": "en", **said, **values}


def test_the_page_shows_what_goes_and_the_second_post_sends_it_once(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    with nothing_changes(own):
        html = client.get(address(own)).content.decode()
        looked = form_of(client, address(own))
    assert f"About invoice {own.invoice}" in html
    for _ in range(2):
        assert client.post(address(own), {**looked, "confirm": "1"}).status_code == 302
    [sent] = Communication.objects.filter(kind="manual")
    assert (sent.status, sent.approved_by) == ("sent", own.people[Role.AGENT].email)
    assert [each.subject for each in captured.outbox] == [sent.subject]


def test_what_was_not_looked_at_is_shown_first(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    looked = form_of(client, address(own))
    with nothing_changes(own):
        answer = client.post(address(own), {**looked, "language": "ar", "confirm": "1"})
    assert answer.status_code == 200
    assert 'lang="ar" dir="rtl"' in answer.content.decode()
    again = form_of(client, address(own), language="ar", kind="manual", channel="email", key=looked["key"])
    client.post(address(own), {**again, "confirm": "1"})
    assert Communication.objects.get(kind="manual").language == "ar"


def test_a_viewer_and_another_account_write_to_nobody(own: World, foreign: World) -> None:
    looked = form_of(own.logged_in(Role.AGENT), address(own))
    for client, refused in ((own.logged_in(Role.VIEWER), 403), (foreign.logged_in(Role.ADMIN), 404)):
        with nothing_changes(own, foreign):
            assert client.get(address(own)).status_code == refused
            assert client.post(address(own), {**looked, "confirm": "1"}).status_code == refused
    assert captured.outbox == []


def test_own_words_are_written_as_templates_are(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    said = {"kind": "manual", "channel": "email", "language": "en", "subject": "Hello {{ name }}"}
    looked = form_of(client, address(own))
    with nothing_changes(own):
        unknown = client.post(address(own), {**looked, **said, "text": "{{ secret }}", "confirm": "1"})
        halved = client.post(address(own), {**looked, **said, "text": "", "confirm": "1"})
    assert "secret" in str(unknown.context["form"].errors)
    assert "both" in str(halved.context["form"].errors)
    again = form_of(client, address(own), **said, text="Please call us.", key=looked["key"])
    client.post(address(own), {**again, "confirm": "1"})
    assert Communication.objects.get(kind="manual").subject == f"Hello {own.invoice.debtor_name}"


def test_nothing_is_offered_for_a_closed_invoice_but_thanks_for_a_paid_one(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    lifecycle.write_off(own.account, own.invoice.pk, make.STAFF, reason="Gone.")
    assert address(own) not in client.get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    assert "is closed" in client.get(address(own)).content.decode()
    paid = page("invoices_invoice", "send_now", own.closed.pk)
    assert paid in client.get(page("invoices_invoice", "change", own.closed.pk)).content.decode()
    html = client.get(paid).content.decode()
    assert ("Thank-you for the payment" in html, "Open invoices" in html) == (True, False)
