"""Texts and links that show people where they are and what to do next."""

import uuid
from decimal import Decimal

import pytest
from django.urls import reverse

from communications.models import Communication
from inflow.accounts.roles import Role
from invoices import credit_notes
from invoices.models import Payment, PossibleDuplicate
from tests import make
from tests.dashboard.world import World, logged_in, page

pytestmark = pytest.mark.django_db


def test_a_credit_notes_page_has_its_number_as_title(own: World) -> None:
    note = credit_notes.issue(
        own.account,
        make.STAFF,
        number="CN-778",
        amount=Decimal(5),
        date=own.account.today(),
        invoice_id=own.invoice.pk,
        currency="AED",
    )
    response = own.logged_in(Role.VIEWER).get(page("invoices_creditnote", "change", note.pk))
    html = response.content.decode()
    assert "CN-778 | Credit note" in html, html[html.index("<title>") :][:300]


def test_a_payments_page_links_its_debtor(own: World) -> None:
    payment = Payment.objects.filter(account=own.account).latest("created_at")
    html = own.logged_in(Role.VIEWER).get(page("invoices_payment", "change", payment.pk)).content.decode()
    assert f'href="{reverse("admin:invoices_debtor_change", args=[payment.debtor_id])}"' in html


def test_a_title_in_arabic_runs_from_the_right_and_isolates_its_parts(own: World) -> None:
    user = own.people[Role.VIEWER]
    user.language = "ar"
    user.save(update_fields=["language"])
    html = logged_in(user).get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    assert "<title> \u200f\u2068" in " ".join(html.split()), html[html.index("<title>") :][:300]


def test_a_message_about_several_invoices_is_one_row_of_its_debtor() -> None:
    account = make.account("Falcon")
    first, second = (make.overdue_invoice(account, debtor_email="one@debtor.example") for _ in range(2))
    assert first.debtor_id == second.debtor_id
    Communication.objects.filter(invoice__in=[first, second]).update(
        message_id=uuid.uuid4(), subject="Both of your invoices"
    )
    messages = Communication.objects.filter(subject="Both of your invoices")
    assert messages.count() == 2
    client = logged_in(make.user(account))
    html = client.get(page("invoices_debtor", "change", first.debtor_id)).content.decode()
    assert html.count(">Both of your invoices<") == 1


def test_an_empty_list_says_what_it_is_for_and_a_search_without_result_does_not(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    PossibleDuplicate.objects.all().delete()
    address = page("invoices_possibleduplicate", "changelist")
    assert "No possible duplicates are listed." in client.get(address).content.decode()
    found = client.get(f"{address}?q=nobody").content.decode()
    assert "No possible duplicates are listed." not in found
    assert "Nothing found" in found


def test_a_debtors_timeline_has_a_title(own: World) -> None:
    html = own.logged_in(Role.VIEWER).get(page("invoices_debtor", "timeline", own.invoice.debtor_id)).content.decode()
    assert "<title> Timeline | InFlow</title>" in " ".join(html.split()).replace(" </title>", "</title>")
