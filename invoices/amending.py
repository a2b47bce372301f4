"""Amendments: changes of what an open invoice says.

Numbers and currencies never change. An invoice whose name, company or debtor's external id changes moves to the debtor
that the identity rule finds. Emails and phones alone never change the debtor.
"""

import datetime as dt
import functools
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.languages import choice_label
from inflow.sql import account_scope
from invoices import receipts
from invoices.cases import escalations
from invoices.debtors import finding, moving, parties
from invoices.drafts import AMENDABLE, Draft
from invoices.errors import Changed, NotFound, Refused, Stale, VersionMismatch
from invoices.models import Debtor, Invoice, Resolution, Status
from invoices.registering import duplicate
from invoices.writing import changing, changing_all, check_money, lock_debtors

# A due date moved by at least so many days starts a new round; a smaller move is a correction.
NEW_ROUND_DAYS = 7
# Fields by which the debtor is found again. `debtor_external_id` is not stored on the invoice.
_NAMES = ("debtor_name", "debtor_company")
_ADDRESSES = ("debtor_email", "debtor_phone")
_IDENTIFYING = (*_NAMES, *_ADDRESSES, "debtor_id")
_ATTEMPTS = 10

P = ParamSpec("P")
T = TypeVar("T")


def again_if_changed(verb: Callable[P, T]) -> Callable[P, T]:
    """Call the function again if the invoice changed between its reading and its locking."""

    @functools.wraps(verb)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        for _attempt in range(_ATTEMPTS - 1):
            try:
                return verb(*args, **kwargs)
            except Changed:
                continue
        return verb(*args, **kwargs)

    return wrapper


@again_if_changed
def amend(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    changes: Mapping[str, Any],
    *,
    source_updated_at: dt.datetime | None = None,
    reason: str = "",
    if_version_in: Collection[int] | None = None,
) -> Invoice:
    """Change the named fields of an open invoice, all or none: those of `AMENDABLE`, notes and debtor_external_id.

    A change of notes alone is also possible while the invoice is closed. Raise `Stale` if `source_updated_at` is older
    than that of the last accepted change. Setting a field to its value changes nothing and announces nothing.
    """
    options: dict[str, Any] = {"source_updated_at": source_updated_at, "reason": reason, "if_version_in": if_version_in}
    with amended(account, invoice_id, actor, changes, **options) as draft:
        return draft.invoice


def move_due_date(
    account: Account, invoice_id: uuid.UUID, actor: Actor, due_date: dt.date, *, reason: str = ""
) -> Invoice:
    """Change the due date. If it moves by `NEW_ROUND_DAYS` or more, the reminder schedule restarts and cases close."""
    return amend(account, invoice_id, actor, {"due_date": due_date}, reason=reason)


def check_due_date(invoice: Invoice, due_date: dt.date) -> None:
    """Raise `Refused` if the invoice can't have the due date."""
    check_open(invoice, "due_date")
    if due_date < invoice.issue_date:
        raise Refused("due_date", "before_issue_date", _("due_date must not be before issue_date."))


@contextmanager
def amended(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    changes: Mapping[str, Any],
    *,
    source_updated_at: dt.datetime | None = None,
    reason: str = "",
    if_version_in: Collection[int] | None = None,
    locks_payers: bool = False,
    reopens: bool = False,
) -> Iterator[Draft]:
    """Lock the invoice, and its new debtor if the changes name another; yield the draft with the changes.

    With `locks_payers`, lock also the debtors whose money may be taken back. `reopens` takes back a cancellation first.
    """
    takes_money = locks_payers or "amount" in changes
    number = external_id = ""
    try:
        with _drafted(account, invoice_id, actor, changes, reason, if_version_in, takes_money) as (draft, debtor):
            invoice = draft.invoice
            number, external_id = invoice.invoice_number, changes.get("external_id", invoice.external_id)
            if source_updated_at:
                check_source(invoice, source_updated_at)
                invoice.source_updated_at = source_updated_at
            if reopens:
                _reopen(draft)
            _apply(draft, changes, debtor)
            yield draft
    except IntegrityError as error:
        if refusal := duplicate(error, account, number=number, external_id=external_id):
            raise refusal from error
        raise


@contextmanager
def _drafted(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    changes: Mapping[str, Any],
    reason: str,
    if_version_in: Collection[int] | None,
    locks_payers: bool,
) -> Iterator[tuple[Draft, Debtor | None]]:
    """Lock the invoice, and the debtor that the changes name, which may be the same; None if they name none."""
    if not changes.keys() & {*_NAMES, "debtor_external_id"}:
        options: dict[str, Any] = {"reason": reason, "if_version_in": if_version_in, "locks_payers": locks_payers}
        with changing(account, invoice_id, actor, **options) as draft:
            yield draft, None
        return
    with account_scope(account):
        seen = _seen(account, invoice_id)
        debtor = _debtor_of(seen, changes)
        to = debtor.pk if debtor else seen.debtor_id
        if locks_payers:
            lock_debtors(account, [invoice_id], {to, *receipts.payers(invoice_id)})
        with changing_all(account, [invoice_id], actor, debtor_id=to, reason=reason) as drafts:
            draft = drafts[invoice_id]
            if if_version_in is not None and draft.invoice.version not in if_version_in:
                raise VersionMismatch
            if any(getattr(draft.invoice, name) != getattr(seen, name) for name in _IDENTIFYING):
                raise Changed
            yield draft, debtor


def check_source(invoice: Invoice, source_updated_at: dt.datetime) -> None:
    """Raise `Stale` if a newer change from the invoice's source has been accepted."""
    last = invoice.source_updated_at
    if last and source_updated_at < last:
        message = _("A change of %(last)s has already been accepted: source_updated_at must not be older.")
        shown = last.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        raise Stale("source_updated_at", "stale", message % {"last": shown})


def _reopen(draft: Draft) -> None:
    """Take back the cancellation. The money that it released stays credit."""
    draft.invoice.cancelled_at = None
    draft.look()


# --- The debtor --------------------------------------------------------------------------------------------------


def _seen(account: Account, invoice_id: uuid.UUID) -> Invoice:
    invoice: Invoice | None = (
        Invoice.objects.for_account(account).select_related("debtor").filter(pk=invoice_id).first()
    )
    if invoice is None:
        raise NotFound
    invoice.account = invoice.debtor.account = account
    return invoice


def _debtor_of(invoice: Invoice, changes: Mapping[str, Any]) -> Debtor | None:
    """Return the debtor that the identity rule finds for the changed names, or None if they are the same."""
    external_id = canonical(changes.get("debtor_external_id") or "")
    is_same = all(changes.get(name, getattr(invoice, name)) == getattr(invoice, name) for name in _NAMES)
    if is_same and (not external_id or invoice.debtor.external_ids.filter(external_id=external_id).exists()):
        return None
    value = {name: changes.get(name, getattr(invoice, name)) for name in (*_NAMES, *_ADDRESSES)}
    return finding.get_or_create(
        invoice.account,
        name=value["debtor_name"],
        company=value["debtor_company"],
        email=value["debtor_email"],
        phone=value["debtor_phone"],
        external_id=external_id,
    )


# --- Changing the facts ------------------------------------------------------------------------------------------


def _apply(draft: Draft, changes: Mapping[str, Any], debtor: Debtor | None) -> None:
    invoice = draft.invoice
    new = {name: value for name, value in changes.items() if name in AMENDABLE and getattr(invoice, name) != value}
    if "notes" in changes:
        invoice.notes = changes["notes"]
    moves = debtor is not None and debtor.pk != invoice.debtor_id
    if not new and not moves:
        return
    check_open(invoice, next(iter(new), "debtor_external_id"))
    due_before = invoice.due_date
    for name, value in new.items():
        setattr(invoice, name, value)
    if "amount" in new:
        _check_amount(draft)
    if new.keys() & {"due_date", "issue_date"}:
        check_due_date(invoice, invoice.due_date)
        _restart_if_later(draft, due_before)
    if debtor and moves:
        moving.move([draft], debtor, draft.actor, reason=draft.reason)
    if new.keys() & {*_NAMES, *_ADDRESSES}:
        party = parties.of(invoice.debtor_name, invoice.debtor_company)
        invoice.party = party.key
        finding.add_identity(invoice.debtor, party, invoice.debtor_email, invoice.debtor_phone)
    draft.derive()


def check_open(invoice: Invoice, field: str) -> None:
    """Raise `Refused` if the invoice is closed, so that the field can't be amended."""
    if invoice.is_open:
        return
    if field == "due_date":
        message = _("The due date of an invoice that is %(status)s can't be changed.")
    else:
        message = _("An invoice that is %(status)s can't be amended.")
    raise Refused(field, "closed", message % {"status": choice_label(Status, invoice.status)})


def _check_amount(draft: Draft) -> None:
    """Return what is paid or credited beyond the new amount to the debtor's credit, the newest first."""
    invoice = draft.invoice
    check_money("amount", invoice.amount, invoice.currency)
    if invoice.balance >= 0:
        return
    for source, share, _is_whole in reversed(receipts.covering(invoice)):
        if part := min(-invoice.balance, share):
            draft.release(source, part)


def _restart_if_later(draft: Draft, due_before: dt.date) -> None:
    """Restart the reminder schedule and close the cases if the due date moved by `NEW_ROUND_DAYS` or more."""
    invoice = draft.invoice
    if (invoice.due_date - due_before).days < NEW_ROUND_DAYS:
        return
    draft.then(lambda: escalations.close_all(invoice, Resolution.NEW_ROUND, draft.actor))
    invoice.round += 1
    invoice.last_step, invoice.slip_days = None, 0
    enter_schedule(invoice)


def enter_schedule(invoice: Invoice) -> None:
    """Start the reminder schedule now."""
    invoice.dispute_paused = None
    invoice.entered_on, invoice.entered_at = invoice.account.today(), invoice.account.now()
