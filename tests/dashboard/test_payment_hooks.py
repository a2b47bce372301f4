"""Payment providers, their reports and the payment link, in the dashboard."""

import re

import pytest
from django.test import Client
from django.utils import translation

from inflow.accounts.models import Account, AuditEntry
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.models import HookKind, PaymentHook, PaymentReport, PaymentSettings, ReportKind
from invoices.payment_hooks import hooks
from tests import make
from tests.dashboard.world import logged_in, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def admin(account: Account) -> Client:
    return logged_in(make.user(account, Role.ADMIN))


def test_a_provider_gets_a_secret_that_is_shown_once(admin: Client) -> None:
    answer = admin.post(page("invoices_paymenthook", "add"), {"kind": "hmac"})
    hook = PaymentHook.objects.get()
    secret = hooks.secret_of(hook)
    assert secret in answer.content.decode()
    assert hooks.address(hook) in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    html = admin.get(page("invoices_paymenthook", "change", hook.pk)).content.decode()
    assert secret not in html
    assert hooks.address(hook) in html
    answer = admin.post(page("invoices_paymenthook", "rotate", hook.pk), {"post": "yes"})
    hook.refresh_from_db()
    assert hooks.secret_of(hook) in answer.content.decode()
    assert hooks.secret_of(hook) != secret
    assert secret not in str(list(AuditEntry.objects.values()))


def test_stripes_secret_is_entered_and_never_shown(admin: Client) -> None:
    admin.post(page("invoices_paymenthook", "add"), {"kind": "stripe"})
    hook = PaymentHook.objects.get()
    address = page("invoices_paymenthook", "rotate", hook.pk)
    assert "Secret missing" in admin.get(page("invoices_paymenthook", "change", hook.pk)).content.decode()
    assert "whsec_" in admin.post(address, {"secret": "short"}).content.decode()
    secret = "whsec_0123456789abcdefghij"
    html = admin.post(address, {"secret": secret}, follow=True).content.decode()
    assert secret not in html
    hook.refresh_from_db()
    assert hooks.secret_of(hook) == secret


def test_a_provider_is_switched_off_and_on(account: Account, admin: Client) -> None:
    hook, _ = hooks.create(account, HookKind.HMAC)
    for action, is_on in (("switch_off", False), ("switch_on", True)):
        admin.post(page("invoices_paymenthook", action, hook.pk), {"post": "yes"})
        hook.refresh_from_db()
        assert hook.is_on == is_on


def test_a_report_of_no_invoice_is_on_the_home_page_and_is_recorded_by_a_person(account: Account) -> None:
    agent = logged_in(make.user(account, Role.AGENT))
    hook, _ = hooks.create(account, HookKind.HMAC)
    report = make.payment_report(hook, invoice_number="invoice seven")
    invoice = make.invoice(account, invoice_number="INV-7", amount=500)
    change = page("invoices_paymentreport", "change", report.pk)
    assert change in agent.get("/admin/").content.decode()
    assert "No invoice has this number." in agent.get(change).content.decode()
    record = page("invoices_paymentreport", "record_on_invoice", report.pk)
    assert "No invoice has this number." in agent.post(record, {"invoice_number": "NOPE"}).content.decode()
    html = agent.post(record, {"invoice_number": "INV-7"}, follow=True).content.decode()
    assert "A payment of AED 100.00 was recorded." in html
    assert make.again(invoice).amount_paid == 100
    assert change not in agent.get("/admin/").content.decode()


def test_a_refund_is_reversed_from_its_report(account: Account) -> None:
    agent = logged_in(make.user(account, Role.AGENT))
    hook, _ = hooks.create(account, HookKind.HMAC)
    invoice = make.invoice(account, invoice_number="INV-7", amount=100)
    refund = make.payment_report(hook, kind=ReportKind.REFUND, payment_id="pay-77")
    address = page("invoices_paymentreport", "reverse_payment", refund.pk)
    change = page("invoices_paymentreport", "change", refund.pk)
    assert address not in agent.get(change).content.decode()
    make.payment_report(hook, payment_id="pay-77", invoice_number="INV-7")
    assert address in agent.get(change).content.decode()
    assert "INV-7 (AED 100.00)" in agent.get(address).content.decode()
    assert "The payment was reversed." in agent.post(address, follow=True).content.decode()
    assert make.again(invoice).balance == 100


def test_the_reason_of_a_refused_report_is_in_the_readers_language(account: Account) -> None:
    person = make.user(account, Role.AGENT)
    hook, _ = hooks.create(account, HookKind.HMAC)
    invoice = make.invoice(account, invoice_number="INV-7", amount=100)
    lifecycle.change(account, invoice.pk, make.STAFF, status="cancelled")
    report = make.payment_report(hook, invoice_id=invoice.pk)
    with translation.override("ar"):
        reason = translation.gettext("No payment can be recorded for a cancelled invoice.")
    assert not reason.isascii()
    person.language = "ar"
    person.save(update_fields=["language"])
    shown = logged_in(person).get(page("invoices_paymentreport", "change", report.pk)).content.decode()
    assert reason in shown
    assert "No payment can be" not in shown


def test_a_report_is_dismissed_with_a_reason(account: Account, admin: Client) -> None:
    report = make.payment_report(hooks.create(account, HookKind.HMAC)[0])
    admin.post(page("invoices_paymentreport", "dismiss", report.pk), {"reason": "A test of ours."})
    report = PaymentReport.objects.get()
    assert (report.status, report.handled_because) == ("dismissed", "A test of ours.")


def test_the_payment_link_is_checked_when_it_is_saved(account: Account, admin: Client) -> None:
    address = page("invoices_paymentsettings", "change", account.pk)
    html = admin.post(address, {"payment_url_pattern": "https://pay.example/{iban}"}).content.decode()
    assert re.search(r"\{iban\} is unknown", html)
    assert PaymentSettings.objects.get().payment_url_pattern == ""
    pattern = "https://pay.example/{invoice_number}?amount={balance}"
    assert admin.post(address, {"payment_url_pattern": pattern}).status_code == 302
    assert PaymentSettings.objects.get().payment_url_pattern == pattern
