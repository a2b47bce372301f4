import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0010_session_keys_are_hashed'),
    ]

    operations = [
        migrations.CreateModel(
            name='Export',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('account', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account')),
                ('model', models.CharField(max_length=100)),
                ('form', models.CharField(max_length=4)),
                ('query', models.TextField()),
                ('language', models.CharField(max_length=10)),
                ('file_name', models.CharField(max_length=120)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], db_default='waiting', default='waiting', max_length=10)),
                ('failure', models.CharField(db_default='', default='', max_length=200)),
                ('rows_total', models.PositiveIntegerField(null=True)),
                ('rows_done', models.PositiveIntegerField(db_default=0, default=0)),
                ('parts_done', models.PositiveIntegerField(db_default=0, default=0)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'ordering': ['-created_at'],
                'indexes': [models.Index(condition=models.Q(('state__in', ('waiting', 'running'))), fields=['claimed_until'], name='exports_at_work')],
            },
        ),
        migrations.CreateModel(
            name='ExportPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('export', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='dashboard.export')),
                ('kind', models.CharField(choices=[('keys', 'Keys'), ('rows', 'Rows'), ('content', 'Content')], max_length=10)),
                ('number', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('export', 'kind', 'number'), name='part_of_an_export_is_unique')],
            },
        ),
    ]
