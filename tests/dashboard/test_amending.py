"""Amending an invoice on its page."""

import pytest

from inflow.accounts.roles import Role
from inflow.dashboard.pages.amend_form import read_contact, write_contact
from invoices import lifecycle
from tests import make
from tests.dashboard.world import World, nothing_changes, page, said

pytestmark = pytest.mark.django_db


def amend(own: World, **given: str) -> str:
    """POST the form with its initial values and these; return the form's errors, or an empty text."""
    client, address = own.logged_in(Role.MANAGER), page("invoices_invoice", "amend", own.invoice.pk)
    form = client.get(address).context["form"]
    values = {name: form.get_initial_for_field(field, name) or "" for name, field in form.fields.items()}
    answer = client.post(address, values | given)
    return "" if answer.status_code == 302 else str(answer.context["form"].errors)


def test_the_form_as_it_is_changes_nothing(own: World) -> None:
    contacts = [
        {"name": "", "role": "", "email": "", "phone": "", "language": "", "receives": []},
        {
            "name": "Haddad, Sara",
            "role": "",
            "email": "s@x.example",
            "phone": "",
            "language": "ar",
            "receives": ["manual"],
        },
    ]
    changes = {"contacts": contacts, "tags": ["a", "b"], "metadata": {"a": "b"}, "purchase_order": "7"}
    lifecycle.amend(own.account, own.invoice.pk, make.STAFF, changes)
    before = make.again(own.invoice)
    assert amend(own) == ""
    after = make.again(own.invoice)
    assert (after.version, after.contacts, after.metadata) == (before.version, contacts, {"a": "b"})


def test_a_manager_amends_what_the_invoice_says(own: World) -> None:
    given = {"amount": "77.5", "tags": "vip, north", "contacts": "Sara, s@x.example\n+971501234567, Omar"}
    assert amend(own, **given, payment_url="https://pay.example/1", purchase_order="PO-7", notes="Call first.") == ""
    invoice = make.again(own.invoice)
    assert (str(invoice.amount.normalize()), invoice.tags, invoice.notes) == ("77.5", ["vip", "north"], "Call first.")
    assert [each["email"] or each["phone"] for each in invoice.contacts[1:]] == ["s@x.example", "+971501234567"]
    html = own.logged_in(Role.VIEWER).get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    for shown in ("PO-7", "https://pay.example/1", "vip, north", "s@x.example", "+971501234567"):
        assert shown in html


def test_another_company_moves_the_invoice_and_the_page_says_so(own: World) -> None:
    client, address = own.logged_in(Role.MANAGER), page("invoices_invoice", "amend", own.invoice.pk)
    form = client.get(address).context["form"]
    values = {name: form.get_initial_for_field(field, name) or "" for name, field in form.fields.items()}
    answer = client.post(address, values | {"debtor_company": "Another Name FZE"}, follow=True)
    assert "Another Name FZE" in answer.content.decode()
    assert make.again(own.invoice).debtor_id != own.invoice.debtor_id


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", "0"), ("due_date", "1999-01-01"), ("payment_url", "http://x.example"), ("debtor_phone", "7")],
)
def test_what_the_rules_refuse_is_said_at_its_field(own: World, field: str, value: str) -> None:
    with nothing_changes(own):
        assert field in amend(own, **{field: value})


def test_a_closed_invoice_can_t_be_amended(own: World) -> None:
    lifecycle.change(own.account, own.invoice.pk, make.STAFF, status="cancelled")
    address = page("invoices_invoice", "amend", own.invoice.pk)
    client = own.logged_in(Role.MANAGER)
    assert address not in client.get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    with nothing_changes(own):
        client.post(address, said("invoices_invoice_amend"))


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("Sara, Accounts, s@x.example, +97150", "Sara, Accounts, s@x.example, +97150"),
        ("+97150,Sara", "Sara, +97150"),
        ("s@x.example", "s@x.example"),
    ],
)
def test_a_contact_is_read_from_its_line(line: str, written: str) -> None:
    empty = {"name": "", "role": "", "email": "", "phone": ""}
    assert write_contact(empty | read_contact(line)) == written
