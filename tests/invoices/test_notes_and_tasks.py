"""Notes and tasks about invoices and debtors."""

import datetime as dt
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.db.utils import DatabaseError
from django.test import Client

from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from invoices import notes, signals, staff_tasks
from invoices.debtors import merging
from invoices.errors import NotFound, Refused
from invoices.models import Note, StaffFile, Task, TimelineEntry
from tests import make

pytestmark = pytest.mark.django_db


def _person(account: Account, name: str, role: Role = Role.AGENT) -> User:
    return User.objects.create_user(f"{name}@firm.example", account=account, role=role)


def test_a_note_about_a_debtor_is_listed_with_those_about_its_invoices_the_newest_first() -> None:
    account = make.account()
    invoice = make.invoice(account)
    debtor = invoice.debtor
    notes.add(account, invoice.pk, make.STAFF, "They asked for a copy.")
    notes.add_to_debtor(account, debtor.pk, make.STAFF, "The buyer is on leave.")
    texts = ["The buyer is on leave.", "They asked for a copy."]
    assert [note.text for note in notes.of_debtor(debtor)] == texts
    assert [note.text for note in notes.of_invoice(invoice)] == texts


def test_a_note_is_about_one_thing_and_is_never_changed() -> None:
    account = make.account()
    invoice = make.invoice(account)
    note = notes.add_to_debtor(account, invoice.debtor_id, make.STAFF, "Once.")
    with pytest.raises(DatabaseError), transaction.atomic():
        Note.objects.filter(pk=note.pk).update(text="Twice.")
    with pytest.raises(IntegrityError, match="a_note_is_about_an_invoice_or_a_debtor"), transaction.atomic():
        Note.objects.create(account=account, text="Of nothing.", author="x", at=account.now())


def test_another_accounts_debtor_takes_no_note_and_no_task() -> None:
    account, other = make.account(), make.account("Other")
    debtor = make.invoice(other).debtor
    with pytest.raises(NotFound):
        notes.add_to_debtor(account, debtor.pk, make.STAFF, "Ours?")
    with pytest.raises(NotFound):
        staff_tasks.create(account, make.STAFF, text="Ours?", due_on=account.today(), debtor_id=debtor.pk)


def test_notes_of_a_merged_debtor_are_shown_with_the_one_that_replaces_it() -> None:
    account = make.account()
    one = make.invoice(account, invoice_number="A", debtor_email="a@a.example", debtor_name="A").debtor
    two = make.invoice(account, invoice_number="B", debtor_email="b@b.example", debtor_name="B").debtor
    notes.add_to_debtor(account, one.pk, make.STAFF, "Before the merge.")
    task = staff_tasks.create(account, make.STAFF, text="Call.", due_on=account.today(), debtor_id=one.pk)
    done = merging.merge(account, one.pk, two.pk, make.STAFF)
    assert [note.text for note in notes.of_debtor(two)] == ["Before the merge."]
    assert list(staff_tasks.of_debtor(two)) == [task]
    merging.undo(account, done.pk, make.STAFF)
    assert not notes.of_debtor(two)
    assert list(staff_tasks.of_debtor(one)) == [task]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@anna please call", ["anna@firm.example"]),
        ("Ask @Anna, @omar. and @anna@firm.example", ["anna@firm.example", "omar@firm.example"]),
        ("write to anna@firm.example", []),
        ("@nobody @gone", []),
    ],
)
def test_a_note_mentions_active_people_of_its_account(text: str, expected: list[str]) -> None:
    account = make.account()
    _person(account, "anna")
    _person(account, "omar", Role.VIEWER)
    gone = _person(account, "gone")
    gone.is_active = False
    gone.save()
    heard: list[str] = []

    def hear(sender: object, mentioned: list[User], **_: Any) -> None:
        heard.extend(person.email for person in mentioned)

    signals.note_added.connect(hear)
    try:
        notes.add_to_debtor(account, make.invoice(account).debtor_id, make.STAFF, text)
    finally:
        signals.note_added.disconnect(hear)
    assert heard == expected


def test_a_first_part_that_two_people_share_mentions_neither() -> None:
    account = make.account()
    people = [_person(account, "anna"), User.objects.create_user("anna@other.example", account=account)]
    assert notes.mentioned("@anna", people) == []
    assert notes.mentioned("@anna@other.example", people) == [people[1]]


def test_a_task_is_created_postponed_assigned_done_and_reopened() -> None:
    account = make.account()
    anna, invoice = _person(account, "anna"), make.invoice(account)
    today = account.today()
    task = staff_tasks.create(account, make.STAFF, text="Send it.", due_on=today, owner=anna, invoice_id=invoice.pk)
    assert staff_tasks.count_due(anna) == 1
    staff_tasks.postpone(account, task.pk, make.STAFF, today + dt.timedelta(days=3))
    assert staff_tasks.count_due(anna) == 0
    staff_tasks.assign(account, task.pk, make.STAFF, None)
    staff_tasks.finish(account, task.pk, make.STAFF)
    task = Task.objects.get(pk=task.pk)
    assert (task.owner, task.due_on, task.is_open) == (None, today + dt.timedelta(days=3), False)
    with pytest.raises(Refused, match="already done"):
        staff_tasks.finish(account, task.pk, make.STAFF)
    staff_tasks.reopen(account, task.pk, make.STAFF)
    kinds = TimelineEntry.objects.filter(invoice=invoice, kind__startswith="task").order_by("id")
    assert [entry.kind for entry in kinds] == ["task_created", "task_done", "task_reopened"]


def test_a_task_is_not_assigned_to_a_viewer_or_another_account_nor_due_in_the_past() -> None:
    account, other = make.account(), make.account("Other")
    invoice = make.invoice(account)
    today = account.today()
    for owner in (_person(account, "viewer", Role.VIEWER), _person(other, "stranger")):
        with pytest.raises(Refused, match="can't be assigned"):
            staff_tasks.create(account, make.STAFF, text="x", due_on=today, owner=owner, invoice_id=invoice.pk)
    with pytest.raises(Refused, match="in the past"):
        staff_tasks.create(account, make.STAFF, text="x", due_on=today - dt.timedelta(days=1), invoice_id=invoice.pk)


def test_the_forms_of_notes_tasks_and_files_act_once() -> None:
    account = make.account()
    invoice, client = make.invoice(account), Client()
    client.force_login(_person(account, "anna"))
    of_invoice = f"/admin/invoices/invoice/{invoice.pk}"
    html = client.get(f"{of_invoice}/change/").content.decode()
    (key,) = re.findall(r'name="key"[^>]*value="([0-9a-f-]{36})"', html)
    for _time in range(2):
        assert client.post(f"{of_invoice}/add_note/", {"text": "Once.", "key": key}).status_code == 302
        client.post(f"{of_invoice}/add_task/", {"text": "Once.", "due_on": account.today(), "key": key})
        client.post(f"{of_invoice}/add_file/", {"file": SimpleUploadedFile("a.txt", b"signed"), "key": key})
    assert (Note.objects.count(), Task.objects.count(), StaffFile.objects.count()) == (1, 1, 1)
    for page in ("add_task", "add_file"):
        assert 'name="key"' in client.get(f"{of_invoice}/{page}/").content.decode()
