"""What hostile or broken input gets: a clear refusal that names the field, and nothing is written or mended."""

import json
from typing import Any

import pytest

from inflow.accounts.models import Account
from inflow.api.errors import MAX_ERRORS
from invoices.models import Debtor
from tests import make
from tests.api.client import Answer, Caller, is_problem
from tests.unchanged import nothing_happens

GOOD: dict[str, Any] = {
    "invoice_number": "INV-1",
    "debtor_name": "Ahmed Al Rashid",
    "debtor_company": "Gulf Trading LLC",
    "debtor_email": "ahmed@gulftrading.example",
    "debtor_phone": "+971501234567",
    "amount": 25000,
    "currency": "AED",
    "issue_date": "2026-01-15",
    "due_date": "2026-02-14",
    "language": "en",
    "notes": "",
    "amount_paid": 0,
}


def with_literal(field: str, literal: str) -> bytes:
    """The good body, with `literal` as the JSON of `field`."""
    rest = {name: value for name, value in GOOD.items() if name != field}
    return f'{json.dumps(rest)[:-1]}, "{field}": {literal}}}'.encode()


def post(api: Caller, body: bytes) -> Answer:
    """With an Idempotency-Key: its fingerprint reads the body too."""
    return api.send("POST", "invoices", body, headers={"Idempotency-Key": "k-1"})


def test_the_good_body_is_good(account: Account, api: Caller) -> None:
    assert post(api, json.dumps(GOOD).encode()).status == 201


UNPARSEABLE = {
    "not JSON": b"{'a': 1}",
    "cut off": b'{"notes": "x',
    "more than one value": b"{}{}",
    "a comma too many": b'{"notes": "x",}',
    "a comment": b"{} // x",
    "only a space": b" ",
    "NaN": with_literal("amount", "NaN"),
    "Infinity": with_literal("amount", "Infinity"),
    "-Infinity": with_literal("amount", "-Infinity"),
    "NaN in an unknown field": with_literal("x", "[NaN]"),
    "a duplicate key": with_literal("amount", '1, "amount": 2'),
    "a duplicate key, escaped": with_literal("amount", '1, "\\u0061mount": 2'),
    "a duplicate key inside": with_literal("x", '{"a": 1, "a": 1}'),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "invalid UTF-8": with_literal("notes", '"x"').replace(b'"x"', b'"\xff"'),
    "overlong UTF-8": with_literal("notes", '"x"').replace(b'"x"', b'"\xc0\x80"'),
    "a surrogate in UTF-8": with_literal("notes", '"x"').replace(b'"x"', b'"\xed\xa0\x80"'),
    "half a surrogate pair": with_literal("notes", '"\\ud800"'),
    "half a surrogate pair in a choice": with_literal("currency", '"\\udfff"'),
    "half a surrogate pair in a key": with_literal("\\ud800", "1"),
    "a raw NUL": with_literal("notes", '"x"').replace(b'"x"', b'"\x00"'),
    "a raw line break": with_literal("notes", '"x"').replace(b'"x"', b'"\n"'),
    "an integer of 5,000 digits": with_literal("amount", "9" * 5_000),
    "an exponent of 20 digits": with_literal("amount", "1e" + "9" * 20),
    "a negative exponent of 20 digits": with_literal("amount", "1e-" + "9" * 20),
    "a leading zero": with_literal("amount", "007"),
    "a hexadecimal number": with_literal("amount", "0x10"),
    "a plus sign": with_literal("amount", "+1"),
    "Arabic-Indic digits": with_literal("amount", "٢٥٠٠٠"),
    "arrays, 6,000 deep": b"[" * 6_000 + b"]" * 6_000,
    "arrays, 6,000 deep, left open": b"[" * 6_000,
    "arrays, 6,000 deep, in a field": with_literal("notes", "[" * 6_000 + "]" * 6_000),
    "objects, 6,000 deep": with_literal("x", '{"a":' * 6_000 + "1" + "}" * 6_000),
    **{f"arrays, {depth} deep": with_literal("currency", "[" * depth + "]" * depth) for depth in (40, 300, 880, 980)},
}


@pytest.mark.parametrize("body", UNPARSEABLE.values(), ids=UNPARSEABLE)
def test_what_is_no_unambiguous_json_is_400(account: Account, api: Caller, body: bytes) -> None:
    with nothing_happens(account):
        problem = is_problem(post(api, body), 400, "unparseable")
    assert problem["detail"].startswith("The body is no JSON that can be read: ")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"true", b"1.5", b"[{}]", b'""'])
@pytest.mark.parametrize("path", ["invoices", "payments", "invoice", "webhooks/subscribe"])
def test_a_body_that_is_no_object_is_422(account: Account, api: Caller, path: str, body: bytes) -> None:
    invoice = f"invoices/{make.invoice(account).pk}"
    method = "PATCH" if path == "invoice" else "POST"
    path = {"payments": f"{invoice}/payments", "invoice": invoice}.get(path, path)
    with nothing_happens(account):
        problem = is_problem(api.send(method, path, body, headers={"Idempotency-Key": "k"}), 422)
    assert [error["field"] for error in problem["errors"]] == [""]


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 60_000, b" " * 300 * 1024, b'"' + b"x" * 300 * 1024])
def test_a_body_of_hundreds_of_kilobytes_is_refused_soon(account: Account, api: Caller, body: bytes) -> None:
    with nothing_happens(account):
        assert post(api, body).status in (400, 413)


NOT_A_NUMBER = ["1.5", "true", "false", "[]", '["x"]', "{}", '{"a": 1}']
NOT_TEXT = ["5", "0", *NOT_A_NUMBER]
BLANK = ["null", '""', '" "', '"\\t"', '"\\u00a0"']
NUL = ['"\\u0000"', '"a\\u0000b"']
X = '"' + "x" * 500 + '"'
# The JSON of each wrong value; numbers and words as they stand, texts below in quotes.
WRONG: dict[str, list[str]] = {
    "invoice_number": [*NOT_A_NUMBER, *BLANK, *NUL, X, '"\\u200b"', '"\\u202e"', '"' + "x" * 65 + '"'],
    "debtor_name": [*NOT_TEXT, *BLANK, *NUL, X],
    "debtor_company": [*NOT_TEXT, *NUL, X, '" "'],
    "debtor_email": [*NOT_TEXT, *NUL, X],
    "debtor_phone": [*NOT_TEXT, *NUL, X],
    "amount": [
        *("null", "true", "false", "[]", "{}", "0", "-0", "0.0", "-1", "-0.01", "0.001", "1.005", "10.555", "1e-3"),
        *("1e400", "1e-400", "1e999999999", "1e-999999999", "1e15", "9" * 16, "9" * 4_000),
        *("999999999999999.999999999999999", "123456789012345.67"),
    ],
    "amount_paid": ["true", "-1", "0.001", "1e400", "[]", "999999999999999.999999999999999"],
    "currency": [*NOT_TEXT, *BLANK, *NUL, X],
    "issue_date": [value for value in NOT_TEXT if value != "null"] + NUL,
    "due_date": [*NOT_TEXT, *BLANK, *NUL, "1770940800"],
    "language": [*NOT_TEXT, *NUL, X],
    "notes": [*NOT_TEXT, *NUL, '" "', '"' + "x" * 10_001 + '"'],
}
DATES = "2026-02-30|2025-02-29|2026-13-01|2026-00-01|2026-2-1|01/02/2026|20260201|2026-W05-1|2026-02-01T00:00:01Z"
WRONG_TEXTS: dict[str, list[str]] = {
    field: texts.split("|")
    for field, texts in {
        "debtor_email": "a|a@b|a@b@c.de|a b@c.de| a@c.de|a@c.de\r\nBcc: x@y.z|a@c.de, b@c.de|<a@c.de>|a@-c.de|a@c.d_e",
        "debtor_phone": "12|phone|+|+999123456789012345|050 123 4567; DROP",
        "amount": "| 5|5 |+5|-5|1e3|1,000|1.000,00|AED 5|NaN|Infinity|0x10|٢٥٠٠٠|५|5.|.5|1_000|5\0|0|0.00|1.005",
        "amount_paid": "-1|٥|1e3",
        "currency": "AED |XXX|Dirham|د.إ",
        "issue_date": f"{DATES}|٢٠٢٦-٠٢-٠١|0001-01-01|9999-12-31|2026-02-01 ",
        "due_date": f"|{DATES}|२०२६-०२-०१|1969-12-31|3000-01-01|2026-01-14|tomorrow",
        "language": "fr|EN|en-GB|العربية",
    }.items()
}


@pytest.mark.parametrize("field", GOOD)
def test_what_is_wrong_for_a_field_is_422_and_names_it(account: Account, api: Caller, field: str) -> None:
    with nothing_happens(account):
        for literal in [*WRONG[field], *(json.dumps(text) for text in WRONG_TEXTS.get(field, []))]:
            problem = is_problem(post(api, with_literal(field, literal)), 422, field=field)
            assert [error["field"] for error in problem["errors"]] == [field], literal


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("10.5", "JPY"), ("1.005", "AED"), ("0.0001", "KWD"), ("0.1", "XOF"), ("1.001", "USD"), ("1.0001", "OMR")],
)
def test_more_decimals_than_the_currency_has_are_refused(
    account: Account, api: Caller, amount: str, currency: str
) -> None:
    body = with_literal("amount", amount).replace(b'"AED"', f'"{currency}"'.encode())
    with nothing_happens(account):
        is_problem(post(api, body), 422, "too_many_decimals", "amount")


def test_a_due_date_before_the_issue_date_is_refused(account: Account, api: Caller) -> None:
    with nothing_happens(account):
        is_problem(post(api, with_literal("due_date", '"2026-01-14"')), 422, "before_issue_date", "due_date")


WRONG_CHANGES: dict[str, list[Any]] = {
    "status": ["escalated", "Paid", "", None, 5, ["paid"], {}],
    "payment_status": ["PAID", "overdue", None, True],
    "notes": [5, True, ["x"], "x" * 10_001, "a\0b"],
    "hold_until": ["2026-02-30", "9999-12-31", "", None, 5],
}


@pytest.mark.parametrize("field", WRONG_CHANGES)
def test_a_wrong_change_is_422_and_names_the_field(account: Account, api: Caller, field: str) -> None:
    path = f"invoices/{make.invoice(account).pk}"
    with nothing_happens(account):
        for value in WRONG_CHANGES[field]:
            is_problem(api.patch(path, {"status": "on_hold"} | {field: value}), 422, field=field)


HOSTILE_NAMES = [
    "",
    " ",
    "\0",
    "__proto__",
    "constructor",
    "__class__",
    "non_field_errors",
    "errors.0.field",
    "<script>alert(1)</script>",
    "'; DROP TABLE invoices_invoice; --",
    "{{ 7*7 }}",
    "%s%n",
    "\r\nX-Injected: 1",
    "\u202egnp.exe",
    "😀",
    "x" * 5_000,
    "Amount",
    "amount ",
    "account",
    "account_id",
    "debtor",
    "self",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: repr(name)[:24])
def test_an_unknown_field_is_422_whatever_its_name(account: Account, api: Caller, name: str) -> None:
    with nothing_happens(account):
        problem = is_problem(post(api, json.dumps(GOOD | {name: 1}).encode()), 422, "unknown_field")
    shown = "" if name == "non_field_errors" else name[:64]
    assert [error["field"] for error in problem["errors"]] == [shown]


@pytest.mark.parametrize("name", ["id", "status", "payment_status", "version", "created_at", "balance"])
def test_what_only_we_may_set_is_said_to_be_read_only(account: Account, api: Caller, name: str) -> None:
    with nothing_happens(account):
        is_problem(post(api, json.dumps(GOOD | {name: "x"}).encode()), 422, "read_only", name)


def test_twenty_thousand_unknown_fields_are_answered_briefly(account: Account, api: Caller) -> None:
    with nothing_happens(account):
        answer = post(api, json.dumps({f"k{number}": 1 for number in range(20_000)}).encode())
    assert len(is_problem(answer, 422, "unknown_field")["errors"]) == MAX_ERRORS
    assert len(answer.body) < 10_000


@pytest.mark.parametrize("events", [[], ["invoice.created"] * 21, "invoice.created", [["invoice.created"]], {}, None])
def test_events_of_another_shape_are_422(account: Account, api: Caller, events: Any) -> None:
    with nothing_happens(account):
        is_problem(api.post("webhooks/subscribe", {"target_url": "https://example.com/hook", "events": events}), 422)


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE x; --", "<img src=x onerror=alert(1)>", "شركة الخليج ٢٥", "😀\U0010ffff", "\u202e", "a\u0301"],
)
def test_any_other_text_comes_back_as_it_was_given(account: Account, api: Caller, text: str) -> None:
    made = post(api, json.dumps(GOOD | {"debtor_name": text, "notes": text}).encode())
    assert made.status == 201
    assert {made.json[name] for name in ("debtor_name", "notes")} == {text}


def test_names_that_grow_when_they_are_compared_are_taken(account: Account, api: Caller) -> None:
    """Case folding makes three characters of this one."""
    name = "ΐ" * 200
    for number in ("1", "2"):
        body = {"invoice_number": number, "debtor_name": name, "debtor_company": name}
        assert api.post("invoices", {"amount": 1, "currency": "AED", "due_date": "2026-02-14"} | body).status == 201
    assert Debtor.objects.for_account(account).count() == 1


def test_a_query_string_that_is_not_utf_8_is_400(api: Caller) -> None:
    for query in ("q=%ff", "q=%ED%A0%80", "%ff=1"):
        is_problem(api.get(f"invoices?{query}"), 400, "unparseable")


def test_a_thousand_query_parameters_are_400(api: Caller) -> None:
    is_problem(api.get("invoices?" + "&".join(f"a{number}=1" for number in range(1_500))), 400)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("X-InFlow-Key", 401),
        ("Idempotency-Key", 400),
        ("X-Request-Id", 201),
        ("User-Agent", 201),
        ("Accept", 201),
        ("Cookie", 201),
    ],
)
def test_a_header_of_60_kilobytes_does_no_harm(account: Account, api: Caller, name: str, status: int) -> None:
    answer = api.send("POST", "invoices", GOOD, headers={name: "x" * 60_000})
    assert answer.status == status
    if status != 201:
        is_problem(answer, status)
