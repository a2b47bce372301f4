import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Indexes by which debtors are searched by words and listed by name, and invoices found by the beginning of the
    number and by currency. They are built without locking the tables."""

    atomic = False

    dependencies = [
        ('accounts', '0011_scope_to_send_messages'),
        ('communications', '0008_earlier_contacts'),
        ('invoices', '0038_payments_of_bank_lines_and_reasons_as_codes'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='debtor',
            index=models.Index(condition=models.Q(('merged_into', None)), fields=['account', 'name', 'id'], name='debtor_by_name'),
        ),
        AddIndexConcurrently(
            model_name='debtor',
            index=django.contrib.postgres.indexes.GinIndex(models.Func(models.Func(models.Func('name', 'company', 'email', arg_joiner=" || ' ' || ", template='%(expressions)s'), template="array_remove(regexp_split_to_array(translate(lower(%(expressions)s), 'أإآٱىة٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹ـًٌٍَُِّْٰ', 'اااايه01234567890123456789'), '[ -/:-@\\[-`{-~،؛]+'), '')"), models.Func('account', template="('@' || %(expressions)s::text)"), models.Func('phone', template="('#' || reverse(%(expressions)s))"), arg_joiner=' || ', output_field=django.contrib.postgres.search.SearchVectorField(), template='array_to_tsvector(%(expressions)s)'), name='debtor_by_words'),
        ),
        AddIndexConcurrently(
            model_name='invoice',
            index=models.Index(fields=['account', 'invoice_number'], name='invoice_by_beginning', opclasses=['uuid_ops', 'varchar_pattern_ops']),
        ),
        AddIndexConcurrently(
            model_name='invoice',
            index=models.Index(fields=['account', 'currency'], name='invoice_by_currency'),
        ),
        RemoveIndexConcurrently(
            model_name='invoice',
            name='invoice_by_number',
        ),
    ]
