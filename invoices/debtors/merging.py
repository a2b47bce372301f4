"""Merging two debtors into one, and undoing it.

Every row that refers to the merged debtor then refers to the remaining one, except for the consent log. The merged
debtor keeps its own row, and its identities and external ids find the remaining debtor. Contacts and corrections keep
their party, and messages, pages and statements are per party anyway, so no party learns of another by a merge.

`DebtorMerge` stores the moved rows. Undoing moves exactly these back.
"""

import datetime as dt
import functools
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ParamSpec, TypeVar

import structlog
from django.apps import apps
from django.db import OperationalError
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.languages import english
from inflow.sql import Batch, account_scope
from invoices import ledger, money, signals, timeline
from invoices.cases import escalations
from invoices.debtors import aliases, debtor_parties, merged_rows, receivables
from invoices.errors import Busy, NotFound, Refused
from invoices.models import (
    OPEN,
    Allocation,
    CaseStatus,
    Debtor,
    DebtorMerge,
    Escalation,
    Invoice,
    Promise,
    PromiseStatus,
)

UNDO_WITHIN = dt.timedelta(days=30)
# Seconds to wait for transactions that add rows to a debtor.
_WAIT = 5


log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def again_if_busy(verb: Callable[P, T]) -> Callable[P, T]:
    """Call the function again while a transaction that adds rows to the debtor goes on. It holds no lock meanwhile."""

    @functools.wraps(verb)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        until = time.monotonic() + _WAIT
        while True:
            try:
                return verb(*args, **kwargs)
            except Busy:
                if time.monotonic() > until:
                    raise Refused("debtor", "changed", _("The debtor is changing just now. Try again.")) from None
                time.sleep(0.02)

    return wrapper


@dataclass(frozen=True, slots=True)
class Preview:
    """The effects of a merge: the number of rows that move, by model name, and sentences about the rest."""

    loser: Debtor
    winner: Debtor
    moves: dict[str, int]
    outstanding: dict[str, Decimal]
    credit: dict[str, Decimal]
    effects: list[str]


def preview(account: Account, loser_id: uuid.UUID, winner_id: uuid.UUID) -> Preview:
    """Return the effects of merging two debtors, without any. Raise `Refused` or `NotFound` as `merge` does."""
    loser, winner = _pair(account, loser_id, winner_id)
    return _preview(loser, winner)


@again_if_busy
def merge(account: Account, loser_id: uuid.UUID, winner_id: uuid.UUID, actor: Actor) -> DebtorMerge:
    """Merge one debtor into another. Raise `Refused` or `NotFound`."""
    with account_scope(account):
        loser, winner = _pair(account, loser_id, winner_id)
        loser, winner = _lock(account, loser, winner)
        if loser.merged_into_id or winner.merged_into_id:
            raise Refused("debtor", "changed", _("The debtor has changed in the meantime. Try again."))
        done = DebtorMerge(
            account=account,
            loser=loser,
            winner=winner,
            merged_at=account.now(),
            merged_by=actor.name,
            created_at=timezone.now(),
        )
        invoices = _locked_invoices(Q(debtor=loser))
        merged_rows.keep_parties(done)
        for model, column in merged_rows.relations():
            if displaced := merged_rows.displace(model, column, loser, winner):
                done.displaced[model._meta.label_lower] = displaced
            merged_rows.move(done, model, column)
        merged_rows.combine(done)
        done.save(force_insert=True)
        loser.merged_into, loser.updated_at = winner, timezone.now()
        loser.save(update_fields=["merged_into", "updated_at"])
        _note(invoices, winner, "debtor_merged", actor, loser, winner)
        audit.record(account, actor.name, "debtor.merged", english(loser)[:120], into=english(winner), id=str(done.pk))
        signals.debtor_changed.send(Debtor, debtor=winner, actor=actor)
    return done


@again_if_busy
def undo(account: Account, merge_id: uuid.UUID, actor: Actor) -> DebtorMerge:
    """Move back what a merge moved. What came since stays with the remaining debtor. Raise `Refused` or `NotFound`."""
    with account_scope(account):
        done: DebtorMerge | None = DebtorMerge.objects.for_account(account).filter(pk=merge_id).first()
        if done is None:
            raise NotFound
        loser, winner = _lock(account, done.loser, done.winner)
        done.refresh_from_db()
        done.loser, done.winner = loser, winner
        check_undo(done)
        invoices = _locked_invoices(Q(debtor=winner, pk__in=done.moved.get("invoices.invoice.debtor", ())))
        merged_rows.move_back(done)
        for label, rows in done.displaced.items():
            model = apps.get_model(label)
            for values in rows:
                model(**merged_rows.load(model, values)).save(force_insert=True)
        for name, value in merged_rows.load(Debtor, done.before).items():
            if merged_rows.dump(winner, [name]) == {name: done.after[name]}:
                setattr(winner, name, value)
        winner.updated_at = loser.updated_at = timezone.now()
        if debtor_parties.have_one_in_common(loser, winner):
            winner.page_key = uuid.uuid4()  # its links since the merge went to both
        winner.save(update_fields=[*done.before, "page_key", "updated_at"])
        loser.merged_into = None
        if winner.answered_at and winner.answered_at > done.merged_at:
            loser.answered_at = winner.answered_at  # either may have replied
        loser.save(update_fields=["merged_into", "answered_at", "updated_at"])
        done.undone_at, done.undone_by = account.now(), actor.name
        done.save(update_fields=["undone_at", "undone_by"])
        _note(invoices, loser, "merge_undone", actor, winner, loser)
        audit.record(account, actor.name, "debtor.merge_undone", english(loser)[:120], id=str(done.pk))
        # What was planned for them since the merge follows.
        signals.invoices_moved.send(Invoice, invoices=invoices, previous=None, debtor=loser)
        for debtor in (loser, winner):
            signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)
    return done


def check_undo(done: DebtorMerge) -> None:
    """Raise `Refused` if the merge can't be undone."""
    account = done.account
    if done.undone_at:
        raise Refused("merge", "already_undone", _("This merge has already been undone."))
    if account.now() > undo_until(done):
        message = _("A merge can be undone for %(days)s days. Split the debtor instead.")
        raise Refused("merge", "too_late", message % {"days": UNDO_WITHIN.days})
    pair = [done.loser_id, done.winner_id]
    later = DebtorMerge.objects.filter(Q(loser__in=pair) | Q(winner__in=pair), account=account, undone_at=None)
    newest = later.filter(created_at__gt=done.created_at).order_by("-created_at").first()
    if newest:
        values = {"id": newest.pk, "loser": newest.loser, "winner": newest.winner}
        message = _("First undo the later merge of %(loser)s into %(winner)s (%(id)s).")
        raise Refused("merge", "later_merge", message % values)
    if crossing := _crossing(done):
        message = _(
            "Since the merge, money was allocated across the two debtors: %(list)s. Undo these allocations first."
        )
        raise Refused("merge", "allocated_across", message % {"list": "; ".join(crossing)})


def undo_until(done: DebtorMerge) -> dt.datetime:
    """Return the time until which the merge can be undone, in the account's time."""
    return done.merged_at + UNDO_WITHIN


def counts(done: DebtorMerge) -> dict[str, int]:
    """Return the number of moved rows by model name."""
    found: dict[str, int] = {}
    for key, ids in done.moved.items():
        _app, model, column = key.split(".")
        if column != "party":
            found[model] = found.get(model, 0) + len(ids)
    return found


def stragglers(account: Account | None = None) -> dict[str, int]:
    """Return the number of rows that refer to a merged debtor, by column. There should be none."""
    found = {}
    for model, column in merged_rows.relations():
        rows = model._default_manager.filter(**{f"{column}__merged_into__isnull": False})
        count = (rows.filter(account=account) if account else rows).count()
        if count:
            found[merged_rows.column_key(model, column)] = count
    return found


def count_stragglers() -> int:
    """Log and count the rows that refer to a merged debtor. The result should be 0."""
    found = stragglers()
    for column, count in found.items():
        log.error("row_of_a_merged_debtor", column=column, count=count)
    return sum(found.values())


# --- The pair ----------------------------------------------------------------------------------------------------


def _pair(account: Account, loser_id: uuid.UUID, winner_id: uuid.UUID) -> tuple[Debtor, Debtor]:
    """Return the debtors. An alias stands for the debtor that replaces it."""
    debtors = {each.pk: each for each in Debtor.objects.for_account(account).filter(pk__in=[loser_id, winner_id])}
    for each in debtors.values():
        each.account = account
    if loser_id not in debtors:
        raise NotFound
    if winner_id not in debtors:
        raise Refused("into", "unknown", _("into must be the id of another debtor of this account."))
    loser, winner = debtors[loser_id], aliases.current(debtors[winner_id])
    if loser.merged_into_id:
        message = _("%(debtor)s is already merged into %(other)s (%(id)s).")
        into = aliases.current(loser)
        raise Refused("debtor", "already_merged", message % {"debtor": loser, "other": into, "id": into.pk})
    if loser.pk == winner.pk:
        raise Refused("into", "itself", _("A debtor can't be merged into itself. Choose another debtor."))
    return loser, winner


def _lock(account: Account, loser: Debtor, winner: Debtor) -> tuple[Debtor, Debtor]:
    """Lock both, by id, and then let nobody add rows to the merged debtor (see `aliases.hold`). Raise `Busy`."""
    rows = Debtor.objects.filter(account=account)
    locked = {
        each.pk: each
        for each in rows.filter(pk__in=(loser.pk, winner.pk)).select_for_update(no_key=True).order_by("id")
    }
    for each in locked.values():
        each.account = account
    try:
        rows.select_for_update(nowait=True).get(pk=loser.pk)
    except OperationalError as error:
        raise Busy from error
    return locked[loser.pk], locked[winner.pk]


def _locked_invoices(condition: Q) -> list[Invoice]:
    return list(Invoice.objects.filter(condition).select_for_update(no_key=True).order_by("id"))


def _preview(loser: Debtor, winner: Debtor) -> Preview:
    moves: dict[str, int] = {}
    for model, column in merged_rows.relations():
        if count := model._default_manager.filter(**{column: loser}).count():
            moves[model._meta.model_name or ""] = moves.get(model._meta.model_name or "", 0) + count
    open_promises = Promise.objects.filter(invoice__debtor=loser, status=PromiseStatus.OPEN)
    if count := open_promises.count():
        moves["promise"] = count
    return Preview(
        loser,
        winner,
        moves,
        receivables.balances(loser.invoices.filter(status__in=OPEN).order_by("currency")),
        ledger.credit_of([loser.pk]).get(loser.pk, {}),
        list(_effects(loser, winner)),
    )


def _effects(loser: Debtor, winner: Debtor) -> Iterator[str]:
    """Yield sentences about what the merge changes besides moving rows."""
    names = {"loser": loser, "winner": winner}
    if loser.opted_out_at or winner.opted_out_at:
        yield _("Nothing is sent to the remaining debtor, because one of the two has opted out.")
    if loser.never_chase or winner.never_chase:
        yield _("The remaining debtor is marked never chase, because one of the two is.")
    unresolved = Escalation.objects.exclude(status=CaseStatus.RESOLVED).filter(invoice__status__in=OPEN)
    if unresolved.filter(invoice__debtor__in=(loser, winner), level=escalations.MAX_LEVEL).exists():
        yield _("A level 2 case of one of the two stops all messages.")
    keys = set(Invoice.objects.filter(debtor__in=(loser, winner)).order_by().values_list("party", flat=True).distinct())
    if len(set(debtor_parties.groups(winner.account, keys).values())) > 1:
        yield _("Their invoices name different parties, which keep separate messages, pages and statements.")
    yield _("The contact limits count the messages and payments of both together.")
    if loser.policy_id != winner.policy_id:
        yield _("Invoices of %(loser)s without a reminder policy of their own follow the policy of %(winner)s.") % names
    if loser.owner_id and not winner.owner_id:
        yield _("%(winner)s gets the owner of %(loser)s.") % names
    elif loser.owner_id not in (None, winner.owner_id):
        yield _("%(winner)s keeps its owner.") % names
    settings = ("language", "time_zone", "country", "subdivision")
    if any(getattr(loser, name) not in ("", getattr(winner, name)) for name in settings):
        yield _("Language, time zone and country of %(winner)s apply to all messages.") % names


def _crossing(done: DebtorMerge) -> list[str]:
    """Return the allocations since the merge that would be between the two debtors after it is undone."""
    invoices = set(map(uuid.UUID, done.moved.get("invoices.invoice.debtor", ())))
    sources = {
        uuid.UUID(pk) for name in ("receipt", "creditnote") for pk in done.moved.get(f"invoices.{name}.debtor", ())
    }
    of_winner = Q(receipt__debtor=done.winner_id) | Q(credit_note__debtor=done.winner_id)
    since = Allocation.objects.filter(of_winner, invoice__debtor=done.winner_id, created_at__gt=done.created_at)
    lines = since.order_by().values("receipt", "credit_note", "invoice").annotate(total=Sum("amount"))
    found = [
        line
        for line in lines
        if line["total"] and (line["invoice"] in invoices) != ((line["receipt"] or line["credit_note"]) in sources)
    ]
    numbers = {each.pk: each for each in Invoice.objects.filter(pk__in=[line["invoice"] for line in found])}
    shown = [(numbers[line["invoice"]], line["total"], line["receipt"] or line["credit_note"]) for line in found]
    shown.sort(key=lambda line: (line[0].invoice_number, line[1]))
    text = _("%(amount)s on invoice %(number)s from %(source)s")
    return [
        text % {"amount": money.display(total, on.currency), "number": on.invoice_number, "source": source}
        for on, total, source in shown
    ]


def _note(invoices: Sequence[Invoice], debtor: Debtor, kind: str, actor: Actor, old: Debtor, new: Debtor) -> None:
    for start in range(0, len(invoices), 500):
        batch = Batch()
        for invoice in invoices[start : start + 500]:
            invoice.account, invoice.debtor = debtor.account, debtor
            timeline.note(invoice, kind, actor, batch=batch, old=old, new=new)
        batch.flush()
