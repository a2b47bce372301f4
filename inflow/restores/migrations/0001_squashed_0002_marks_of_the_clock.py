import django.utils.timezone
import uuid
from django.db import migrations, models


def make_installation(apps, schema_editor):
    """Give each backup a key, also one that is taken before anything was sent."""
    apps.get_model("restores", "Installation").objects.create(key=uuid.uuid4())


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Installation',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('key', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('identity', models.JSONField(default=dict, help_text='The server and database on which it last ran.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('held_at', models.DateTimeField(help_text='Since then messages and webhooks are held.', null=True)),
                ('held_because', models.CharField(blank=True, choices=[('behind', 'the database is older than what was sent'), ('unmarked', 'the database runs on another server, and nothing outside it says what was sent')], max_length=10)),
                ('lost_since', models.DateTimeField(null=True)),
                ('lost_until', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='there_is_one_installation')],
            },
        ),
        migrations.CreateModel(
            name='Mark',
            fields=[
                ('slot', models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ('number', models.BigIntegerField()),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ClockMark',
            fields=[
                ('work', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.RunPython(make_installation, migrations.RunPython.noop),
    ]
