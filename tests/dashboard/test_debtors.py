"""A debtor's page: all that they owe, were told, asked for, and their statement."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from communications.contacts import addresses, consent
from communications.models import Source
from communications.portal import statement
from communications.schedule import policies
from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from inflow.dashboard.core import listing
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.pages import debtor_figures
from invoices import lifecycle, timeline
from invoices.debtors import finding
from invoices.models import Contact, Debtor, Invoice
from tests import make
from tests.dashboard.world import World, linked, nothing_changes, page, platform

pytestmark = pytest.mark.django_db


def html_of(own: World, role: Role = Role.VIEWER) -> str:
    address = page("invoices_debtor", "change", own.invoice.debtor_id)
    return own.logged_in(role).get(address).content.decode()


def test_what_is_owed_stands_by_currency_and_is_never_summed(own: World) -> None:
    email = own.invoice.debtor_email
    usd = make.invoice(own.account, amount=50, currency="USD", debtor_email=email)
    make.invoice(own.account, amount=70, currency="AED", debtor_email=email)
    html = html_of(own)
    for shown in ("AED 25,070.00", "USD 50.00"):  # AED 25,000 are more than 90 days late
        assert f"<strong><bdi>{shown}</bdi></strong>" in html
    assert "<bdi>AED 25,000.00</bdi> past due" in html
    lifecycle.record_payment(own.account, usd.pk, make.API, amount=usd.amount + 5)
    assert "<bdi>USD 5.00</bdi> unapplied credit" in html_of(own)


def test_each_address_says_whether_it_may_be_written_to(own: World) -> None:
    addresses.mark_invalid(own.account, "email", own.invoice.debtor_email, own.account.now(), "no such user")
    html = html_of(own)
    assert "no such user" in html
    assert ">Bounced<" in html
    consent.opt_out(own.invoice.debtor, "", make.STAFF, Source.STAFF, "They asked by phone.")
    html = html_of(own)
    assert "They asked by phone." in html
    assert html.count(">Opted out<") == 2  # the debtor, and their address


@pytest.mark.skipif(not statement.is_available(), reason="the extra pdf is not installed")
def test_the_statement_is_a_pdf_in_either_language_and_of_own_debtors(own: World, foreign: World) -> None:
    client = own.logged_in(Role.VIEWER)
    with nothing_changes(own, foreign):
        for language in ("en", "ar"):
            address = page("invoices_debtor", "statement", own.invoice.debtor_id) + f"?language={language}"
            assert address in html_of(own)
            answer = client.get(address)
            assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
        assert client.get(page("invoices_debtor", "statement", foreign.invoice.debtor_id)).status_code == 404


def test_a_debtor_is_corrected_by_an_agent(own: World) -> None:
    address = page("invoices_debtor", "change", own.invoice.debtor_id)
    said = {"name": "Aisha Khan", "company": "", "email": "aisha@example.com", "phone": "", "language": "ar"}
    said |= {"time_zone": "", "country": "", "subdivision": "", "owner": "", "policy": "", "tags": ""}
    said |= dict(re.findall(r'name="(\S+_FORMS)" value="(\d+)"', html_of(own, Role.AGENT)))
    with nothing_changes(own):
        assert own.logged_in(Role.VIEWER).post(address, said).status_code == 403
    assert own.logged_in(Role.AGENT).post(address, said).status_code == 302
    assert make.again(own.invoice).debtor.name == "Aisha Khan"


# --- The working place -------------------------------------------------------------------------------------------


def form_of(own: World, **changed: str) -> dict[str, str]:
    """The debtor's form as it is, with these values."""
    debtor = make.again(own.invoice).debtor
    names = ("name", "company", "email", "phone", "language", "time_zone", "country", "subdivision")
    said = {name: getattr(debtor, name) for name in names} | {"owner": "", "policy": "", "tags": ""}
    hidden = re.findall(r'<input type="hidden" name="([a-z_]*-\S+)"(?: value="([^"]*)")?', html_of(own, Role.AGENT))
    return {**said, **dict(hidden), **changed}


def errors_in(response: Any) -> list[Any]:
    """The errors of a form that was shown again."""
    formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    return [response.context["adminform"].form.errors, *((each.prefix, each.errors) for each in formsets)]


def saved(own: World, **changed: str) -> Debtor:
    address = page("invoices_debtor", "change", own.invoice.debtor_id)
    response = own.logged_in(Role.AGENT).post(address, form_of(own, **changed))
    assert response.status_code == 302, errors_in(response)
    return make.again(own.invoice).debtor


def test_open_amounts_stand_by_age_and_lead_to_their_invoices(own: World) -> None:
    today, email = own.account.today(), own.invoice.debtor_email
    for days in (5, 45, 75):
        due = today - dt.timedelta(days=days)
        late = make.invoice(own.account, amount=days, issue_date=due, due_date=due, debtor_email=email)
        Invoice.objects.filter(pk=late.pk).update(status="overdue")
    make.invoice(own.account, amount=7, debtor_email=email)
    html = html_of(own)
    row = html.partition('<th scope="row">AED</th>')[2].partition("</tr>")[0]
    cells = re.findall(r"due=([a-z0-9_-]+)[^>]*><bdi>([^<]+)</bdi>", row)
    assert cells == [
        ("later", "AED 7.00"),
        ("1-30", "AED 5.00"),
        ("31-60", "AED 45.00"),
        ("61-90", "AED 75.00"),
        ("over-90", "AED 25,000.00"),
    ]
    listed = own.logged_in(Role.VIEWER).get(
        page("invoices_invoice", "changelist"),
        {"debtor__id__exact": str(own.invoice.debtor_id), "due": "31-60", "currency": "AED"},
    )
    assert len(linked(listed.content.decode(), "invoices_invoice")) == 1


def test_owner_tags_and_policy_are_edited_and_shown_without_their_markup(own: World) -> None:
    policy = policies.create(own.account, "Gentle")
    agent = own.people[Role.AGENT]
    debtor = saved(own, owner=str(agent.pk), policy=str(policy.pk), tags="جملة, <script>alert(1)</script>,,  vip ")
    assert (debtor.owner, debtor.policy) == (agent, policy)
    assert debtor.tags == ["جملة", "<script>alert(1)</script>", "vip"]
    html = html_of(own)
    assert "<script>alert(1)</script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    listed = own.logged_in(Role.VIEWER).get(page("invoices_debtor", "changelist"), {"tag": "vip"})
    assert str(debtor.pk) in listed.content.decode()
    assert "<script>alert(1)</script>" not in listed.content.decode()
    assert AuditEntry.objects.filter(account=own.account, action="debtor.changed").count() == 1


def test_owners_and_policies_of_other_accounts_are_not_offered(own: World, foreign: World) -> None:
    address = page("invoices_debtor", "change", own.invoice.debtor_id)
    theirs = foreign.people[Role.AGENT]
    for client in (own.logged_in(Role.AGENT), platform()):
        assert theirs.email not in client.get(address).content.decode()
        with nothing_changes(own):
            response = client.post(address, form_of(own, owner=str(theirs.pk)))
            assert response.status_code == 200


def test_contacts_are_edited_in_place_with_the_state_of_each(own: World) -> None:
    addresses.opt_out(own.account, "email", "cfo@own.example", own.account.now(), text="STOP")
    row = {
        "contacts-TOTAL_FORMS": "2",
        "contacts-0-name": "المدير المالي",
        "contacts-0-email": "CFO@own.example",
        "contacts-0-receives": "final_notice",
        "contacts-1-phone": "050 123 4567",
    }
    debtor = saved(own, **row)
    first, second = debtor.contacts.all()
    assert (first.name, first.email, first.receives) == ("المدير المالي", "cfo@own.example", ["final_notice"])
    assert second.phone == "+971501234567"
    html = html_of(own)
    assert "المدير المالي" in html
    assert ">Opted out<" in html
    kept = {"contacts-INITIAL_FORMS": "2", "contacts-0-id": str(first.pk), "contacts-1-id": str(second.pk)}
    saved(own, **row, **kept, **{"contacts-0-DELETE": "on"})
    assert list(debtor.contacts.values_list("pk", flat=True)) == [second.pk]


@pytest.mark.parametrize(
    "contacts",
    [
        [{"name": "Nobody"}],
        [{"email": "a@b.example"}, {"email": "A@B.example"}],
        [{"phone": "12"}],
        [{"email": f"{number}@b.example"} for number in range(21)],
    ],
)
def test_invalid_contacts_are_refused(own: World, contacts: list[dict[str, str]]) -> None:
    rows = {f"contacts-{place}-{name}": value for place, row in enumerate(contacts) for name, value in row.items()}
    rows["contacts-TOTAL_FORMS"] = str(len(contacts))
    address = page("invoices_debtor", "change", own.invoice.debtor_id)
    with nothing_changes(own):
        response = own.logged_in(Role.AGENT).post(address, form_of(own, **rows))
    assert response.status_code == 200
    assert Contact.objects.count() == 0


def test_never_chase_is_shown_with_its_reason_and_is_undone(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    client.post(page("invoices_debtor", "never_chase", own.invoice.debtor_id), {"reason": "A <b>sister</b> company."})
    debtor = make.again(own.invoice).debtor
    assert (debtor.never_chase, debtor.never_chase_reason) == (True, "A <b>sister</b> company.")
    for html in (
        html_of(own),
        client.get(page("invoices_invoice", "change", own.invoice.pk)).content.decode(),
        client.get(page("invoices_debtor", "timeline", debtor.pk)).content.decode(),
    ):
        assert "A &lt;b&gt;sister&lt;/b&gt; company." in html
    assert (
        client.get(page("invoices_debtor", "changelist"), {"state": "never_chase"})
        .content.decode()
        .count(str(debtor.pk))
    )
    client.post(page("invoices_debtor", "chase_again", debtor.pk))
    assert not make.again(own.invoice).debtor.never_chase


def test_the_timeline_is_one_of_all_invoices_in_pages(own: World) -> None:
    debtor = own.invoice.debtor
    with transaction.atomic():
        for number in range(60):
            timeline.note(own.invoice if number % 2 else own.closed, "answered", make.STAFF, reason=f"Note {number:02}")
    client = own.logged_in(Role.VIEWER)
    address: str | None = page("invoices_debtor", "timeline", debtor.pk)
    seen: list[str] = []
    while address:
        html = client.get(address).content.decode()
        seen += re.findall(r"Note (\d\d)", html)
        older = re.search(r'href="(\?before=[^"]+)"', html)
        address = page("invoices_debtor", "timeline", debtor.pk) + older[1] if older else None
    assert seen == [f"{number:02}" for number in reversed(range(60))]
    for before in ("x", "~", "2026-01-01~1", "2026-01-01T00:00:00+00:00~" + "9" * 30):
        assert client.get(page("invoices_debtor", "timeline", debtor.pk), {"before": before}).status_code == 200


def test_a_merged_debtor_leads_to_the_one_that_replaced_it(own: World, foreign: World) -> None:
    other = make.invoice(own.account, debtor_name="Loser", debtor_company="", debtor_email="loser@x.example").debtor
    Debtor.objects.filter(pk=other.pk).update(merged_into=own.invoice.debtor)
    client = own.logged_in(Role.VIEWER)
    answer = client.get(page("invoices_debtor", "change", other.pk))
    assert answer["Location"] == page("invoices_debtor", "change", own.invoice.debtor_id)
    assert str(other.pk) not in client.get(page("invoices_debtor", "changelist")).content.decode()
    assert foreign.logged_in(Role.VIEWER).get(page("invoices_debtor", "change", other.pk)).status_code == 404
    assert client.get(page("invoices_debtor", "change", make.NOWHERE)).status_code == 404
    assert client.get(page("invoices_debtor", "change", "nothing")).status_code == 404


def test_the_list_shows_balances_by_currency_and_is_searched_by_id_and_address(own: World) -> None:
    debtor, email = own.invoice.debtor, own.invoice.debtor_email
    usd = make.invoice(own.account, amount=50, currency="USD", debtor_email=email)
    lifecycle.record_payment(own.account, usd.pk, make.API, amount=Decimal(55))
    finding.add_external_id(debtor, "C-77")
    client = own.logged_in(Role.VIEWER)
    for query in ({}, {"q": "C-77"}, {"q": email.upper()}, {"state": "overdue"}, {"owner": "none"}):
        html = client.get(page("invoices_debtor", "changelist"), query).content.decode()
        assert str(debtor.pk) in html, query
    assert "AED 25,000.00" in html
    assert "USD 5.00" in html
    assert str(debtor.pk) not in client.get(page("invoices_debtor", "changelist"), {"owner": "me"}).content.decode()
    rows = client.get(page("invoices_debtor", "export", "csv")).content.decode()
    assert "AED 25000.00" in rows
    assert "USD 5.00" in rows


def test_a_page_of_a_debtor_with_many_invoices_takes_as_many_queries(own: World) -> None:
    address = page("invoices_debtor", "change", own.invoice.debtor_id)
    client = own.logged_in(Role.AGENT)

    def count() -> int:
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    for _number in range(3):
        make.invoice(own.account, debtor_email=own.invoice.debtor_email)
    before = count()
    for _number in range(40):
        make.invoice(own.account, debtor_email=own.invoice.debtor_email)
    assert count() == before


def test_the_sums_of_the_list_are_computed_for_the_rows_of_its_page_only(own: World) -> None:
    for number in range(12):
        make.invoice(own.account, debtor_name=f"Debtor {number}", debtor_company="", debtor_email="")
    rows = Debtor.objects.filter(account=own.account, merged_into=None).order_by("name", "pk")
    plan = debtor_figures.with_balances(rows, own.people[Role.VIEWER])[:3].explain(analyze=True)
    scans = [line for line in plan.splitlines() if "on invoices_invoice" in line]
    assert scans
    assert all("loops=3)" in line for line in scans), plan


def test_a_list_counts_and_reaches_its_first_rows_only(own: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make.invoice(own.account, debtor_name=f"Debtor {number}", debtor_company="", debtor_email=f"{number}@x.example")
    client, address = own.logged_in(Role.VIEWER), page("invoices_debtor", "changelist")
    everything = client.get(address)
    assert everything.context["cl"].result_count == 6
    assert "Only the first" not in everything.content.decode()
    monkeypatch.setattr(listing, "MOST_COUNTED", 3)
    monkeypatch.setattr(OwnRowsAdmin, "list_per_page", 2)
    cut = client.get(address)
    assert "Only the first 3 rows are listed." in cut.content.decode()
    assert len(cut.context["cl"].result_list) == 2
    assert len(client.get(address, {"p": "2"}).context["cl"].result_list) == 1
    assert client.get(address, {"p": "3"}).status_code == 302
    rows = client.get(page("invoices_debtor", "export", "csv")).content.decode()
    assert all(f"{number}@x.example" in rows for number in range(3))
    assert "AED 25000.00" in rows


def test_the_balances_are_computed_for_the_rows_of_the_page_only(own: World) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert own.logged_in(Role.VIEWER).get(page("invoices_debtor", "changelist"), {"o": "1"}).status_code == 200
    computing = [query["sql"] for query in queries if "sums_owed" in query["sql"]]
    assert len(computing) == 1
    assert '"invoices_debtor"."id" IN (' in computing[0]
    assert "LIMIT" not in computing[0]
