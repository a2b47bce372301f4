import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_squashed_0010_session_keys_are_hashed'),
        ('communications', '0005_attached_documents'),
    ]

    operations = [
        migrations.AddField(
            model_name='communication',
            name='has_copies',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name='reply',
            name='recipient',
            field=models.CharField(blank=True, db_default='', editable=False, max_length=254),
        ),
        migrations.CreateModel(
            name='Copy',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('message_id', models.UUIDField(editable=False)),
                ('position', models.PositiveSmallIntegerField()),
                ('channel', models.CharField(choices=[('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp')], max_length=10)),
                ('recipient', models.CharField(max_length=254)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('language', models.CharField(choices=[('en', 'English'), ('ar', 'العربية')], max_length=2)),
                ('subject', models.CharField(blank=True, max_length=300)),
                ('body', models.TextField()),
                ('html', models.TextField(blank=True)),
                ('status', models.CharField(choices=[('scheduled', 'Scheduled'), ('held', 'Held for approval'), ('sending', 'Sending'), ('sent', 'Sent'), ('delivered', 'Delivered'), ('read', 'Read'), ('replied', 'Replied'), ('bounced', 'Bounced'), ('failed', 'Failed'), ('unknown', 'Unknown: may have been delivered'), ('suppressed', 'Suppressed'), ('cancelled', 'Cancelled')], default='scheduled', max_length=12)),
                ('scheduled_for', models.DateTimeField()),
                ('claimed_at', models.DateTimeField(editable=False, help_text='When a worker began to send it, in real time.', null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('refusal', models.CharField(blank=True, editable=False, max_length=10)),
                ('refusals', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('provider_id', models.CharField(blank=True, editable=False, max_length=255)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'verbose_name_plural': 'copies',
                'ordering': ['message_id', 'position'],
                'indexes': [models.Index(condition=models.Q(('status', 'scheduled')), fields=['scheduled_for'], name='copy_due'), models.Index(condition=models.Q(('status', 'sending')), fields=['claimed_at'], name='copy_claimed'), models.Index(fields=['account', 'recipient'], name='copy_to_an_address')],
                'constraints': [models.UniqueConstraint(fields=('message_id', 'recipient'), name='a_recipient_gets_one_copy_of_a_message'), models.UniqueConstraint(condition=models.Q(('provider_id', ''), _negated=True), fields=('account', 'provider_id'), name='a_provider_id_is_of_one_copy'), models.CheckConstraint(condition=models.Q(('status__in', ['scheduled', 'held', 'sending', 'sent', 'delivered', 'read', 'replied', 'bounced', 'failed', 'unknown', 'suppressed', 'cancelled'])), name='copy_status_is_known')],
            },
        ),
    ]
