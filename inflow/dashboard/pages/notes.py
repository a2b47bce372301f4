"""Notes on the pages of invoices and debtors: the list, and the form in place."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import TextField
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.forms import OnceForm
from invoices import notes
from invoices.models import Debtor, Invoice, Note

SHOWN, _NAMES_SHOWN = 50, 8


class NoteForm(OnceForm):
    text = TextField(label=_lazy("Note"), rows=3, max_length=notes.MAX_TEXT)

    def prepare(self) -> None:
        super().prepare()
        self.fields["text"].help_text = _help(self.row)


def _help(row: Invoice | Debtor) -> str:
    """Return the sentence that says how to mention people, with the shortest name of each."""
    names: dict[int, str] = {}
    for name, member in notes.handles(notes.people(row.account_id)).items():
        names[member.pk] = min(names.get(member.pk, name), name, key=len)
    some = " ".join(f"@{name}" for name in list(names.values())[:_NAMES_SHOWN])
    return _("Debtors never see notes. Mention colleagues to send them the note by email: %(names)s") % {"names": some}


def _add(model_admin: Any, row: Invoice | Debtor, actor: Actor, form: NoteForm) -> str:
    add = notes.add if isinstance(row, Invoice) else notes.add_to_debtor
    note = add(row.account, row.pk, actor, **form.cleaned_data)
    members = notes.mentioned(note.text, notes.people(note.account_id))
    if not members:
        return _("The note was added.")
    return _("The note was added. Mentioned: %(people)s.") % {"people": ", ".join(member.email for member in members)}


class NoteActions:
    add_note = row_action(_lazy("Add note"), icon="add_comment", form=NoteForm)(_add)


def shown(row: Invoice | Debtor, user: User) -> dict[str, Any]:
    """Return the context of admin/notes.html."""
    is_invoice = isinstance(row, Invoice)
    found = notes.of_invoice(row) if isinstance(row, Invoice) else notes.of_debtor(row)
    listed = list(found[: SHOWN + 1])
    url = reverse(f"admin:invoices_{'invoice' if is_invoice else 'debtor'}_add_note", args=[row.pk])
    return {
        "rows": [_line(note, row) for note in listed[:SHOWN]],
        "has_more": len(listed) > SHOWN,
        "shown": SHOWN,
        "url": url if user.may(Role.AGENT) else "",
        "form": NoteForm(row=row),
    }


def _line(note: Note, row: Invoice | Debtor) -> dict[str, Any]:
    """Return a note. `about` names the invoice or the debtor if it is not the row of this page."""
    line: dict[str, Any] = {"note": note, "at": note.created_at.astimezone(row.account.zone)}
    if note.invoice and note.invoice_id != row.pk:
        line |= {"about": note.invoice.invoice_number, "url": _url("invoice", note.invoice_id)}
    elif note.debtor and isinstance(row, Invoice):
        line |= {"about": str(note.debtor), "url": _url("debtor", note.debtor_id)}
    return line


def _url(model: str, pk: Any) -> str:
    return reverse(f"admin:invoices_{model}_change", args=[pk])
