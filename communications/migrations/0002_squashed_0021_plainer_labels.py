import datetime
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON communications_consententry
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0010_session_keys_are_hashed'),
        ('communications', '0001_squashed_0021_policies'),
        ('invoices', '0001_squashed_0023_plainer_labels'),
    ]

    operations = [
        migrations.CreateModel(
            name='StoredForecast',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account')),
                ('days', models.PositiveSmallIntegerField()),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('computed_at', models.DateTimeField(null=True)),
                ('until', models.DateTimeField(null=True)),
                ('is_whole', models.BooleanField(db_default=True, default=True)),
                ('count', models.PositiveIntegerField(db_default=0, default=0)),
            ],
            options={
                'indexes': [models.Index(fields=['account', 'days', '-computed_at'], name='last_forecast_of_an_account')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('computed_at', None)), fields=('account',), name='account_has_one_forecast_at_work')],
            },
        ),
        migrations.CreateModel(
            name='ForecastPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('forecast', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='communications.storedforecast')),
                ('number', models.PositiveIntegerField()),
                ('entries', models.JSONField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('forecast', 'number'), name='part_of_a_forecast_is_unique')],
            },
        ),
        migrations.CreateModel(
            name='Communication',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('message_id', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='communications', to='accounts.account')),
                ('debtor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='communications', to='invoices.debtor')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='communications', to='invoices.invoice')),
                ('round', models.PositiveSmallIntegerField(default=0)),
                ('step', models.SmallIntegerField(help_text="The step's offset from the due date, in days.", null=True)),
                ('kind', models.CharField(choices=[('reminder', 'Reminder'), ('follow_up', 'Follow-up'), ('final_notice', 'Final notice'), ('manual', 'Manual'), ('promise_followup', 'Promise follow-up'), ('thank_you', 'Thank you')], max_length=20)),
                ('try_number', models.PositiveSmallIntegerField(default=1)),
                ('channel', models.CharField(choices=[('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp')], max_length=10)),
                ('status', models.CharField(choices=[('scheduled', 'Scheduled'), ('held', 'Held for approval'), ('sending', 'Sending'), ('sent', 'Sent'), ('delivered', 'Delivered'), ('read', 'Read'), ('replied', 'Replied'), ('bounced', 'Bounced'), ('failed', 'Failed'), ('unknown', 'Unknown: may have been delivered'), ('suppressed', 'Suppressed'), ('cancelled', 'Cancelled')], default='scheduled', max_length=12)),
                ('waits_for', models.CharField(blank=True, editable=False, help_text='The reason for the last postponement.', max_length=20)),
                ('suppressed_reason', models.CharField(blank=True, max_length=40)),
                ('recipient', models.CharField(blank=True, max_length=254)),
                ('language', models.CharField(choices=[('en', 'English'), ('ar', 'العربية')], max_length=2)),
                ('subject', models.CharField(blank=True, max_length=300)),
                ('body', models.TextField(blank=True)),
                ('html', models.TextField(blank=True)),
                ('tone', models.CharField(blank=True, choices=[('friendly', 'Friendly'), ('neutral', 'Neutral'), ('firm', 'Firm')], max_length=10)),
                ('amount', models.DecimalField(decimal_places=3, help_text='The balance as it was sent.', max_digits=18, null=True)),
                ('asked', models.DecimalField(decimal_places=3, help_text="What the message asked for: the balance less its share of the debtor's credit.", max_digits=18, null=True)),
                ('scheduled_for', models.DateTimeField()),
                ('not_before', models.DateTimeField(editable=False, help_text="The earliest time, regardless of the debtor's facts: the step's day, a retry, or the end of the cool-off.", null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('claimed_at', models.DateTimeField(editable=False, help_text='When a worker began to send it, in real time.', null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('provider_id', models.CharField(blank=True, editable=False, help_text="The gateway's own ID, or that of the mail.", max_length=255)),
                ('refusal', models.CharField(blank=True, editable=False, max_length=10)),
                ('refusals', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('own_subject', models.CharField(blank=True, editable=False, max_length=300)),
                ('own_body', models.TextField(blank=True, editable=False)),
                ('closes_channel', models.BooleanField(default=False, editable=False, help_text='Failed for good: the step continues on another channel.')),
                ('segments', models.PositiveSmallIntegerField(editable=False, help_text='Billed SMS segments.', null=True)),
                ('approved_at', models.DateTimeField(editable=False, help_text='When the held message was approved.', null=True)),
                ('approved_by', models.CharField(blank=True, editable=False, max_length=254)),
            ],
            options={
                'verbose_name': 'message',
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('status', 'scheduled')), fields=['scheduled_for'], name='communication_due'), models.Index(condition=models.Q(('status', 'sending')), fields=['claimed_at'], name='communication_claimed'), models.Index(condition=models.Q(('status', 'scheduled')), fields=['debtor', 'scheduled_for'], name='communication_of_debtor_due'), models.Index(condition=models.Q(('sent_at__isnull', False)), fields=['debtor', 'sent_at'], name='communication_contacts'), models.Index(fields=['message_id'], name='communication_of_message'), models.Index(condition=models.Q(('provider_id', ''), _negated=True), fields=['provider_id'], name='communication_of_provider'), models.Index(fields=['account', '-sent_at', '-id'], name='communication_by_sending'), models.Index(fields=['account', '-created_at', '-id'], name='communication_newest')],
                'constraints': [models.UniqueConstraint(fields=('invoice', 'round', 'step', 'kind', 'try_number'), name='a_step_is_tried_once_per_number'), models.UniqueConstraint(condition=models.Q(('status__in', ['scheduled', 'held', 'sending'])), fields=('invoice', 'round', 'step', 'kind'), name='one_try_of_a_step_at_a_time'), models.CheckConstraint(condition=models.Q(('status__in', ['scheduled', 'held', 'sending', 'sent', 'delivered', 'read', 'replied', 'bounced', 'failed', 'unknown', 'suppressed', 'cancelled'])), name='communication_status_is_known'), models.UniqueConstraint(condition=models.Q(('provider_id', ''), _negated=True), fields=('account', 'provider_id', 'invoice'), name='a_provider_id_is_of_one_message')],
            },
        ),
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('channel', models.CharField(choices=[('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp')], max_length=10)),
                ('address', models.CharField(max_length=254)),
                ('invalid_at', models.DateTimeField(null=True)),
                ('invalid_because', models.CharField(blank=True, max_length=300)),
                ('opted_out_at', models.DateTimeField(null=True)),
                ('opted_in_at', models.DateTimeField(help_text='When they agreed to messages, as WhatsApp requires.', null=True)),
                ('heard_at', models.DateTimeField(help_text='When the last WhatsApp message from this number arrived.', null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'channel', 'address'), name='a_contact_is_known_once')],
            },
        ),
        migrations.CreateModel(
            name='ConsentEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='invoices.debtor')),
                ('channel', models.CharField(blank=True, choices=[('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp')], help_text='Empty: all channels.', max_length=10)),
                ('address', models.CharField(blank=True, max_length=254)),
                ('what', models.CharField(choices=[('opted_out', 'Opted out'), ('opted_in', 'Opted in')], max_length=10)),
                ('source', models.CharField(choices=[('page', "Debtor page"), ('unsubscribe', 'Unsubscribe link'), ('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp'), ('staff', 'Staff'), ('provider', 'The provider')], max_length=12)),
                ('text', models.TextField(blank=True, help_text="The debtor's words, or the reason.")),
                ('at', models.DateTimeField(help_text="The account's time.")),
                ('actor', models.CharField(max_length=254)),
            ],
            options={
                'verbose_name_plural': 'consent log',
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['account', '-at', '-id'], name='consent_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('what__in', ['opted_out', 'opted_in'])), name='a_wish_is_known'), models.CheckConstraint(condition=models.Q(('text', ''), ('what', 'opted_in'), _negated=True), name='who_is_written_to_again_has_a_reason_in_the_log')],
            },
        ),
        migrations.CreateModel(
            name='Answer',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='invoices.debtor')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='invoices.invoice')),
                ('kind', models.CharField(choices=[('paid', 'Has paid'), ('promise', 'Will pay'), ('dispute', 'Disputes it')], max_length=10)),
                ('status', models.CharField(choices=[('proposed', 'To be handled'), ('confirmed', 'Confirmed'), ('dismissed', 'Dismissed')], default='proposed', max_length=10)),
                ('took_effect', models.BooleanField(default=False, help_text='Immediately, without approval.')),
                ('day', models.DateField(null=True)),
                ('reference', models.CharField(blank=True, max_length=100)),
                ('text', models.TextField(blank=True)),
                ('said_at', models.DateTimeField()),
                ('handled_at', models.DateTimeField(null=True)),
                ('handled_by', models.CharField(blank=True, max_length=254)),
                ('handled_because', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['-said_at', '-id'],
                'indexes': [models.Index(fields=['account', '-said_at', '-id'], name='answer_newest'), models.Index(condition=models.Q(('status', 'proposed')), fields=['debtor'], name='answer_waiting')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'proposed')), fields=('invoice', 'kind'), name='one_answer_of_a_kind_waits_for_an_invoice'), models.UniqueConstraint(condition=models.Q(('kind', 'promise'), ('took_effect', True)), fields=('invoice',), name='an_invoice_is_promised_once_from_the_page'), models.CheckConstraint(condition=models.Q(('status__in', ['proposed', 'confirmed', 'dismissed'])), name='answer_status_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Reply',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='accounts.account')),
                ('debtor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='invoices.debtor')),
                ('communication', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='communications.communication')),
                ('invoice', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.invoice')),
                ('channel', models.CharField(choices=[('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp')], max_length=10)),
                ('address', models.CharField(max_length=254)),
                ('text', models.TextField()),
                ('original', models.TextField(blank=True, help_text='The complete message with the quoted mail. Empty: same as the text.')),
                ('provider_id', models.CharField(max_length=255)),
                ('triage', models.CharField(choices=[('stop', 'Stop messages'), ('paid', 'Has paid'), ('promise', 'Will pay'), ('dispute', 'Disputes it'), ('wrong_person', 'Wrong person'), ('other', 'Something else')], default='other', max_length=12)),
                ('promised_on', models.DateField(help_text='The promised date in the text.', null=True)),
                ('paid_on', models.DateField(help_text='The payment date in the text.', null=True)),
                ('reference', models.CharField(blank=True, max_length=100)),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18, null=True)),
                ('asks_to_stop', models.BooleanField(default=False, help_text='Asks for no more messages, in any words.')),
                ('took_effect', models.BooleanField(default=False, help_text='Opted out automatically.')),
                ('read_at', models.DateTimeField(help_text='When the message was classified.', null=True)),
                ('status', models.CharField(choices=[('proposed', 'To be handled'), ('confirmed', 'Confirmed'), ('dismissed', 'Dismissed')], default='proposed', max_length=10)),
                ('handled_by', models.CharField(blank=True, max_length=254)),
                ('handled_at', models.DateTimeField(null=True)),
                ('received_at', models.DateTimeField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name_plural': 'replies',
                'ordering': ['-received_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('status', 'proposed')), fields=['debtor'], name='reply_to_be_read'), models.Index(fields=['account', '-received_at', '-id'], name='reply_newest')],
                'constraints': [models.UniqueConstraint(fields=('account', 'channel', 'provider_id'), name='a_reply_is_heard_once')],
            },
        ),
        migrations.CreateModel(
            name='CollectionSettings',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='collection', serialize=False, to='accounts.account')),
                ('opens_at', models.TimeField(default=datetime.time(9, 0))),
                ('closes_at', models.TimeField(default=datetime.time(18, 0))),
                ('hours_between', models.PositiveSmallIntegerField(default=72, help_text='Minimum number of hours between two contacts.', validators=[django.core.validators.MinValueValidator(1)])),
                ('most_in_7_days', models.PositiveSmallIntegerField(default=2, validators=[django.core.validators.MinValueValidator(1)])),
                ('is_stopped', models.BooleanField(default=False, verbose_name='stop all messages')),
                ('stopped_channels', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp')], max_length=10), blank=True, default=list, size=None)),
                ('stale_after_hours', models.PositiveSmallIntegerField(blank=True, help_text='Hours without a recorded or synced payment, after which automatic messages stop. Empty: never.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='payment data is stale after')),
                ('payments_synced_at', models.DateTimeField(editable=False, help_text="When somebody last confirmed that all payments are recorded, in the account's time.", null=True)),
                ('cool_off_hours', models.PositiveSmallIntegerField(default=24, help_text='Hours during which a released final notice can still be recalled.', verbose_name='cool-off')),
                ('says_thanks', models.BooleanField(default=False, help_text='After an invoice is paid in full, within the contact hours.', verbose_name='send thank-you messages')),
                ('recalls_promises', models.BooleanField(default=False, help_text='On the day before the promised payment date.', verbose_name='send promise reminders')),
            ],
            options={
                'verbose_name_plural': 'collection settings',
                'constraints': [models.CheckConstraint(condition=models.Q(('opens_at', models.F('closes_at')), _negated=True), name='the_window_is_open_sometimes'), models.CheckConstraint(condition=models.Q(('hours_between__gte', 1), ('most_in_7_days__gte', 1)), name='caps_allow_one_contact')],
            },
        ),
        migrations.CreateModel(
            name='Rescheduling',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.account')),
                ('requested_at', models.DateTimeField()),
                ('after', models.UUIDField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ApprovalLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('settings', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approval_limits', to='communications.collectionsettings')),
                ('currency', models.CharField(help_text='ISO 4217.', max_length=3)),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18, validators=[django.core.validators.MinValueValidator(0)])),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('settings', 'currency'), name='one_approval_limit_for_a_currency')],
            },
        ),
        migrations.CreateModel(
            name='SwitchingOn',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='accounts.account')),
                ('policy', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='communications.reminderpolicy')),
                ('actor', models.CharField(max_length=254)),
                ('only_unchased', models.BooleanField()),
                ('overdue_enter', models.BooleanField()),
                ('after', models.UUIDField(null=True)),
                ('entered', models.PositiveIntegerField(db_default=0, default=0)),
                ('claimed_until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ClockLeap',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='accounts.account')),
                ('target', models.DateTimeField()),
                ('sent_before', models.PositiveIntegerField()),
                ('escalated_before', models.PositiveIntegerField()),
                ('sent', models.PositiveIntegerField(db_default=0, default=0)),
                ('escalated', models.PositiveIntegerField(db_default=0, default=0)),
                ('is_advancing', models.BooleanField(db_default=True, default=True)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('claimed_until', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('is_advancing', True)), fields=['claimed_until'], name='clocks_at_work')],
            },
        ),
        migrations.CreateModel(
            name='MessageTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('kind', models.CharField(choices=[('reminder', 'Reminder'), ('follow_up', 'Follow-up'), ('final_notice', 'Final notice'), ('manual', 'Manual'), ('promise_followup', 'Promise follow-up'), ('thank_you', 'Thank you')], max_length=20)),
                ('tone', models.CharField(blank=True, choices=[('friendly', 'Friendly'), ('neutral', 'Neutral'), ('firm', 'Firm')], help_text='Empty: any.', max_length=10)),
                ('channel', models.CharField(choices=[('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp')], max_length=10)),
                ('language', models.CharField(choices=[('en', 'English'), ('ar', 'العربية')], max_length=2)),
                ('subject', models.CharField(blank=True, help_text='For emails only.', max_length=500)),
                ('body', models.TextField()),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'kind', 'tone', 'channel', 'language'), name='a_template_is_written_once_for_its_use'), models.CheckConstraint(condition=models.Q(models.Q(('channel', 'email'), _negated=True), models.Q(('subject', ''), _negated=True), _connector='OR'), name='a_template_of_an_email_has_a_subject')],
            },
        ),
        migrations.CreateModel(
            name='SenderProfile',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='sender_profile', serialize=False, to='accounts.account')),
                ('display_name', models.CharField(blank=True, help_text="The sender's name. Empty: the account's.", max_length=100)),
                ('reply_to', models.EmailField(blank=True, max_length=254, verbose_name='replies go to')),
                ('phone', models.CharField(blank=True, max_length=40, verbose_name='signature phone')),
                ('payment_en', models.TextField(blank=True, help_text='Plain text: bank, account, IBAN.', max_length=1000, verbose_name='payment instructions in English')),
                ('payment_ar', models.TextField(blank=True, max_length=1000, verbose_name='payment instructions in Arabic')),
                ('logo', models.BinaryField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Gateway',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gateways', to='accounts.account')),
                ('channel', models.CharField(choices=[('sms', 'SMS'), ('whatsapp', 'WhatsApp')], max_length=10)),
                ('base_url', models.CharField(max_length=200, verbose_name='base URL')),
                ('account_sid', models.CharField(max_length=64, verbose_name='account SID')),
                ('sealed_auth_token', models.TextField(editable=False)),
                ('sender', models.CharField(help_text='A number (+971…), a registered sender name, or a messaging service (MG…).', max_length=64)),
                ('content_sids', models.JSONField(blank=True, default=dict)),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['account', 'channel'],
                'constraints': [models.UniqueConstraint(fields=('account', 'channel'), name='one_gateway_for_a_channel'), models.CheckConstraint(condition=models.Q(('channel__in', ['sms', 'whatsapp'])), name='a_gateway_is_for_sms_or_whatsapp')],
            },
        ),
        migrations.CreateModel(
            name='SenderHealth',
            fields=[
                ('key', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('refused_at', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), default=list, size=None)),
                ('said', models.CharField(blank=True, max_length=300)),
                ('paused_until', models.DateTimeField(null=True)),
                ('pauses', models.PositiveSmallIntegerField(default=0)),
                ('probe_until', models.DateTimeField(null=True)),
                ('told_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name_plural': 'sender health',
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('about', models.CharField(max_length=20)),
                ('told_at', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'about'), name='one_notice_about_each_thing')],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, "DROP TRIGGER append_only ON communications_consententry"),
    ]
