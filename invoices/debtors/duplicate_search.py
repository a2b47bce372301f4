"""Searches for possible duplicates that staff request between the nightly ones."""

import datetime as dt
import uuid

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from inflow import turns
from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.celery import wake
from invoices.debtors import duplicates
from invoices.models import DuplicateSearch

log = structlog.get_logger(__name__)

# A worker that has not finished after this time counts as dead.
LEASE = dt.timedelta(minutes=15)
MAX_CLAIMS = 3


def of(account: Account) -> DuplicateSearch:
    """Return the account's search; an unsaved one if there was none yet."""
    return DuplicateSearch.objects.filter(account=account).first() or DuplicateSearch(account=account)


def request(account: Account, actor: Actor) -> bool:
    """Request a search. Return False if one is requested or running already."""
    with transaction.atomic():
        DuplicateSearch.objects.get_or_create(account=account)
        search = DuplicateSearch.objects.select_for_update(no_key=True).get(account=account)
        if search.requested_at is not None:
            return False
        search.requested_at, search.claims, search.claimed_until = timezone.now(), 0, None
        search.save(update_fields=["requested_at", "claims", "claimed_until"])
        audit.record(account, actor.name, "debtor.duplicates_requested", str(account)[:120])
        transaction.on_commit(lambda: wake("invoices.tasks.search_duplicates", str(account.pk)))
    return True


def unclaimed() -> list[uuid.UUID]:
    """Return the accounts with a requested search on which no worker works."""
    return list(DuplicateSearch.objects.filter(_unclaimed()).values_list("account", flat=True))


def _unclaimed() -> Q:
    return turns.unclaimed() & Q(requested_at__isnull=False)


def run(account_id: uuid.UUID) -> None:
    """Search for the account's possible duplicates, unless another worker does or nobody requested it."""
    with transaction.atomic():
        free = DuplicateSearch.objects.filter(_unclaimed(), account=account_id)
        search = free.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if search is None:
            return
        search.claimed_until, search.claims = timezone.now() + LEASE, search.claims + 1
        search.save(update_fields=["claimed_until", "claims"])
    if search.claims > MAX_CLAIMS:
        log.error("duplicate_search_given_up", account=str(account_id))
    else:
        duplicates.find(search.account)
    DuplicateSearch.objects.filter(account=account_id).update(requested_at=None, claimed_until=None)
