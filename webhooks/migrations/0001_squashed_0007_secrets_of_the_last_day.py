import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


# Events and attempts are never changed, only removed when they are old.
IMMUTABLE = """
CREATE TRIGGER immutable BEFORE UPDATE ON webhooks_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE ON webhooks_attempt FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
MUTABLE = "DROP TRIGGER immutable ON webhooks_event; DROP TRIGGER immutable ON webhooks_attempt"

# Deliveries are updated twice each: their dead row versions are cleared before they slow the search for what is due.
VACUUM = """
ALTER TABLE webhooks_delivery SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000)
"""
DEFAULT_VACUUM = "ALTER TABLE webhooks_delivery RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)"


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0010_session_keys_are_hashed'),
    ]

    operations = [
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='accounts.account')),
                ('target_url', models.CharField(max_length=2000)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('invoice.created', 'Invoice created'), ('invoice.status_changed', 'Invoice status changed'), ('escalation.created', 'Escalation created'), ('payment.recorded', 'Payment recorded'), ('communication.sent', 'Communication sent'), ('communication.failed', 'Communication failed'), ('promise.broken', 'Promise broken')], max_length=40), size=None)),
                ('sealed_secret', models.TextField(editable=False)),
                ('earlier_secrets', models.JSONField(db_default=[], default=list, editable=False, help_text='Earlier secrets that still sign, newest first, each with its expiry.')),
                ('is_active', models.BooleanField(default=True)),
                ('disabled_reason', models.CharField(blank=True, editable=False, max_length=200)),
                ('failing_since', models.DateTimeField(editable=False, help_text='The first failed attempt since the last success.', null=True)),
                ('failures', models.PositiveIntegerField(default=0, editable=False, help_text='Failed attempts since then.')),
                ('is_slow', models.BooleanField(default=False, editable=False, help_text='The last response was slow: deliveries use the slow lane.')),
                ('notice_due_at', models.DateTimeField(editable=False, help_text="When the admins will be notified that it was disabled.", null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('deleted_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('notice_due_at__isnull', False)), fields=['notice_due_at'], name='subscription_notice_due')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('account', 'target_url', 'events'), name='subscription_is_unique_per_target_and_events')],
            },
        ),
        migrations.CreateModel(
            name='EventCounter',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.account')),
                ('seq', models.BigIntegerField(default=0)),
                ('kept_from', models.BigIntegerField(db_default=0, default=0, help_text='Events with lower numbers are incomplete since a restore.')),
            ],
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.CharField(editable=False, max_length=36, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='accounts.account')),
                ('seq', models.BigIntegerField()),
                ('type', models.CharField(choices=[('invoice.created', 'Invoice created'), ('invoice.status_changed', 'Invoice status changed'), ('escalation.created', 'Escalation created'), ('payment.recorded', 'Payment recorded'), ('communication.sent', 'Communication sent'), ('communication.failed', 'Communication failed'), ('promise.broken', 'Promise broken'), ('webhook.test', 'Test')], max_length=40)),
                ('body', models.TextField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-seq'],
                'constraints': [models.UniqueConstraint(fields=('account', 'seq'), name='event_number_is_unique_in_its_account')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='webhooks.event')),
                ('subscription', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='webhooks.subscription')),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('failed', 'Failed'), ('skipped', 'Skipped'), ('cancelled', 'Cancelled')], default='pending', max_length=10)),
                ('attempts_made', models.PositiveSmallIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(default=django.utils.timezone.now, null=True)),
                ('lease', models.UUIDField(editable=False, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('status', 'pending')), fields=['subscription', 'next_attempt_at'], name='delivery_due'), models.Index(condition=models.Q(('lease__isnull', False)), fields=['subscription'], name='delivery_in_flight'), models.Index(fields=['subscription', '-created_at', '-id'], name='delivery_of_a_subscription'), models.Index(fields=['account', '-created_at', '-id'], name='delivery_of_an_account')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('next_attempt_at__isnull', False), ('status', 'pending')), models.Q(models.Q(('status', 'pending'), _negated=True), ('next_attempt_at__isnull', True)), _connector='OR'), name='a_pending_delivery_and_only_it_has_a_next_attempt')],
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='webhooks.delivery')),
                ('at', models.DateTimeField()),
                ('ms', models.PositiveIntegerField(help_text='Duration in milliseconds.')),
                ('status', models.PositiveSmallIntegerField(help_text='The HTTP status. Empty if there was no response.', null=True)),
                ('error', models.CharField(blank=True, help_text='The reason for a missing response.', max_length=60)),
                ('response', models.TextField(blank=True, help_text='The first 2 KiB of the response.')),
            ],
            options={
                'ordering': ['at', 'id'],
            },
        ),
        migrations.RunSQL(IMMUTABLE, MUTABLE),
        migrations.RunSQL(VACUUM, DEFAULT_VACUUM),
    ]
