"""A list answers the lookups that its page declares, and no other, however far its relations reach."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from inflow.accounts.models import Session, User
from inflow.accounts.roles import Role
from inflow.accounts.sessions import digest
from inflow.dashboard.core import listing
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from tests import make
from tests.dashboard.world import LISTS, World, logged_in, page, platform

pytestmark = pytest.mark.django_db
DEEP = 3
SUFFIXES = ("", "__exact", "__regex", "__startswith", "__in", "__gt", "__isnull")
# What the pages declare: their filters, the calendar of the audit log, and the links of other pages.
DECLARED = {
    "accounts.account": {"plan"},
    "accounts.apikey": {"state"},
    "accounts.invitation": {"state"},
    "accounts.auditentry": {"since", "actor", "about", "at__year", "at__month", "at__day"},
    "accounts.user": {"role", "is_active"},
    "communications.answer": {"status", "kind"},
    "communications.communication": {"status", "kind", "channel", "language", "waits"},
    "communications.consententry": {"what", "channel", "source", "debtor__id__exact"},
    "communications.address": {"state", "channel"},
    "communications.reply": {"status", "triage", "channel", "took_effect"},
    "invoices.calendarrule": {"place", "kind"},
    "invoices.task": {"state", "whose"},
    "invoices.creditnote": {"date_from", "date_to", "status", "currency"},
    "invoices.debtor": {"credit", "owner", "state", "tag"},
    "invoices.difference": {"kind", "status", "list__id__exact"},
    "invoices.openitemslist": {"source"},
    "invoices.dispute": {"status", "whose", "outcome"},
    "invoices.document": {"kind"},
    "invoices.paymentreport": {"status", "kind"},
    "invoices.escalation": {"status", "whose", "level", "reason"},
    "invoices.import": {"kind", "phase"},
    "invoices.invoice": {"due", "status", "payment_status", "currency", "debtor__id__exact"},
    "invoices.payment": {"paid_at_from", "paid_at_to", "status", "currency"},
    "communications.calltask": {"whose"},
    "invoices.debtormerge": {"state"},
    "invoices.possibleduplicate": {"reason", "state"},
    "invoices.bankfile": {"state"},
    "invoices.bankline": {"certainty", "work", "bank_account", "day_from", "day_to"},
    "invoices.bankstatement": {"bank_account", "to_date_from", "to_date_to"},
    "invoices.promise": {"status", "promised_on_from", "promised_on_to", "currency"},
    "webhooks.delivery": {"status", "event__type__exact", "event__type__isnull", "subscription__id__exact"},
}


def own_lists() -> list[OwnRowsAdmin]:
    admin.autodiscover()
    return [each for each in admin.site._registry.values() if isinstance(each, OwnRowsAdmin)]


def paths(model: type[Model], depth: int) -> Iterator[str]:
    """Each field, and each relation in both directions, `depth` relations deep."""
    for field in model._meta.get_fields(include_hidden=True):
        name = field.name.strip("+")
        if not name:
            continue
        yield name
        if depth and field.is_relation and isinstance(field.related_model, type):
            for further in paths(field.related_model, depth - 1):
                yield f"{name}__{further}"


def asked_by(user: User) -> HttpRequest:
    request = HttpRequest()
    request.user = user
    return request


@pytest.mark.parametrize("model_admin", own_lists(), ids=lambda each: each.opts.label_lower)
def test_no_lookup_reaches_beyond_what_the_page_declares(model_admin: OwnRowsAdmin, own: World) -> None:
    declared = DECLARED.get(model_admin.opts.label_lower, set())
    allowed = declared | {f"{name}{end}" for name in declared if "__" not in name for end in ("__exact", "__isnull")}
    for user, more in ((own.people[Role.ADMIN], set()), (make.user(None), {"account__id__exact"})):
        request = asked_by(user)
        names = {f"{path}{end}" for path in paths(model_admin.model, DEEP) for end in SUFFIXES} | {"pk", "id__gt"}
        assert len(names) > 100
        answers = listing.declared_lookups(model_admin, request)
        assert answers - allowed - more == set(), "each lookup that a page takes stands in DECLARED"
        found = {name for name in names if name in answers}
        assert found <= allowed | more
        for name in list(names - answers)[:20]:
            assert not model_admin.lookup_allowed(name, "x", request), name
        for name in answers:
            assert model_admin.lookup_allowed(name, "x", request), name


@pytest.mark.parametrize(
    ("name", "lookup"),
    [
        ("accounts_user", "sessions__session_key__regex=^a"),
        ("accounts_user", "session__session_key__startswith=a"),
        ("accounts_user", "password__startswith=a"),
        ("accounts_user", "authenticator__recovery_digests__contains=a"),
        ("accounts_apikey", "digest__startswith=a"),
        ("accounts_apikey", "created_by__password__regex=."),
        ("invoices_invoice", "debtor__page_key__gt=a"),
        ("invoices_invoice", "account__name=x"),
        ("invoices_invoice", "amount__gt=1"),
        ("webhooks_delivery", "subscription__secret__startswith=a"),
        ("communications_communication", "invoice__account__users__password__regex=^m"),
    ],
)
def test_what_a_page_does_not_declare_is_refused(name: str, lookup: str, own: World) -> None:
    for client in (own.logged_in(Role.ADMIN), platform()):
        assert client.get(f"{page(name, 'changelist')}?{lookup}").status_code == 400
        assert client.get(f"{page(name, 'export', 'csv')}?{lookup}").status_code == 400


def test_every_filter_that_a_list_offers_is_declared(own: World, settings: Any) -> None:
    settings.TEMPLATES = [{"BACKEND": "tests.dashboard.blank.Blanks", "DIRS": [], "APP_DIRS": False}]
    client = own.logged_in(Role.ADMIN)
    for name in LISTS:
        app, model = name.split("_", 1)
        for declared in DECLARED.get(f"{app}.{model}", ()):
            answer = client.get(f"{page(name, 'changelist')}?{declared}=1")
            assert answer.status_code in (200, 302), (name, declared)


def test_the_row_of_a_session_holds_no_key(own: World) -> None:
    client = logged_in(own.people[Role.VIEWER])
    key = client.cookies["sessionid"].value
    row = Session.objects.get(user=own.people[Role.VIEWER])
    assert row.session_key == digest(key)
    assert key not in repr(vars(row))
    stolen: Any = type(client)()
    stolen.cookies["sessionid"] = row.session_key
    assert stolen.get("/admin/").status_code == 302
    assert client.get("/admin/").status_code == 200


def test_a_key_that_a_visitor_made_up_is_never_taken_over() -> None:
    client: Any = type(platform())()
    client.cookies["sessionid"] = "a" * 32
    client.post("/admin/login/", {"username": "nobody@example.com", "password": "x"})
    assert not Session.objects.filter(session_key=digest("a" * 32)).exists()
