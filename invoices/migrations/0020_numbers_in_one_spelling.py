from django.db import migrations

from invoices import numbers


def respell(apps, schema_editor):
    """Numbers that become equal are listed and left as they are: which of two invoices is right, a person decides."""
    equal = numbers.respell(apps.get_model("invoices", "Invoice").objects.all())
    if equal:
        print("\nThese invoice numbers look the same. None was changed; manage.py check_numbers lists them again:")
    for each in equal:
        print(f"  {each}")


class Migration(migrations.Migration):
    dependencies = [("invoices", "0019_days_that_have_not_come")]

    operations = [migrations.RunPython(respell, migrations.RunPython.noop, elidable=True)]
