"""Reports of payment providers: signed, recorded once, and never lost."""

import datetime as dt
import io
import json
import logging
import time
import uuid
from decimal import Decimal
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.test import Client

from inflow.accounts.models import Account
from inflow.masking import mask_log_line
from invoices import ledger, lifecycle
from invoices.errors import Refused
from invoices.models import HookKind, Invoice, Payment, PaymentHook, PaymentReport, Receipt, TimelineEntry
from invoices.payment_hooks import hooks, reports, signatures
from tests import make
from tests.parallel import at_once

pytestmark = pytest.mark.django_db
STRIPE_SECRET = "whsec_0123456789abcdefghij"


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.invoice(account, invoice_number="INV-7", amount=25_000)


@pytest.fixture
def hook(account: Account) -> PaymentHook:
    return hooks.create(account, HookKind.HMAC)[0]


@pytest.fixture
def stripe(account: Account) -> PaymentHook:
    hook, secret = hooks.create(account, HookKind.STRIPE)
    assert secret == ""
    assert post(hook, event(), secret=STRIPE_SECRET).status_code == 401  # before the secret is known
    hooks.rotate(hook, STRIPE_SECRET)
    return hook


def post(hook: PaymentHook, data: Any, *, age: int = 0, secret: str = "", header: str | None = None) -> Any:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    at = str(int(time.time()) - age)
    signature = signatures.sign(at, body, secret or hooks.secret_of(hook))
    name = signatures.HEADERS[HookKind(hook.kind)]
    headers = {name: f"t={at},v1={signature}" if header is None else header}
    path = f"/hooks/payments/{hook.token}"
    response = Client(enforce_csrf_checks=True).post(path, body, "application/json", headers=headers)
    assert hook.token not in response.content.decode()
    return response


def payment(**given: Any) -> dict[str, Any]:
    return {"id": "pay-1", "invoice_number": "INV-7", "amount": 1000.5, "currency": "AED", "reference": "R-1", **given}


def event(kind: str = "checkout.session.completed", *, id: str = "evt_1", **row: Any) -> dict[str, Any]:
    standard = {
        "id": "cs_1",
        "payment_intent": "pi_1",
        "payment_status": "paid",
        "amount_total": 100_050,
        "amount_received": 100_050,
        "currency": "aed",
        "metadata": {"invoice_number": "INV-7"},
    }
    return {
        "id": id,
        "type": kind,
        "created": int(time.time()),
        "livemode": True,
        "data": {"object": {**standard, **row}},
    }


def test_a_payment_is_recorded_once_and_answered_200_again(
    account: Account, invoice: Invoice, hook: PaymentHook
) -> None:
    assert [post(hook, payment()).status_code for _ in range(3)] == [200, 200, 200]
    (receipt,) = Receipt.objects.all()
    assert (receipt.amount, receipt.method, receipt.reference) == (Decimal("1000.5"), "online", "R-1")
    assert make.again(invoice).amount_paid == Decimal("1000.5")
    (report,) = PaymentReport.objects.all()
    assert (report.status, report.receipt, report.invoice) == ("recorded", receipt, invoice)
    assert Payment.objects.count() == 1
    assert ledger.count_unbalanced(account) == 0


def test_an_invoice_is_found_by_its_id_too_and_more_than_the_balance_is_credit(
    account: Account, invoice: Invoice, hook: PaymentHook
) -> None:
    post(hook, payment(invoice_number="", invoice_id=str(invoice.pk), amount="25100", paid_at="2026-01-05"))
    assert make.again(invoice).status == "paid"
    assert Receipt.objects.get().paid_at == dt.date(2026, 1, 5)
    assert ledger.credit_of([invoice.debtor_id]) == {invoice.debtor_id: {"AED": Decimal(100)}}


@pytest.mark.parametrize(
    "how",
    [
        {"header": ""},
        {"header": "v1=00"},
        {"header": "t=1,v1=00"},
        {"header": "t=x,v1=é"},
        {"header": "t=1,t=2,v1=00"},
        {"age": 301},
        {"age": -301},
        {"secret": "another-secret-of-somebody"},
    ],
)
def test_what_is_unsigned_forged_or_old_is_401(invoice: Invoice, hook: PaymentHook, how: dict[str, Any]) -> None:
    if "header" in how:
        how = {"header": how["header"].encode("latin-1").decode("latin-1")}
    refused = post(hook, payment(), **how)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'InFlow-Signature realm="payments"')
    assert not PaymentReport.objects.exists()
    assert make.again(invoice).amount_paid == 0


@pytest.mark.parametrize(
    ("token", "status"), [("%00", 400), ("%ff", 401), ("x" * 3_000, 401), ("%D9%A3", 401), ("'", 401)]
)
def test_an_address_that_cannot_be_one_is_refused(db: None, token: str, status: int) -> None:
    assert Client().post(f"/hooks/payments/{token}", b"{}", "application/json").status_code == status


def test_an_altered_body_is_401(invoice: Invoice, hook: PaymentHook) -> None:
    at = str(int(time.time()))
    signature = signatures.sign(at, json.dumps(payment()).encode(), hooks.secret_of(hook))
    assert post(hook, payment(amount=9_000), header=f"t={at},v1={signature}").status_code == 401


def test_the_address_and_the_secret_belong_together(account: Account, invoice: Invoice, hook: PaymentHook) -> None:
    other, _ = hooks.create(make.account(), HookKind.HMAC)
    assert post(other, payment(), secret=hooks.secret_of(hook)).status_code == 401
    # Signed by its own account, a report never reaches another one's invoice.
    assert post(other, payment()).status_code == 200
    assert PaymentReport.objects.get().problem == "unknown_invoice"
    assert post(other, payment(id="2", invoice_number="", invoice_id=str(invoice.pk))).status_code == 200
    assert make.again(invoice).amount_paid == 0
    unknown = PaymentHook(kind="hmac", token="0" * 48, sealed_secret=hook.sealed_secret)
    assert post(unknown, payment()).status_code == 401


def test_one_of_several_signatures_is_enough(invoice: Invoice, stripe: PaymentHook) -> None:
    body, at = json.dumps(event()).encode(), str(int(time.time()))
    own = signatures.sign(at, body, STRIPE_SECRET)
    assert post(stripe, body, header=f"t={at},v1={'0' * 64},v1={own},v0=old").status_code == 200
    assert make.again(invoice).amount_paid == Decimal("1000.5")


def test_a_new_secret_ends_the_old_one_and_a_hook_that_is_off_answers_401(invoice: Invoice, hook: PaymentHook) -> None:
    old = hooks.secret_of(hook)
    new = hooks.rotate(hook)
    assert post(hook, payment(), secret=old).status_code == 401
    assert post(hook, payment(), secret=new).status_code == 200
    hook.is_on = False
    hook.save()
    assert post(hook, payment(id="2")).status_code == 401


def test_the_secret_is_stored_encrypted(hook: PaymentHook, stripe: PaymentHook) -> None:
    for each in (hook, stripe):
        row = str(PaymentHook.objects.filter(pk=each.pk).values().get())
        assert hooks.secret_of(each) not in row
    with pytest.raises(Refused):
        hooks.rotate(stripe, "short")


def test_secrets_move_to_a_new_key(hook: PaymentHook, stripe: PaymentHook, settings: Any) -> None:
    secrets = hooks.secret_of(hook), hooks.secret_of(stripe)
    hooks.create(stripe.account, HookKind.STRIPE)  # without a secret
    new = Fernet.generate_key().decode()
    settings.FIELD_KEYS = [new, *settings.FIELD_KEYS]
    call_command("reseal_secrets", stdout=io.StringIO())
    settings.FIELD_KEYS = [new]
    hook.refresh_from_db()
    stripe.refresh_from_db()
    assert (hooks.secret_of(hook), hooks.secret_of(stripe)) == secrets


# --- Stripe ------------------------------------------------------------------------------------------------------


def test_a_checkout_and_its_payment_are_one_receipt(account: Account, invoice: Invoice, stripe: PaymentHook) -> None:
    """Stripe sends both, in any order, and the payment may have no metadata."""
    intent = event("payment_intent.succeeded", id="evt_2", metadata={}, payment_intent=None) | {}
    intent["data"]["object"]["id"] = "pi_1"
    assert post(stripe, intent).status_code == 200
    assert PaymentReport.objects.get().problem == "unknown_invoice"
    assert post(stripe, event()).status_code == 200
    assert Receipt.objects.count() == 1
    assert set(PaymentReport.objects.values_list("status", "problem")) == {("recorded", "")}
    again = event("payment_intent.succeeded", id="evt_3")
    again["data"]["object"] |= {"id": "pi_1", "payment_intent": None}
    assert post(stripe, again).status_code == 200
    assert make.again(invoice).amount_paid == Decimal("1000.5")
    assert ledger.count_unbalanced(account) == 0


@pytest.mark.parametrize(
    ("currency", "reported", "amount"),
    [("jpy", 500, "500"), ("kwd", 1_500, "1.5"), ("aed", 1_050, "10.5"), ("ugx", 50_000, "500")],
)
def test_minor_units_are_those_of_stripe(
    account: Account, stripe: PaymentHook, currency: str, reported: int, amount: str
) -> None:
    made = make.invoice(account, invoice_number="C", amount=1_000, currency=currency.upper())
    post(stripe, event(currency=currency, amount_total=reported, metadata={}, client_reference_id="C"))
    assert make.again(made).amount_paid == Decimal(amount)


@pytest.mark.parametrize(
    "ignored",
    [
        event(payment_status="unpaid"),
        event("customer.created"),
        event("charge.succeeded"),
        event(amount_total=0),
    ],
)
def test_what_is_no_payment_is_answered_200_and_not_stored(stripe: PaymentHook, ignored: dict[str, Any]) -> None:
    assert post(stripe, ignored).status_code == 200
    assert not PaymentReport.objects.exists()


def test_a_payment_of_the_test_mode_is_not_recorded_in_a_live_account(invoice: Invoice, stripe: PaymentHook) -> None:
    assert post(stripe, event() | {"livemode": False}).status_code == 200
    assert PaymentReport.objects.get().problem == "test_mode"
    assert make.again(invoice).amount_paid == 0


@pytest.mark.parametrize("kind", ["charge.refunded", "charge.dispute.created"])
def test_money_that_is_taken_back_waits_for_a_person(invoice: Invoice, stripe: PaymentHook, kind: str) -> None:
    post(stripe, event())
    back = event(kind, id="evt_9", amount=100_050, amount_refunded=100_050)
    assert [post(stripe, back).status_code for _ in range(2)] == [200, 200]
    report = PaymentReport.objects.get(event_id="evt_9")
    assert (report.status, report.problem, report.receipt) == ("open", "taken_back", Receipt.objects.get())
    assert report.invoice == invoice
    assert make.again(invoice).amount_paid == Decimal("1000.5")
    assert TimelineEntry.objects.filter(invoice=invoice, kind="payment_reported").count() == 1


def test_a_refund_that_arrives_before_its_payment_names_it_afterwards(invoice: Invoice, stripe: PaymentHook) -> None:
    post(stripe, event("charge.refunded", id="evt_9", amount_refunded=100_050))
    assert PaymentReport.objects.get().invoice == invoice
    post(stripe, event())
    report = PaymentReport.objects.get(event_id="evt_9")
    assert (report.status, report.receipt) == ("open", Receipt.objects.get())
    assert TimelineEntry.objects.filter(invoice=invoice, kind="payment_reported").count() == 1


def test_a_person_reverses_the_whole_payment_that_was_taken_back(
    account: Account, invoice: Invoice, stripe: PaymentHook
) -> None:
    post(stripe, event("charge.refunded", id="evt_8", amount_refunded=50))
    post(stripe, event("charge.refunded", id="evt_9", amount_refunded=100_050))
    early = PaymentReport.objects.get(event_id="evt_9")
    with pytest.raises(Refused, match="whole amount"):
        reports.reverse(early, make.STAFF)
    post(stripe, event())
    reports.reverse(PaymentReport.objects.get(event_id="evt_9"), make.STAFF, reason="Refunded.")
    report = PaymentReport.objects.get(event_id="evt_9")
    assert (report.status, report.handled_by, report.handled_because) == ("recorded", make.STAFF.name, "Refunded.")
    assert (make.again(invoice).amount_paid, Receipt.objects.get().status) == (Decimal(0), "reversed")
    with pytest.raises(Refused, match="handled already"):
        reports.reverse(report, make.STAFF)
    with pytest.raises(Refused, match="whole amount"):
        reports.reverse(PaymentReport.objects.get(event_id="evt_8"), make.STAFF)


def test_a_chargeback_and_its_withdrawal_are_one_matter_for_a_person(invoice: Invoice, stripe: PaymentHook) -> None:
    post(stripe, event())
    for id, kind in (("evt_8", "charge.dispute.created"), ("evt_9", "charge.dispute.funds_withdrawn")):
        post(stripe, event(kind, id=id, amount=100_050))
    backs = PaymentReport.objects.filter(kind="dispute")
    assert sorted(backs.values_list("status", flat=True)) == ["open", "recorded"]
    assert set(backs.values_list("receipt", flat=True)) == {Receipt.objects.get().pk}
    assert TimelineEntry.objects.filter(invoice=invoice, kind="payment_reported").count() == 1


def test_a_payment_that_is_sent_again_under_another_event_id_is_recorded_once(
    account: Account, invoice: Invoice, hook: PaymentHook
) -> None:
    post(hook, payment(payment_id="p-1"))
    post(hook, payment(id="pay-2", payment_id="p-1"))
    post(hook, payment(id="pay-3"))  # only its reference shows that it is the same
    assert make.again(invoice).amount_paid == Decimal("1000.5")
    statuses = dict(PaymentReport.objects.values_list("event_id", "status"))
    assert statuses == {"payment:pay-1": "recorded", "payment:pay-2": "recorded", "payment:pay-3": "open"}


# --- What can't be recorded --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"invoice_number": "NOPE"}, "unknown_invoice"),
        ({"invoice_number": ""}, "unknown_invoice"),
        ({"currency": "USD"}, "other_currency"),
        ({"amount": "10.555"}, "too_many_decimals"),
    ],
)
def test_what_can_not_be_recorded_is_kept_and_answered_200(
    invoice: Invoice, hook: PaymentHook, given: dict[str, Any], problem: str
) -> None:
    assert [post(hook, payment(**given)).status_code for _ in range(2)] == [200, 200]
    report = PaymentReport.objects.get()
    assert (report.status, report.problem) == ("open", problem)
    assert make.again(invoice).amount_paid == 0


def test_a_cancelled_invoice_takes_no_payment_and_the_report_is_kept(
    account: Account, invoice: Invoice, hook: PaymentHook
) -> None:
    lifecycle.change(account, invoice.pk, make.STAFF, status="cancelled")
    post(hook, payment(invoice_number="", invoice_id=str(invoice.pk)))
    report = PaymentReport.objects.get()
    assert (report.status, report.problem, report.detail) == ("open", "cancelled", "")
    assert reports.reason_of(report) == "No payment can be recorded for a cancelled invoice."


def test_a_payment_that_staff_recorded_already_is_left_to_them(
    account: Account, invoice: Invoice, hook: PaymentHook
) -> None:
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal("1000.5"), reference="R-1")
    post(hook, payment())
    assert make.again(invoice).amount_paid == Decimal("1000.5")
    report = PaymentReport.objects.get()
    assert report.problem == "duplicate"
    assert "R-1" in reports.reason_of(report)


def test_a_person_records_it_on_the_right_invoice_once(account: Account, invoice: Invoice, hook: PaymentHook) -> None:
    post(hook, payment(invoice_number="inv seven"))
    report = PaymentReport.objects.get()
    with pytest.raises(Refused):
        reports.record_on(report, "NOPE", make.STAFF)
    reports.record_on(report, "INV-7", make.STAFF)
    assert make.again(invoice).amount_paid == Decimal("1000.5")
    with pytest.raises(Refused):
        reports.record_on(report, "INV-7", make.STAFF)
    with pytest.raises(Refused):
        reports.dismiss(report, make.STAFF, reason="Twice.")
    post(hook, payment(id="other-event", payment_id="pay-1"))
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b'{"id": "1"}', 422),
        (b'{"id": "1", "id": "2"}', 400),
        (b'{"id": "1", "invoice_number": "INV-7", "amount": NaN, "currency": "AED"}', 400),
        (b'{"id": "1", "invoice_number": "INV-7", "amount": -5, "currency": "AED"}', 422),
        (b'{"id": "1", "invoice_number": "INV-7", "amount": 5, "currency": "XXX"}', 422),
        (b'{"id": "1", "invoice_number": "INV-7", "amount": 5.12345, "currency": "AED"}', 422),
        (b" " * (256 * 1024 + 1), 413),
    ],
)
def test_an_unreadable_report_is_refused_in_words(hook: PaymentHook, body: bytes, status: int) -> None:
    response = post(hook, body)
    assert response.status_code == status
    assert response.json()["detail"]
    assert not PaymentReport.objects.exists()


def test_no_log_line_has_the_address_or_the_secret(
    invoice: Invoice, hook: PaymentHook, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        post(hook, payment())
        post(hook, payment(), header="t=1,v1=0")
        post(hook, b"{")
    out = caplog.text + "".join(capsys.readouterr())
    lines = mask_log_line(None, "", f'{out} "path": "/hooks/payments/{hook.token}"')
    assert hook.token not in lines
    assert hooks.secret_of(hook) not in out


@pytest.mark.django_db(transaction=True)
def test_parallel_duplicates_record_once() -> None:
    account = make.account()
    invoice = make.invoice(account, invoice_number="INV-7", amount=25_000)
    hook, _ = hooks.create(account, HookKind.HMAC)
    same = [lambda: post(hook, payment()).status_code] * 4
    others = [lambda n=n: post(hook, payment(id=f"e{n}", payment_id="pay-1")).status_code for n in range(2)]
    assert set(at_once(*same, *others)) == {200}
    assert Receipt.objects.count() == 1
    assert make.again(invoice).amount_paid == Decimal("1000.5")
    assert set(PaymentReport.objects.values_list("status", flat=True)) == {"recorded"}


def test_a_token_is_long_and_random(account: Account) -> None:
    tokens = {hooks.create(account, HookKind.HMAC)[0].token for _ in range(5)}
    assert len(tokens) == 5
    assert all(len(token) == 48 and uuid.UUID(token[:32]) for token in tokens)
