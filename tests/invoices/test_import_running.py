"""An import's way through its phases: doubled, stopped, killed, overtaken."""

import datetime as dt
import os
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.imports import phases
from invoices.imports.phases import APPLY_BATCH, confirm, counts, stop, unclaimed, work
from invoices.models import Debtor, Invoice, Payment
from invoices.models.imports import RETENTION, Import
from invoices.writing import Refused
from tests import make
from tests.parallel import at_once
from tests.unchanged import nothing_happens

WORKER = """
import django, sys, uuid
django.setup()
from invoices.imports import phases
phases.work(uuid.UUID(sys.argv[1]))
"""


def checked(account: Account, *rows: str, kind: str = "invoices") -> Import:
    """Rows as number,name,email,amount,due_date in AED; of payments as number,reference,amount."""
    headings = "invoice,name,email,amount,due" if kind == "invoices" else "invoice,reference,amount"
    text = "\n".join([headings, *rows])
    file = phases.start(
        account, make.user(account), kind=kind, file_name="x.csv", content=text.encode(), currency="AED"
    )
    while work(file.pk):
        pass
    return Import.objects.get(pk=file.pk)


def row(number: int) -> str:
    return f"N-{number},Debtor {number % 7},d{number % 7}@many.example,{number + 1}.50,2999-01-01"


def finished(file: Import) -> Import:
    while work(file.pk):
        pass
    file.refresh_from_db()
    return file


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_an_import_whose_worker_is_killed_goes_on_after_its_last_chunk_and_does_nothing_twice() -> None:
    account = make.account()
    last = make.invoice(account, debtor_name="Last", debtor_email="last@many.example").debtor
    of_last = [f"N-{n},{last.name},{last.email},5,2999-01-01" for n in range(1000, 1005)]
    file = checked(account, *map(row, range(APPLY_BATCH)), *of_last)
    confirm(file, "me@example.com")
    at = connection.settings_dict
    address = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    with transaction.atomic():
        Debtor.objects.select_for_update().get(pk=last.pk)  # its second chunk waits here, all but committed
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(file.pk)], env=os.environ | {"DATABASE_URL": address}
        )
        deadline = time.monotonic() + 60
        while counts(file)["applied"] < APPLY_BATCH and time.monotonic() < deadline:
            time.sleep(0.05)
        worker.kill()
        worker.wait()
    assert counts(file)["applied"] == APPLY_BATCH
    # On a slow machine its claim may have run out meanwhile.
    Import.objects.filter(pk=file.pk).update(claimed_until=timezone.now() + dt.timedelta(minutes=1))
    assert (unclaimed(), work(file.pk)) == ([], False)
    Import.objects.filter(pk=file.pk).update(claimed_until=timezone.now() - dt.timedelta(seconds=1))
    assert unclaimed() == [file.pk]
    assert finished(file).phase == "done"
    assert Invoice.objects.for_account(account).count() == APPLY_BATCH + 6
    assert Counter(make.events_of(account)) == {"invoice.created": APPLY_BATCH + 6}


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_one_import_one_does_it() -> None:
    account = make.account()
    file = checked(account, *map(row, range(20)))
    confirm(file, "me@example.com")
    assert at_once(*[lambda: work(file.pk)] * 3) == [False] * 3
    assert finished(file).phase == "done"
    assert Counter(make.events_of(account)) == {"invoice.created": 20}


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_read_again_after_a_kill_has_each_row_once() -> None:
    account = make.account()
    file = checked(account, row(1), row(2))
    Import.objects.filter(pk=file.pk).update(phase="reading")
    assert finished(file).phase == "checked"
    assert list(file.rows.values_list("line", "outcome")) == [(2, "new"), (3, "new")]


@pytest.mark.django_db
def test_what_others_did_since_the_preview_is_not_overwritten() -> None:
    account = make.account()
    known = [
        make.invoice(
            account, invoice_number=f"K-{n}", debtor_name="Omar", debtor_email="o@x.example", amount=5, due_in=n
        )
        for n in (10, 11)
    ]
    said = [f"{each.invoice_number},Omar,o@x.example,5,2998-01-01" for each in known]
    file = checked(account, *said, row(1), row(2))
    moved = dt.date(2997, 1, 1)
    lifecycle.move_due_date(account, known[0].pk, make.STAFF, moved)
    lifecycle.move_due_date(account, known[1].pk, make.STAFF, dt.date(2998, 1, 1))
    make.invoice(account, invoice_number="N-1", amount=7)
    confirm(file, "me@example.com")
    finished(file)
    assert list(file.rows.values_list("outcome", "is_applied")) == [
        ("refused", False),
        ("unchanged", False),
        ("refused", False),
        ("new", True),
    ]
    assert "since the preview" in file.rows.get(line=2).reason
    assert make.again(known[0]).due_date == moved


@pytest.mark.django_db
def test_a_row_that_the_verb_refuses_leaves_the_others_standing() -> None:
    account = make.account()
    invoice = make.invoice(account, invoice_number="P-1", amount=100)
    file = checked(account, "P-1,FT-1,10", "P-1,FT-2,20", "P-1,FT-3,30", kind="payments")
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(1), reference="FT-2")
    confirm(file, "me@example.com")
    assert counts(finished(file))["applied"] == 2
    assert list(Payment.objects.filter(invoice=invoice).order_by("reference").values_list("reference", "amount")) == [
        ("FT-1", 10),
        ("FT-2", 1),
        ("FT-3", 30),
    ]
    assert make.again(invoice).balance == 59


@pytest.mark.django_db
def test_an_account_has_one_running_import_at_a_time() -> None:
    account, other = make.account(), make.account("Other")
    files = [checked(account, row(1)), checked(account, row(2)), checked(other, row(3))]
    confirm(files[0], "me@example.com")
    confirm(files[2], "me@example.com")
    with transaction.atomic(), pytest.raises(Refused, match="Another import is running"), nothing_happens(account):
        confirm(files[1], "me@example.com")
    finished(files[0])
    confirm(files[1], "me@example.com")
    assert finished(files[1]).phase == "done"


@pytest.mark.django_db
def test_a_stopped_import_does_nothing_until_it_is_confirmed_again() -> None:
    account = make.account()
    file = checked(account, row(1), row(2))
    confirm(file, "me@example.com")
    stop(file, "me@example.com")
    with nothing_happens(account):
        assert (work(file.pk), unclaimed()) == (False, [])
        with pytest.raises(Refused, match="changed in the meantime"):
            stop(file, "me@example.com")
    confirm(file, "me@example.com")
    assert finished(file).phase == "done"


@pytest.mark.django_db
def test_a_file_that_always_fails_is_given_up_in_words() -> None:
    account = make.account()
    file = checked(account, row(1))
    confirm(file, "me@example.com")
    Import.objects.filter(pk=file.pk).update(stumbles=phases.MAX_CLAIMS)
    with nothing_happens(account):
        assert not work(file.pk)
    file.refresh_from_db()
    assert (file.phase, file.failure) == ("failed", "Something went wrong on our side. The error has been logged.")


@pytest.mark.django_db
def test_files_and_rows_are_forgotten_and_what_was_done_is_not() -> None:
    account = make.account()
    done, left, fresh = checked(account, row(1)), checked(account, row(2)), checked(account, row(3))
    confirm(done, "me@example.com")
    finished(done)
    old = timezone.now() - RETENTION - dt.timedelta(days=1)
    Import.objects.filter(pk__in=[done.pk, left.pk]).update(created_at=old)
    assert (phases.delete_old_files(), phases.delete_old_files()) == (2, 0)
    for file, phase in ((done, "done"), (left, "discarded"), (fresh, "checked")):
        file.refresh_from_db()
        assert (file.phase, bool(file.content), file.rows.exists()) == (phase, file == fresh, file == fresh)
    assert Invoice.objects.for_account(account).count() == 1


@pytest.mark.django_db
def test_a_file_without_rows_or_with_too_many_cells_is_told() -> None:
    account = make.account()
    assert (checked(account).phase, checked(account).failure) == ("failed", "The file has headings and no rows.")
    wide = checked(account, "N-1,Omar,o@x.example,25,000,2999-01-01")
    assert (wide.rows.get().outcome, "comma" in wide.rows.get().reason) == ("refused", True)


@pytest.mark.django_db
def test_cells_that_no_row_should_hold_are_refused() -> None:
    account = make.account()
    file = checked(
        account,
        "#REF!,Omar,,5,2999-01-01",
        f"L-1,{'x' * 10_001},,5,2999-01-01",
        f"{'9' * 200},Omar,,5,2999-01-01",
        "\0,Omar,,5,2999-01-01",
        "N-5,Omar,,1e5,2999-01-01",
        "N-6,Omar,,NaN,2999-01-01",
        "N-7,Omar,,5,",
        "N-8,,,5,2999-01-01",
    )
    assert set(file.rows.values_list("outcome", flat=True)) == {"refused", "new"}
    accepted = file.rows.filter(outcome="new").values_list("line", flat=True)
    assert list(accepted) == [5]  # what is no text has become a mark that can be seen
