"""A file without a byte is refused on the form of every upload."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inflow.accounts.roles import Role
from invoices.models import BankFile, Document, Import, OpenItemsList
from tests.dashboard.world import World, page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("invoices_import", "invoices.csv"),
        ("invoices_bankfile", "bank.xml"),
        ("invoices_openitemslist", "open.csv"),
        ("invoices_document", "documents.zip"),
    ],
)
def test_an_empty_file_is_refused_in_words(own: World, model: str, name: str) -> None:
    def count() -> int:
        return sum(each.objects.count() for each in (BankFile, Document, Import, OpenItemsList))

    before = count()
    given = {"file": SimpleUploadedFile(name, b""), "as_of": own.account.today().isoformat(), "kind": "invoices"}
    answer = own.logged_in(Role.MANAGER).post(page(model, "add"), given)
    assert answer.status_code == 200
    assert "The submitted file is empty." in answer.content.decode()
    assert count() == before
