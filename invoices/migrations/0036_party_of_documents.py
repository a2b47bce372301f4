from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def take_from_invoices(apps: Any, schema_editor: Any) -> None:
    documents = apps.get_model("invoices", "Document").objects.using(schema_editor.connection.alias)
    invoices = apps.get_model("invoices", "Invoice").objects.filter(pk=OuterRef("invoice"))
    documents.update(party=Subquery(invoices.values("party")))


class Migration(migrations.Migration):
    dependencies = [("invoices", "0035_searches_for_possible_duplicates")]

    operations = [
        migrations.AddField(
            "document",
            "party",
            models.CharField(
                max_length=231,
                db_default="",
                editable=False,
                help_text="The party of the invoice when the document was attached or confirmed.",
            ),
        ),
        migrations.RunPython(take_from_invoices, migrations.RunPython.noop),
    ]
