import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import inflow.accounts.models
import uuid
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


# A trigger of named columns fires only for an UPDATE that names one of them.
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoices_timelineentry
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoices_allocation
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoices_reversal
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE
OF id, account_id, posted_on_id, amount, currency, paid_at, method, reference, recorded_at, created_at
ON invoices_receipt FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
WITHOUT_APPEND_ONLY = """
DROP TRIGGER append_only ON invoices_timelineentry;
DROP TRIGGER append_only ON invoices_allocation;
DROP TRIGGER append_only ON invoices_reversal;
DROP TRIGGER append_only ON invoices_receipt;
"""

# Receipts and their reversals, as the API shows them: the table of the model Payment.
PAYMENTS = """
CREATE VIEW invoices_payment AS
SELECT id, account_id, debtor_id, posted_on_id AS invoice_id, id AS receipt_id, amount, currency, paid_at, method,
  reference, NULL::uuid AS reversal_of_id, status, unallocated, recorded_at, created_at
FROM invoices_receipt
UNION ALL
SELECT reversal.id, reversal.account_id, receipt.debtor_id, receipt.posted_on_id, receipt.id, -receipt.amount,
  receipt.currency, reversal.undone_on, receipt.method, '', receipt.id, receipt.status, 0, reversal.recorded_at,
  reversal.created_at
FROM invoices_reversal reversal JOIN invoices_receipt receipt ON receipt.id = reversal.receipt_id;
"""

# A status says much about the due date: without this PostgreSQL takes the two for independent.
STATISTICS = "CREATE STATISTICS invoice_status_and_due_date (mcv) ON status, due_date FROM invoices_invoice"


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0010_session_keys_are_hashed'),
        ('communications', '0001_squashed_0021_policies'),
    ]

    operations = [
        migrations.CreateModel(
            name='CalendarRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('country', models.CharField(help_text='ISO 3166, two letters.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}\\Z')])),
                ('subdivision', models.CharField(blank=True, help_text='ISO 3166-2, such as AE-SH. Empty: the whole country.', max_length=6, validators=[inflow.accounts.models.known_subdivision], verbose_name='emirate or region')),
                ('kind', models.CharField(choices=[('weekend', 'Weekend'), ('hours', 'Shorter hours'), ('holiday', 'Holiday')], max_length=10)),
                ('name', models.CharField(max_length=80)),
                ('starts_on', models.DateField(blank=True, null=True, verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='Leave empty for a single day.', null=True, verbose_name='last day')),
                ('is_yearly', models.BooleanField(default=False, verbose_name='each year')),
                ('weekdays', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(choices=[(0, '0'), (1, '1'), (2, '2'), (3, '3'), (4, '4'), (5, '5'), (6, '6')]), blank=True, default=list, help_text='0 is Monday: 4,5 are Friday and Saturday.', size=None)),
                ('opens_at', models.TimeField(blank=True, help_text='Shorter hours: nothing is sent before.', null=True)),
                ('closes_at', models.TimeField(blank=True, help_text='Shorter hours: nothing is sent from then on.', null=True)),
                ('is_on', models.BooleanField(default=True, verbose_name='in use')),
                ('is_expected', models.BooleanField(default=False, help_text='Calculated before the official announcement. Confirm it once the date is announced.', verbose_name='expected')),
                ('source', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'verbose_name': 'calendar row',
                'ordering': ['country', 'subdivision', 'starts_on', 'name'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('account', None)), fields=('country', 'subdivision', 'name'), name='a_calendar_row_of_a_place_has_a_name_of_its_own'), models.UniqueConstraint(fields=('account', 'country', 'subdivision', 'name'), name='an_accounts_calendar_row_has_a_name_of_its_own'), models.CheckConstraint(condition=models.Q(('kind__in', ['weekend', 'hours', 'holiday'])), name='calendar_kind_is_known'), models.CheckConstraint(condition=models.Q(('ends_on', None), ('ends_on__gte', models.F('starts_on')), _connector='OR'), name='a_calendar_row_ends_after_its_start'), models.CheckConstraint(condition=models.Q(('subdivision', ''), ('subdivision__startswith', models.F('country')), _connector='OR'), name='a_calendar_rows_region_lies_in_its_country')],
            },
        ),
        migrations.CreateModel(
            name='Debtor',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='debtors', to='accounts.account')),
                ('name', models.CharField(max_length=200)),
                ('company', models.CharField(blank=True, max_length=200)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('phone', models.CharField(blank=True, max_length=20)),
                ('language', models.CharField(blank=True, choices=[('en', 'English'), ('ar', 'العربية')], max_length=2)),
                ('time_zone', models.CharField(blank=True, help_text="Empty: the phone's, else the account's.", max_length=64)),
                ('country', models.CharField(blank=True, help_text="Empty: the phone's, else the account's.", max_length=2)),
                ('subdivision', models.CharField(blank=True, help_text="ISO 3166-2, such as AE-SH for Sharjah. Empty: the account's, in its country.", max_length=6, validators=[inflow.accounts.models.known_subdivision], verbose_name='emirate or region')),
                ('opted_out_at', models.DateTimeField(editable=False, help_text='When the debtor opted out of all messages.', null=True)),
                ('answered_at', models.DateTimeField(editable=False, help_text='When the latest unhandled reply came in.', null=True)),
                ('unhandled_answers', models.PositiveIntegerField(default=0, editable=False, help_text='Number of consecutive unhandled replies.')),
                ('unhandled_since', models.DateTimeField(editable=False, help_text='When the first of these replies came in.', null=True)),
                ('page_key', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name'],
                'indexes': [models.Index(fields=['account'], name='debtor_of_an_account')],
            },
        ),
        migrations.CreateModel(
            name='Invoice',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='accounts.account')),
                ('debtor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='invoices.debtor')),
                ('invoice_number', models.CharField(max_length=64)),
                ('debtor_name', models.CharField(max_length=200)),
                ('debtor_company', models.CharField(blank=True, max_length=200)),
                ('debtor_email', models.EmailField(blank=True, max_length=254)),
                ('debtor_phone', models.CharField(blank=True, max_length=20)),
                ('party', models.CharField(editable=False, max_length=231)),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18)),
                ('currency', models.CharField(max_length=3)),
                ('issue_date', models.DateField()),
                ('due_date', models.DateField()),
                ('language', models.CharField(choices=[('en', 'English'), ('ar', 'العربية')], max_length=2)),
                ('notes', models.TextField(blank=True)),
                ('amount_paid', models.DecimalField(decimal_places=3, default=Decimal('0'), editable=False, max_digits=20)),
                ('hold_until', models.DateField(blank=True, editable=False, null=True)),
                ('disputed_at', models.DateTimeField(editable=False, null=True)),
                ('written_off_at', models.DateTimeField(editable=False, null=True)),
                ('cancelled_at', models.DateTimeField(editable=False, null=True)),
                ('covered_at', models.DateTimeField(editable=False, help_text="When its balance became 0, by the account's time.", null=True)),
                ('dispute_paused', models.DurationField(editable=False, help_text='How long a dispute was suspended because the invoice was paid.', null=True)),
                ('aged_on', models.DateField(editable=False, help_text="The account's date when the due date was last checked.", null=True)),
                ('status', models.CharField(choices=[('new', 'New'), ('overdue', 'Overdue'), ('on_hold', 'On hold'), ('disputed', 'Disputed'), ('written_off', 'Written off'), ('paid', 'Paid'), ('cancelled', 'Cancelled')], default='new', editable=False, max_length=12)),
                ('payment_status', models.CharField(choices=[('unpaid', 'Unpaid'), ('partially_paid', 'Partially paid'), ('paid', 'Paid')], default='unpaid', editable=False, max_length=14)),
                ('policy', models.ForeignKey(blank=True, db_index=False, editable=False, help_text="Empty: the account's default.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='communications.reminderpolicy')),
                ('is_chased', models.BooleanField(default=True, editable=False)),
                ('entered_on', models.DateField(editable=False, help_text="The account's date when it entered the reminder schedule.", null=True)),
                ('entered_at', models.DateTimeField(editable=False, help_text="When it entered the schedule, in the account's time.", null=True)),
                ('round', models.SmallIntegerField(default=0, editable=False)),
                ('last_step', models.SmallIntegerField(editable=False, help_text='The last step done in this round.', null=True)),
                ('slip_days', models.SmallIntegerField(default=0, editable=False, help_text='Total delay of late steps, in days.')),
                ('escalation_level', models.SmallIntegerField(default=0, editable=False)),
                ('last_contacted_at', models.DateTimeField(editable=False, null=True)),
                ('next_contact_at', models.DateTimeField(editable=False, help_text='When the next message may be sent, as currently planned.', null=True)),
                ('next_check_at', models.DateTimeField(editable=False, help_text='When the invoice is checked next.', null=True)),
                ('not_before', models.DateTimeField(editable=False, help_text='A payment was undone. No message about the invoice is sent before this time.', null=True)),
                ('version', models.IntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='invoice_newest'), models.Index(fields=['account', 'status', '-created_at', '-id'], name='invoice_by_status'), models.Index(fields=['account', 'payment_status', '-created_at', '-id'], name='invoice_by_payment_status'), models.Index(fields=['account', 'status', 'due_date'], name='invoice_by_due_date'), models.Index(condition=models.Q(('status', 'new')), fields=['due_date'], name='invoice_coming_due'), models.Index(condition=models.Q(('status', 'on_hold')), fields=['hold_until'], name='invoice_hold_ending'), models.Index(condition=models.Q(('aged_on__isnull', False), ('status__in', ['new', 'overdue', 'disputed', 'on_hold'])), fields=['aged_on'], name='invoice_looked_at'), models.Index(condition=models.Q(('policy__isnull', False)), fields=['policy'], name='invoice_of_a_policy'), models.Index(condition=models.Q(('next_check_at__isnull', False)), fields=['next_check_at'], name='invoice_next_check')],
                'constraints': [models.UniqueConstraint(fields=('account', 'invoice_number'), name='invoice_number_is_unique'), models.CheckConstraint(condition=models.Q(('amount_paid__gte', 0), ('amount_paid__lte', models.F('amount'))), name='an_invoice_is_paid_at_most_its_amount'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='invoice_amount_is_positive'), models.CheckConstraint(condition=models.Q(('issue_date__lte', models.F('due_date'))), name='invoice_is_due_after_its_issue'), models.CheckConstraint(condition=models.Q(('status__in', ['new', 'overdue', 'on_hold', 'disputed', 'written_off', 'paid', 'cancelled'])), name='invoice_status_is_known'), models.CheckConstraint(condition=models.Q(('payment_status__in', ['unpaid', 'partially_paid', 'paid'])), name='invoice_payment_status_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'paid'), _negated=True), ('payment_status', 'paid'), _connector='OR'), name='a_paid_invoice_has_its_payments'), models.CheckConstraint(condition=models.Q(('escalation_level__gte', 0), ('round__gte', 0), ('slip_days__gte', 0), ('version__gte', 0)), name='invoice_counts_are_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Escalation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='escalations', to='accounts.account')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='escalations', to='invoices.invoice')),
                ('round', models.PositiveSmallIntegerField(default=0)),
                ('level', models.PositiveSmallIntegerField()),
                ('reason', models.CharField(choices=[('policy_step', 'Reminder schedule'), ('promise_broken', 'A broken promise'), ('no_contact', 'No contact'), ('delivery_failed', 'Failed delivery'), ('dispute', 'A dispute'), ('reversal', 'A reversed payment'), ('unapplied_credit', 'Unapplied credit'), ('unread_replies', 'Unhandled replies'), ('manual', 'Opened manually')], max_length=20)),
                ('status', models.CharField(choices=[('open', 'Open'), ('acknowledged', 'In progress'), ('resolved', 'Resolved')], default='open', max_length=12)),
                ('assignee', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('resolution', models.CharField(blank=True, choices=[('hold', 'Hold'), ('promise', 'Promise to pay'), ('ladder', 'Back to the reminder schedule'), ('write_off', 'Write off'), ('closed', 'The invoice closed'), ('new_round', 'A new due date'), ('credit_used', 'No credit is left'), ('too_early', 'Opened too early because the system clock was ahead')], max_length=12)),
                ('resolved_from', models.CharField(blank=True, default='', help_text='The status before it was resolved, restored if it is reopened.', max_length=12)),
                ('notes', models.TextField(blank=True)),
                ('opened_at', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='escalation_newest')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'resolved'), _negated=True), fields=('invoice', 'level'), name='one_unresolved_case_for_each_level_of_an_invoice'), models.CheckConstraint(condition=models.Q(('level__in', [1, 2])), name='escalation_level_is_1_or_2'), models.CheckConstraint(condition=models.Q(models.Q(('resolved_at__isnull', False), ('status', 'resolved')), models.Q(models.Q(('status', 'resolved'), _negated=True), ('resolved_at__isnull', True)), _connector='OR'), name='a_resolved_case_and_only_it_says_when')],
            },
        ),
        migrations.CreateModel(
            name='DebtorIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='identities', to='invoices.debtor')),
                ('base', models.CharField(max_length=200)),
                ('form', models.CharField(blank=True, max_length=30)),
                ('email', models.CharField(blank=True, max_length=254)),
                ('phone', models.CharField(blank=True, max_length=20)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(fields=['account', 'base', 'form'], name='identity_by_party'), models.Index(condition=models.Q(('email', ''), _negated=True), fields=['account', 'email'], name='identity_by_email'), models.Index(condition=models.Q(('phone', ''), _negated=True), fields=['account', 'phone'], name='identity_by_phone')],
                'constraints': [models.UniqueConstraint(fields=('debtor', 'base', 'form', 'email', 'phone'), name='a_debtor_has_an_identity_once')],
            },
        ),
        migrations.CreateModel(
            name='ContactCorrection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='invoices.debtor')),
                ('kind', models.CharField(choices=[('email', 'Email'), ('phone', 'Phone')], max_length=5)),
                ('old', models.CharField(blank=True, max_length=254)),
                ('new', models.CharField(blank=True, max_length=254)),
                ('actor', models.CharField(max_length=254)),
                ('at', models.DateTimeField(help_text="The account's time.")),
            ],
            options={
                'ordering': ['-at', '-id'],
                'constraints': [models.UniqueConstraint(fields=('debtor', 'kind', 'old'), name='a_contact_is_replaced_by_one'), models.CheckConstraint(condition=models.Q(('old', models.F('new')), _negated=True), name='a_contact_is_replaced_by_another')],
            },
        ),
        migrations.CreateModel(
            name='Import',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('kind', models.CharField(choices=[('invoices', 'Invoices'), ('payments', 'Payments')], max_length=10, verbose_name='what')),
                ('phase', models.CharField(choices=[('reading', 'Being read'), ('mapping', 'Columns need mapping'), ('checking', 'Being checked'), ('checked', 'Awaiting confirmation'), ('running', 'Being imported'), ('done', 'Imported'), ('failed', "Unreadable"), ('discarded', 'Discarded')], default='reading', max_length=10, verbose_name='state')),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('content', models.BinaryField(help_text='The uploaded file. Emptied when it is deleted.')),
                ('encoding', models.CharField(blank=True, choices=[('', 'Detect automatically'), ('utf-8-sig', 'UTF-8'), ('utf-16', 'UTF-16'), ('cp1256', 'Windows-1256 (Arabic)'), ('cp1252', 'Windows-1252 (Western)')], max_length=10)),
                ('date_order', models.CharField(blank=True, choices=[('', 'Detect from the file'), ('dmy', 'Day first: 3 April'), ('mdy', 'Month first: 4 March')], max_length=3)),
                ('currency', models.CharField(blank=True, help_text="Used for rows without a currency.", max_length=3)),
                ('columns', models.JSONField(default=dict, help_text='Position of the column of each field.')),
                ('ignored', models.JSONField(default=list, help_text='Headings of columns that are not used.')),
                ('survey', models.JSONField(default=dict, help_text='Results of the survey of the whole file: see `survey`.')),
                ('choices', models.JSONField(default=dict, help_text='Decisions about columns: heading to field, or empty to ignore it.')),
                ('language', models.CharField(default='en', help_text='The language of the errors in rows.', max_length=10)),
                ('failure', models.TextField(blank=True)),
                ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('actor', models.CharField(help_text='Who confirmed it, or who uploaded it.', max_length=254)),
                ('claim', models.UUIDField(editable=False, null=True)),
                ('claimed_until', models.DateTimeField(editable=False, null=True)),
                ('stumbles', models.PositiveSmallIntegerField(default=0, editable=False, help_text='Claims by workers since the last progress.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='uploaded')),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'import',
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='import_newest'), models.Index(condition=models.Q(('phase__in', ('reading', 'checking', 'running'))), fields=['phase'], name='import_at_work')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('phase', 'running')), fields=('account',), name='one_running_import_for_an_account'), models.CheckConstraint(condition=models.Q(('phase__in', ['reading', 'mapping', 'checking', 'checked', 'running', 'done', 'failed', 'discarded'])), name='import_phase_is_known')],
            },
        ),
        migrations.CreateModel(
            name='ImportRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='invoices.import')),
                ('line', models.PositiveIntegerField()),
                ('said', models.JSONField(help_text='Text of each field, as in the file.')),
                ('key', models.CharField(blank=True, help_text='Invoice number or payment reference.', max_length=200)),
                ('outcome', models.CharField(blank=True, choices=[('new', 'New'), ('changed', 'Changed'), ('unchanged', 'Unchanged'), ('proposed', 'Needs your decision'), ('closed', 'Closed in the file'), ('repeated', 'Another line'), ('refused', 'Refused')], help_text='Empty: not checked yet.', max_length=10)),
                ('reason', models.TextField(blank=True)),
                ('changes', models.JSONField(default=dict, help_text='Old and new value of each changed field.')),
                ('is_applied', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ['file', 'line'],
                'indexes': [models.Index(fields=['file', 'outcome', 'is_applied', 'line'], name='import_row_by_outcome'), models.Index(fields=['file', 'key', 'line'], name='import_row_by_key')],
                'constraints': [models.UniqueConstraint(fields=('file', 'line'), name='a_line_of_an_import_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(db_index=False, help_text='Who paid.', on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='invoices.debtor')),
                ('posted_on', models.ForeignKey(help_text='The invoice it was recorded on.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='invoices.invoice')),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18)),
                ('currency', models.CharField(max_length=3)),
                ('paid_at', models.DateField(help_text='The day the money arrived.')),
                ('method', models.CharField(default='unspecified', max_length=40)),
                ('reference', models.CharField(blank=True, max_length=100)),
                ('bank_id', models.CharField(blank=True, help_text="The bank's identifier of the transfer.", max_length=100)),
                ('status', models.CharField(choices=[('standing', 'Valid'), ('voided', 'Voided'), ('reversed', 'Reversed')], default='standing', max_length=10)),
                ('unallocated', models.DecimalField(decimal_places=3, help_text="The debtor's credit.", max_digits=18)),
                ('recorded_at', models.DateTimeField(help_text="The account's time.")),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', 'recorded_at'], name='receipt_by_recording'), models.Index(fields=['debtor', 'recorded_at'], name='receipt_of_a_debtor'), models.Index(condition=models.Q(('unallocated__gt', 0)), fields=['debtor', 'currency'], name='receipt_with_credit'), models.Index(condition=models.Q(('reference', ''), _negated=True), fields=['account', 'reference'], name='receipt_by_reference')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='a_receipt_is_positive'), models.CheckConstraint(condition=models.Q(('unallocated__gte', 0), ('unallocated__lte', models.F('amount'))), name='a_receipt_is_allocated_at_most_once'), models.CheckConstraint(condition=models.Q(('status', 'standing'), models.Q(('status__in', ['voided', 'reversed']), ('unallocated', 0)), _connector='OR'), name='a_receipt_that_was_undone_is_no_credit'), models.UniqueConstraint(condition=models.Q(('bank_id', ''), _negated=True), fields=('account', 'bank_id'), name='a_bank_id_is_recorded_once'), models.UniqueConstraint(condition=models.Q(('status', 'standing'), models.Q(('reference', ''), _negated=True)), fields=('posted_on', 'reference'), name='a_reference_stands_once_on_an_invoice')],
            },
        ),
        migrations.CreateModel(
            name='Reversal',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('receipt', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='reversal', to='invoices.receipt')),
                ('how', models.CharField(choices=[('void', 'Recorded by mistake'), ('reverse', 'Returned by the bank')], max_length=8)),
                ('undone_on', models.DateField(help_text="The account's date.")),
                ('recorded_at', models.DateTimeField(help_text="The account's time.")),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', 'recorded_at'], name='reversal_by_recording')],
            },
        ),
        migrations.CreateModel(
            name='Allocation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('receipt', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='invoices.receipt')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='invoices.invoice')),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18)),
                ('kind', models.CharField(choices=[('payment', 'Payment'), ('credit', 'Credit applied'), ('undone', 'Payment undone'), ('released', 'Returned to credit')], max_length=10)),
                ('posting', models.UUIDField(help_text="Shared by the ledger lines of one operation: the id of the receipt or reversal, or the key of a form.")),
                ('recorded_at', models.DateTimeField(help_text="The account's time.")),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='an_allocation_is_not_zero'), models.UniqueConstraint(fields=('posting', 'receipt', 'invoice'), name='an_act_allocates_a_receipt_to_an_invoice_once')],
            },
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18)),
                ('currency', models.CharField(max_length=3)),
                ('paid_at', models.DateField(help_text='The day the money arrived.')),
                ('method', models.CharField(max_length=40)),
                ('reference', models.CharField(blank=True, max_length=100)),
                ('status', models.CharField(choices=[('standing', 'Valid'), ('voided', 'Voided'), ('reversed', 'Reversed')], max_length=10)),
                ('unallocated', models.DecimalField(decimal_places=3, max_digits=18)),
                ('recorded_at', models.DateTimeField(help_text="The account's time.")),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'invoices_payment',
                'ordering': ['-created_at', '-id'],
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Promise',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promises', to='invoices.invoice')),
                ('promised_on', models.DateField()),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18)),
                ('paid_before', models.DecimalField(decimal_places=3, help_text='The amount already paid when the promise was made.', max_digits=20)),
                ('hold_until', models.DateField()),
                ('status', models.CharField(choices=[('open', 'Open'), ('kept', 'Kept'), ('broken', 'Broken'), ('withdrawn', 'Withdrawn')], default='open', max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('invoice',), name='one_open_promise_for_an_invoice')],
            },
        ),
        migrations.CreateModel(
            name='TimelineEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('invoice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='timeline', to='invoices.invoice')),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(max_length=40)),
                ('actor', models.CharField(max_length=254)),
                ('channel', models.CharField(max_length=20)),
                ('params', models.JSONField(default=dict, help_text="Parameters of the kind's sentence: see narrative.py.")),
                ('stored_text', models.TextField(blank=True, default='', help_text='The English sentence of an entry older than its parameters.')),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('reason', models.TextField(blank=True)),
            ],
            options={
                'verbose_name_plural': 'timeline',
                'ordering': ['at', 'id'],
                'indexes': [models.Index(fields=['invoice', 'at', 'id'], name='timeline_of_an_invoice')],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, WITHOUT_APPEND_ONLY),
        migrations.RunSQL(PAYMENTS, "DROP VIEW invoices_payment"),
        migrations.RunSQL(STATISTICS, "DROP STATISTICS invoice_status_and_due_date"),
    ]
