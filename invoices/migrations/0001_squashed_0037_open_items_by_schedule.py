import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django.utils.timezone
import inflow.accounts.models
import invoices.models.payment_hooks
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
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoices_note
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE
OF id, account_id, posted_on_id, amount, currency, paid_at, method, reference, recorded_at, created_at
ON invoices_receipt FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE
OF id, account_id, invoice_id, number, date, amount, currency, recorded_at, created_at
ON invoices_creditnote FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
WITHOUT_APPEND_ONLY = """
DROP TRIGGER append_only ON invoices_timelineentry;
DROP TRIGGER append_only ON invoices_allocation;
DROP TRIGGER append_only ON invoices_reversal;
DROP TRIGGER append_only ON invoices_note;
DROP TRIGGER append_only ON invoices_receipt;
DROP TRIGGER append_only ON invoices_creditnote;
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

# What is left of receipts and credit notes: the table of the model Credit.
CREDIT = """
CREATE VIEW invoices_credit AS
SELECT id, account_id, debtor_id, posted_on_id AS invoice_id, id AS receipt_id, NULL::uuid AS credit_note_id, currency,
  unallocated, paid_at AS day, recorded_at, created_at, party
FROM invoices_receipt WHERE unallocated > 0
UNION ALL
SELECT id, account_id, debtor_id, invoice_id, NULL::uuid, id, currency, unallocated, date, recorded_at, created_at, party
FROM invoices_creditnote WHERE unallocated > 0
"""

# A status says much about the due date: without this PostgreSQL takes the two for independent.
STATISTICS = "CREATE STATISTICS invoice_status_and_due_date (mcv) ON status, due_date FROM invoices_invoice"


class Migration(migrations.Migration):
    """Create the tables of a new database. A database of 0.2 runs the migrations that this one replaces."""

    replaces = [
        ('invoices', '0001_squashed_0023_plainer_labels'),
        ('invoices', '0024_debtors_documents_and_money'),
        ('invoices', '0025_credit_of_receipts_and_credit_notes'),
        ('invoices', '0026_bank_statements'),
        ('invoices', '0027_notes'),
        ('invoices', '0028_open_items'),
        ('invoices', '0029_merged_debtors'),
        ('invoices', '0030_invoice_documents_and_payment_hooks'),
        ('invoices', '0031_find_invoices_that_hold_back_a_debtor'),
        ('invoices', '0032_credit_of_merged_debtors'),
        ('invoices', '0033_contacts_by_address'),
        ('invoices', '0034_orders_of_invoices'),
        ('invoices', '0035_searches_for_possible_duplicates'),
        ('invoices', '0036_party_of_documents'),
        ('invoices', '0037_open_items_by_schedule'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0010_session_keys_are_hashed'),
        ('communications', '0001_squashed_0021_policies'),
    ]

    operations = [
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
                ('owner', models.ForeignKey(blank=True, help_text='The person who works on the debtor.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, db_default=[], default=list, size=None)),
                ('policy', models.ForeignKey(blank=True, help_text="Empty: the account's rules choose it.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='communications.reminderpolicy')),
                ('never_chase', models.BooleanField(db_default=False, default=False, help_text='No reminders are sent about any of its invoices.')),
                ('never_chase_reason', models.CharField(blank=True, db_default='', max_length=300, verbose_name='reason')),
                ('merged_into', models.ForeignKey(editable=False, help_text='The debtor that replaces this one.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.debtor')),
                ('opted_out_at', models.DateTimeField(editable=False, help_text='When the debtor opted out of all messages.', null=True)),
                ('answered_at', models.DateTimeField(editable=False, help_text='When the latest unhandled reply came in.', null=True)),
                ('unhandled_answers', models.PositiveIntegerField(default=0, editable=False, help_text='Number of consecutive unhandled replies.')),
                ('unhandled_since', models.DateTimeField(editable=False, help_text='When the first of these replies came in.', null=True)),
                ('page_key', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name'],
                'indexes': [models.Index(fields=['account'], name='debtor_of_an_account'), models.Index(fields=['account', '-created_at', '-id'], name='debtor_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('never_chase', False), models.Q(('never_chase_reason', ''), _negated=True), _connector='OR'), name='a_debtor_is_left_alone_for_a_reason'), models.CheckConstraint(condition=models.Q(('merged_into', models.F('id')), _negated=True), name='a_debtor_is_merged_into_another')],
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
                ('external_id', models.CharField(blank=True, db_default='', help_text="The invoice's id in the system that it came from.", max_length=100)),
                ('purchase_order', models.CharField(blank=True, db_default='', max_length=100)),
                ('payment_url', models.CharField(blank=True, db_default='', help_text='The page on which the debtor can pay it.', max_length=2000)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, db_default=[], default=list, size=None)),
                ('metadata', models.JSONField(db_default={}, default=dict, editable=False)),
                ('contacts', models.JSONField(db_default=[], default=list, editable=False)),
                ('source_updated_at', models.DateTimeField(editable=False, help_text='When the last accepted change was made in the system it came from.', null=True)),
                ('amount_paid', models.DecimalField(decimal_places=3, default=Decimal('0'), editable=False, max_digits=20)),
                ('amount_credited', models.DecimalField(db_default=Decimal('0'), decimal_places=3, default=Decimal('0'), editable=False, help_text='The part of the amount that credit notes cancel.', max_digits=18)),
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
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='invoice_newest'), models.Index(fields=['account', 'invoice_number'], name='invoice_by_number'), models.Index(fields=['account', 'status', '-created_at', '-id'], name='invoice_by_status'), models.Index(fields=['account', 'payment_status', '-created_at', '-id'], name='invoice_by_payment_status'), models.Index(fields=['account', 'updated_at', 'id'], name='invoice_by_update'), models.Index(fields=['account', 'status', 'updated_at', 'id'], name='invoice_by_status_update'), models.Index(fields=['account', 'due_date', 'id'], name='invoice_by_due'), models.Index(fields=['account', 'status', 'due_date', 'id'], name='invoice_by_status_and_due'), models.Index(condition=models.Q(('status', 'new')), fields=['due_date'], name='invoice_coming_due'), models.Index(condition=models.Q(('status', 'on_hold')), fields=['hold_until'], name='invoice_hold_ending'), models.Index(condition=models.Q(('aged_on__isnull', False), ('status__in', ['new', 'overdue', 'disputed', 'on_hold'])), fields=['aged_on'], name='invoice_looked_at'), models.Index(condition=models.Q(('policy__isnull', False)), fields=['policy'], name='invoice_of_a_policy'), models.Index(condition=models.Q(('next_check_at__isnull', False)), fields=['next_check_at'], name='invoice_next_check'), models.Index(condition=models.Q(('escalation_level__gte', 2)), fields=['debtor'], name='invoice_escalated'), models.Index(condition=models.Q(('not_before__isnull', False)), fields=['debtor'], name='invoice_reopened')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('cancelled_at', None)), fields=('account', 'invoice_number'), name='invoice_number_is_unique'), models.UniqueConstraint(condition=models.Q(('cancelled_at', None), models.Q(('external_id', ''), _negated=True)), fields=('account', 'external_id'), name='invoice_external_id_is_unique'), models.CheckConstraint(condition=models.Q(('amount_credited__gte', 0), ('amount_paid__gte', 0), ('amount_paid__lte', django.db.models.expressions.CombinedExpression(models.F('amount'), '-', models.F('amount_credited')))), name='an_invoice_is_paid_at_most_its_amount'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='invoice_amount_is_positive'), models.CheckConstraint(condition=models.Q(('issue_date__lte', models.F('due_date'))), name='invoice_is_due_after_its_issue'), models.CheckConstraint(condition=models.Q(('status__in', ['new', 'overdue', 'on_hold', 'disputed', 'written_off', 'paid', 'cancelled'])), name='invoice_status_is_known'), models.CheckConstraint(condition=models.Q(('payment_status__in', ['unpaid', 'partially_paid', 'paid'])), name='invoice_payment_status_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'paid'), _negated=True), ('payment_status', 'paid'), _connector='OR'), name='a_paid_invoice_has_its_payments'), models.CheckConstraint(condition=models.Q(('escalation_level__gte', 0), ('round__gte', 0), ('slip_days__gte', 0), ('version__gte', 0)), name='invoice_counts_are_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='CreditNote',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='invoices.debtor')),
                ('invoice', models.ForeignKey(help_text='The invoice that it was issued for.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='invoices.invoice')),
                ('number', models.CharField(max_length=64)),
                ('date', models.DateField()),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18)),
                ('currency', models.CharField(max_length=3)),
                ('status', models.CharField(choices=[('standing', 'Valid'), ('voided', 'Voided')], default='standing', max_length=10)),
                ('unallocated', models.DecimalField(decimal_places=3, help_text="The debtor's credit.", max_digits=18)),
                ('party', models.CharField(blank=True, db_default='', default='', help_text='The key of its party, if it came from a merged debtor and was issued for no invoice.', max_length=231)),
                ('recorded_at', models.DateTimeField(help_text="The account's time.")),
                ('voided_at', models.DateTimeField(help_text="The account's time.", null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='credit_note_newest'), models.Index(fields=['debtor', 'recorded_at'], name='credit_note_of_a_debtor'), models.Index(condition=models.Q(('unallocated__gt', 0)), fields=['debtor', 'currency'], name='credit_note_with_credit')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='a_credit_note_is_positive'), models.CheckConstraint(condition=models.Q(('unallocated__gte', 0), ('unallocated__lte', models.F('amount'))), name='a_credit_note_is_allocated_at_most_once'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'standing'), ('voided_at', None)), models.Q(('status', 'voided'), ('unallocated', 0), ('voided_at__isnull', False)), _connector='OR'), name='a_voided_credit_note_is_no_credit'), models.UniqueConstraint(condition=models.Q(('status', 'standing')), fields=('account', 'number'), name='credit_note_number_is_unique')],
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
                ('party', models.CharField(blank=True, db_default='', default='', help_text='The key of its party, if it came from a merged debtor and was recorded on no invoice.', max_length=231)),
                ('recorded_at', models.DateTimeField(help_text="The account's time.")),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='receipt_newest'), models.Index(fields=['account', 'recorded_at'], name='receipt_by_recording'), models.Index(fields=['debtor', 'recorded_at'], name='receipt_of_a_debtor'), models.Index(condition=models.Q(('unallocated__gt', 0)), fields=['debtor', 'currency'], name='receipt_with_credit'), models.Index(condition=models.Q(('reference', ''), _negated=True), fields=['account', 'reference'], name='receipt_by_reference')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='a_receipt_is_positive'), models.CheckConstraint(condition=models.Q(('unallocated__gte', 0), ('unallocated__lte', models.F('amount'))), name='a_receipt_is_allocated_at_most_once'), models.CheckConstraint(condition=models.Q(('status', 'standing'), models.Q(('status__in', ['voided', 'reversed']), ('unallocated', 0)), _connector='OR'), name='a_receipt_that_was_undone_is_no_credit'), models.UniqueConstraint(condition=models.Q(models.Q(('bank_id', ''), _negated=True), models.Q(('status', 'voided'), _negated=True)), fields=('account', 'bank_id'), name='a_bank_id_is_recorded_once'), models.UniqueConstraint(condition=models.Q(('status', 'standing'), models.Q(('reference', ''), _negated=True)), fields=('posted_on', 'reference'), name='a_reference_stands_once_on_an_invoice')],
            },
        ),
        migrations.CreateModel(
            name='Allocation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('receipt', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='invoices.receipt')),
                ('credit_note', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='invoices.creditnote')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='invoices.invoice')),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18)),
                ('kind', models.CharField(choices=[('payment', 'Payment'), ('credit', 'Credit applied'), ('undone', 'Payment undone'), ('released', 'Returned to credit')], max_length=10)),
                ('posting', models.UUIDField(help_text='Shared by the ledger lines of one operation: the id of the receipt or reversal, or the key of a form.')),
                ('recorded_at', models.DateTimeField(help_text="The account's time.")),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='an_allocation_is_not_zero'), models.CheckConstraint(condition=models.Q(models.Q(('credit_note__isnull', False), ('receipt', None)), models.Q(('credit_note', None), ('receipt__isnull', False)), _connector='OR'), name='an_allocation_is_of_a_receipt_or_a_credit_note'), models.UniqueConstraint(fields=('posting', 'receipt', 'invoice'), name='an_act_allocates_a_receipt_to_an_invoice_once'), models.UniqueConstraint(fields=('posting', 'credit_note', 'invoice'), name='an_act_allocates_a_credit_note_to_an_invoice_once')],
            },
        ),
        migrations.CreateModel(
            name='BankFile',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('state', models.CharField(choices=[('reading', 'Being read'), ('matching', 'Being matched'), ('read', 'Read'), ('failed', 'Unreadable')], default='reading', max_length=8, verbose_name='state')),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('sha256', models.CharField(editable=False, max_length=64)),
                ('content', models.BinaryField(help_text='The uploaded file. Emptied when it has been read.')),
                ('encoding', models.CharField(blank=True, choices=[('', 'Detect automatically'), ('utf-8-sig', 'UTF-8'), ('utf-16', 'UTF-16'), ('cp1256', 'Windows-1256 (Arabic)'), ('cp1252', 'Windows-1252 (Western)')], max_length=10)),
                ('date_order', models.CharField(blank=True, choices=[('', 'Detect from the file'), ('dmy', 'Day first: 3 April'), ('mdy', 'Month first: 4 March')], max_length=3)),
                ('bank_account', models.CharField(blank=True, help_text='Used if the file names none.', max_length=40, verbose_name='bank account')),
                ('currency', models.CharField(blank=True, help_text='Used if the file names none.', max_length=3)),
                ('failure', models.TextField(blank=True)),
                ('language', models.CharField(default='en', help_text='The language of the failure.', max_length=10)),
                ('statements_found', models.PositiveIntegerField(default=0)),
                ('lines_found', models.PositiveIntegerField(default=0)),
                ('lines_added', models.PositiveIntegerField(default=0, help_text='Lines that no earlier statement had.')),
                ('lines_posted', models.PositiveIntegerField(default=0, help_text='Lines that were recorded without review.')),
                ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('actor', models.CharField(max_length=254)),
                ('claimed_until', models.DateTimeField(editable=False, null=True)),
                ('claims', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='uploaded')),
                ('read_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='bank_file_newest'), models.Index(condition=models.Q(('state__in', ('reading', 'matching'))), fields=['state'], name='bank_file_in_progress')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['reading', 'matching', 'read', 'failed'])), name='bank_file_state_is_known')],
            },
        ),
        migrations.CreateModel(
            name='BankLine',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('bank_account', models.CharField(max_length=40, verbose_name='bank account')),
                ('base', models.CharField(editable=False, max_length=64)),
                ('ordinal', models.PositiveSmallIntegerField(default=1, editable=False)),
                ('day', models.DateField(verbose_name='booked on')),
                ('value_day', models.DateField(null=True, verbose_name='value date')),
                ('amount', models.DecimalField(decimal_places=3, help_text='Negative if the money left the account.', max_digits=18)),
                ('currency', models.CharField(max_length=3)),
                ('original_amount', models.DecimalField(decimal_places=3, max_digits=18, null=True)),
                ('original_currency', models.CharField(blank=True, max_length=3)),
                ('is_return', models.BooleanField(default=False, help_text='The bank marks it as a return or reversal.')),
                ('return_reason', models.CharField(blank=True, max_length=100)),
                ('payer_name', models.CharField(blank=True, max_length=200, verbose_name='other party')),
                ('payer_account', models.CharField(blank=True, max_length=40, verbose_name="other party's account")),
                ('text', models.CharField(blank=True, max_length=1000)),
                ('end_to_end', models.CharField(blank=True, max_length=100, verbose_name='payment reference')),
                ('bank_reference', models.CharField(blank=True, max_length=100, verbose_name='bank reference')),
                ('state', models.CharField(choices=[('open', 'Nothing found'), ('proposed', 'To confirm'), ('posted', 'Recorded'), ('ignored', 'Ignored')], default='open', max_length=8, verbose_name='state')),
                ('certainty', models.CharField(blank=True, choices=[('certain', 'Certain'), ('likely', 'Likely'), ('possible', 'Possible')], max_length=8, verbose_name='certainty')),
                ('proposals', models.JSONField(default=list, help_text='The most certain proposal first.')),
                ('receipt', models.ForeignKey(help_text='The payment that the line recorded, or that it took back.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bank_lines', to='invoices.receipt')),
                ('result', models.CharField(blank=True, choices=[('recorded', 'Payment recorded'), ('linked', 'Already recorded'), ('reversed', 'Payment reversed')], max_length=8)),
                ('attempt', models.PositiveSmallIntegerField(default=0, editable=False, help_text='The number of times that it was undone.')),
                ('reason', models.CharField(blank=True, help_text='The reason for which it is ignored.', max_length=300, verbose_name='reason')),
                ('actor', models.CharField(blank=True, help_text='The person who handled it.', max_length=254)),
                ('decided_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-day', '-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-day', '-created_at', '-id'], name='bank_line_newest'), models.Index(condition=models.Q(('state__in', ['open', 'proposed'])), fields=['account', 'state', '-day'], name='bank_line_to_do'), models.Index(condition=models.Q(('payer_account', ''), _negated=True), fields=['account', 'payer_account'], name='bank_line_by_payer'), models.Index(fields=['account', 'bank_account', 'day'], name='bank_line_of_a_day')],
                'constraints': [models.UniqueConstraint(fields=('account', 'base', 'ordinal'), name='a_bank_line_is_stored_once'), models.UniqueConstraint(condition=models.Q(('amount__gt', 0)), fields=('receipt',), name='a_payment_is_one_line_of_the_bank'), models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='a_bank_line_is_not_zero'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'proposed', 'posted', 'ignored'])), name='bank_line_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('receipt__isnull', False), ('state', 'posted')), models.Q(models.Q(('state', 'posted'), _negated=True), ('receipt', None), ('result', '')), _connector='OR'), name='a_posted_bank_line_has_a_payment')],
            },
        ),
        migrations.CreateModel(
            name='BankStatement',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='invoices.bankfile')),
                ('bank_account', models.CharField(max_length=40, verbose_name='bank account')),
                ('statement_id', models.CharField(blank=True, help_text="The bank's identifier.", max_length=100)),
                ('sequence', models.CharField(blank=True, max_length=100, verbose_name='number')),
                ('from_date', models.DateField(verbose_name='from')),
                ('to_date', models.DateField(verbose_name='to')),
                ('currency', models.CharField(max_length=3)),
                ('opening_balance', models.DecimalField(decimal_places=3, max_digits=18, null=True)),
                ('closing_balance', models.DecimalField(decimal_places=3, max_digits=18, null=True)),
                ('lines_total', models.DecimalField(decimal_places=3, help_text='The sum of its lines.', max_digits=18)),
                ('skipped', models.PositiveIntegerField(default=0, help_text='Entries without an amount or not yet booked.')),
                ('fingerprint', models.CharField(editable=False, max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-to_date', '-from_date', '-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-to_date', '-from_date', '-id'], name='bank_statement_newest'), models.Index(fields=['account', 'bank_account', 'currency', 'to_date'], name='bank_statement_of_an_account')],
                'constraints': [models.UniqueConstraint(fields=('account', 'fingerprint'), name='a_bank_statement_is_stored_once'), models.CheckConstraint(condition=models.Q(('from_date__lte', models.F('to_date'))), name='a_bank_statement_ends_after_its_beginning')],
            },
        ),
        migrations.CreateModel(
            name='BankStatementLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('statement', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='shown', to='invoices.bankstatement')),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shown', to='invoices.bankline')),
                ('position', models.PositiveIntegerField()),
            ],
            options={
                'ordering': ['statement', 'position'],
                'constraints': [models.UniqueConstraint(fields=('statement', 'position'), name='a_statement_has_a_line_at_a_position'), models.UniqueConstraint(fields=('statement', 'line'), name='a_statement_shows_a_line_once')],
            },
        ),
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
            name='Contact',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='invoices.debtor')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('role', models.CharField(blank=True, max_length=100)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('phone', models.CharField(blank=True, max_length=20)),
                ('language', models.CharField(blank=True, choices=[('en', 'English'), ('ar', 'العربية')], max_length=2)),
                ('receives', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), blank=True, default=list, help_text='The kinds of messages it receives. Empty: all.', size=None)),
                ('party', models.CharField(blank=True, db_default='', default='', editable=False, help_text="The key of its party, if it came from a merged debtor. Empty: the debtor's own.", max_length=231)),
            ],
            options={
                'ordering': ['position', 'id'],
                'indexes': [models.Index(fields=['debtor', 'position'], name='contact_of_a_debtor'), models.Index(condition=models.Q(('email', ''), _negated=True), fields=['account', 'email'], name='contact_by_email'), models.Index(condition=models.Q(('phone', ''), _negated=True), fields=['account', 'phone'], name='contact_by_phone')],
                'constraints': [models.CheckConstraint(condition=models.Q(('email', ''), ('phone', ''), _negated=True), name='a_contact_has_an_address')],
            },
        ),
        migrations.CreateModel(
            name='ContactCorrection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='invoices.debtor')),
                ('party', models.CharField(blank=True, db_default='', default='', help_text="The key of its party, if it came from a merged debtor. Empty: the debtor's own.", max_length=231)),
                ('kind', models.CharField(choices=[('email', 'Email'), ('phone', 'Phone')], max_length=5)),
                ('old', models.CharField(blank=True, max_length=254)),
                ('new', models.CharField(blank=True, max_length=254)),
                ('actor', models.CharField(max_length=254)),
                ('at', models.DateTimeField(help_text="The account's time.")),
            ],
            options={
                'ordering': ['-at', '-id'],
                'constraints': [models.UniqueConstraint(fields=('debtor', 'party', 'kind', 'old'), name='a_contact_of_a_party_is_replaced_by_one'), models.CheckConstraint(condition=models.Q(('old', models.F('new')), _negated=True), name='a_contact_is_replaced_by_another')],
            },
        ),
        migrations.CreateModel(
            name='Credit',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('currency', models.CharField(max_length=3)),
                ('unallocated', models.DecimalField(decimal_places=3, max_digits=18)),
                ('day', models.DateField()),
                ('recorded_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
                ('party', models.CharField(max_length=231)),
            ],
            options={
                'db_table': 'invoices_credit',
                'ordering': ['day', 'recorded_at', 'created_at', 'id'],
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='DebtorExternalId',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('debtor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='external_ids', to='invoices.debtor')),
                ('external_id', models.CharField(max_length=100)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('account', 'external_id'), name='a_debtors_external_id_is_unique')],
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
            name='DebtorMerge',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('loser', models.ForeignKey(help_text='The debtor that was merged into the other one.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.debtor', verbose_name='merged debtor')),
                ('winner', models.ForeignKey(help_text='The debtor to which its invoices were moved.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.debtor', verbose_name='remaining debtor')),
                ('moved', models.JSONField(default=dict)),
                ('displaced', models.JSONField(default=dict)),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('merged_at', models.DateTimeField(help_text="The account's time.")),
                ('merged_by', models.CharField(max_length=254)),
                ('undone_at', models.DateTimeField(help_text="The account's time.", null=True)),
                ('undone_by', models.CharField(blank=True, max_length=254)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'verbose_name': 'merge',
                'verbose_name_plural': 'merges',
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='merge_newest')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('undone_at', None)), fields=('loser',), name='a_debtor_is_merged_once'), models.CheckConstraint(condition=models.Q(('loser', models.F('winner')), _negated=True), name='two_debtors_are_merged')],
            },
        ),
        migrations.CreateModel(
            name='OpenItemsList',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('source', models.CharField(choices=[('api', 'API'), ('upload', 'Upload'), ('fetch', 'Scheduled fetch')], max_length=10)),
                ('file_name', models.CharField(blank=True, max_length=200)),
                ('as_of', models.DateTimeField(help_text='When the list was made. Later invoices are not compared.', null=True)),
                ('complete', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=3), blank=True, default=list, help_text='The currencies in which the list has all open invoices.', size=None)),
                ('items', models.PositiveIntegerField(help_text='The number of invoices in the list.')),
                ('actor', models.CharField(max_length=254)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='open_items_newest')],
            },
        ),
        migrations.CreateModel(
            name='Difference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('list', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='differences', to='invoices.openitemslist')),
                ('kind', models.CharField(choices=[('missing_here', 'Missing here'), ('other_currency', 'Other currency'), ('other_balance', 'Other balance'), ('other_due_date', 'Other due date'), ('closed_there', 'Closed in the books')], max_length=20)),
                ('invoice', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.invoice')),
                ('invoice_number', models.CharField(max_length=64)),
                ('currency', models.CharField(max_length=3)),
                ('balance_here', models.DecimalField(decimal_places=3, max_digits=18, null=True)),
                ('balance_there', models.DecimalField(decimal_places=3, max_digits=18, null=True)),
                ('amount_there', models.DecimalField(decimal_places=3, help_text="The invoice's amount in the books, if it explains the other balance.", max_digits=18, null=True)),
                ('due_date_here', models.DateField(null=True)),
                ('due_date_there', models.DateField(null=True)),
                ('changed_since', models.BooleanField(default=False, help_text='The invoice was changed here after the list was made.')),
                ('status', models.CharField(choices=[('open', 'Open'), ('mended', 'Corrected'), ('dismissed', 'Dismissed')], default='open', max_length=10)),
                ('handled_at', models.DateTimeField(null=True)),
                ('handled_by', models.CharField(blank=True, max_length=254)),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(fields=['list', 'status', 'kind', 'id'], name='difference_of_a_list'), models.Index(fields=['account', 'status', 'id'], name='difference_of_an_account')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind', 'missing_here'), ('invoice__isnull', False), _connector='OR'), name='a_difference_is_of_an_invoice_or_of_a_missing_one')],
            },
        ),
        migrations.CreateModel(
            name='Document',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.invoice')),
                ('kind', models.CharField(choices=[('pdf', 'PDF'), ('ubl', 'Electronic invoice (UBL)')], max_length=5)),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('size', models.PositiveIntegerField(help_text='Bytes.')),
                ('sha256', models.CharField(max_length=64)),
                ('content', models.JSONField(default=dict, help_text='Number, dates, amounts and parties of an electronic invoice.', verbose_name='values')),
                ('stored_as', models.CharField(blank=True, editable=False, help_text='Its name in the storage. Empty: in the database.', max_length=200)),
                ('party', models.CharField(db_default='', editable=False, help_text='The party of the invoice when the document was attached or confirmed.', max_length=231)),
                ('uploaded_by', models.CharField(max_length=254)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='uploaded')),
                ('superseded_at', models.DateTimeField(null=True, verbose_name='replaced or removed')),
                ('removed_at', models.DateTimeField(help_text='Its file has been deleted.', null=True, verbose_name='removed')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='document_newest')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at', None)), fields=('invoice',), name='one_current_document_for_an_invoice'), models.CheckConstraint(condition=models.Q(('kind__in', ['pdf', 'ubl'])), name='document_kind_is_known'), models.CheckConstraint(condition=models.Q(('removed_at', None), ('superseded_at__isnull', False), _connector='OR'), name='a_removed_document_is_not_current')],
            },
        ),
        migrations.CreateModel(
            name='DocumentFile',
            fields=[
                ('document', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='invoices.document')),
                ('data', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='DuplicateSearch',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.account')),
                ('requested_at', models.DateTimeField(null=True)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('claims', models.PositiveSmallIntegerField(default=0)),
                ('finished_at', models.DateTimeField(null=True)),
                ('pairs', models.PositiveIntegerField(default=0)),
            ],
            options={
                'verbose_name_plural': 'duplicate searches',
                'indexes': [models.Index(condition=models.Q(('requested_at__isnull', False)), fields=['requested_at'], name='duplicate_search_requested')],
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
            name='Import',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('kind', models.CharField(choices=[('invoices', 'Invoices'), ('payments', 'Payments')], max_length=10, verbose_name='what')),
                ('phase', models.CharField(choices=[('reading', 'Being read'), ('mapping', 'Columns need mapping'), ('checking', 'Being checked'), ('checked', 'Awaiting confirmation'), ('running', 'Being imported'), ('done', 'Imported'), ('failed', 'Unreadable'), ('discarded', 'Discarded')], default='reading', max_length=10, verbose_name='state')),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('content', models.BinaryField(help_text='The uploaded file. Emptied when it is deleted.')),
                ('encoding', models.CharField(blank=True, choices=[('', 'Detect automatically'), ('utf-8-sig', 'UTF-8'), ('utf-16', 'UTF-16'), ('cp1256', 'Windows-1256 (Arabic)'), ('cp1252', 'Windows-1252 (Western)')], max_length=10)),
                ('date_order', models.CharField(blank=True, choices=[('', 'Detect from the file'), ('dmy', 'Day first: 3 April'), ('mdy', 'Month first: 4 March')], max_length=3)),
                ('currency', models.CharField(blank=True, help_text='Used for rows without a currency.', max_length=3)),
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
            name='Note',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('invoice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='case_notes', to='invoices.invoice')),
                ('text', models.TextField()),
                ('author', models.CharField(max_length=254)),
                ('at', models.DateTimeField(help_text="The account's time.")),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['invoice', '-created_at', '-id'], name='note_of_an_invoice')],
            },
        ),
        migrations.CreateModel(
            name='OpenItemsSource',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('url', models.CharField(max_length=2000, verbose_name='URL')),
                ('sealed_authorization', models.TextField(blank=True, editable=False, help_text='The encrypted Authorization header.')),
                ('hour', models.PositiveSmallIntegerField(help_text="In the account's time zone.")),
                ('is_complete', models.BooleanField(default=True, verbose_name='has all open invoices')),
                ('currency', models.CharField(blank=True, help_text='For rows without a currency.', max_length=3)),
                ('date_order', models.CharField(blank=True, choices=[('', 'Detect from the file'), ('dmy', 'Day first: 3 April'), ('mdy', 'Month first: 4 March')], max_length=3, verbose_name='order of day and month')),
                ('is_on', models.BooleanField(default=True, verbose_name='in use')),
                ('next_fetch_at', models.DateTimeField(null=True, verbose_name='next fetch')),
                ('claimed_until', models.DateTimeField(editable=False, null=True)),
                ('claims', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('fetched_at', models.DateTimeField(null=True, verbose_name='last successful fetch')),
                ('failed_at', models.DateTimeField(help_text='Empty after a success.', null=True, verbose_name='last failed fetch')),
                ('problem', models.TextField(blank=True, help_text="Why the last fetch failed, in the account's language.")),
                ('notice_due_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('next_fetch_at__isnull', False)), fields=['next_fetch_at'], name='open_items_source_due')],
                'constraints': [models.CheckConstraint(condition=models.Q(('hour__lte', 23)), name='an_open_items_source_has_an_hour_of_the_day')],
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
            name='PaymentHook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('kind', models.CharField(choices=[('stripe', 'Stripe'), ('hmac', 'Another provider (signed JSON)')], max_length=10, verbose_name='provider')),
                ('token', models.CharField(default=invoices.models.payment_hooks.new_token, editable=False, max_length=48, unique=True)),
                ('sealed_secret', models.TextField(editable=False)),
                ('is_on', models.BooleanField(default=True, verbose_name='in use')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used_at', models.DateTimeField(editable=False, null=True, verbose_name='last report')),
            ],
            options={
                'verbose_name': 'payment provider',
                'ordering': ['-created_at', '-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['stripe', 'hmac'])), name='payment_hook_kind_is_known')],
            },
        ),
        migrations.CreateModel(
            name='PaymentReport',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('hook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.paymenthook')),
                ('event_id', models.CharField(help_text="The provider's id of the report.", max_length=200)),
                ('payment_id', models.CharField(help_text="The provider's id of the payment.", max_length=90)),
                ('kind', models.CharField(choices=[('payment', 'Payment'), ('refund', 'Refund'), ('dispute', 'Chargeback')], max_length=10)),
                ('amount', models.DecimalField(decimal_places=3, max_digits=18)),
                ('currency', models.CharField(max_length=3)),
                ('paid_on', models.DateField()),
                ('invoice_number', models.CharField(blank=True, help_text='The invoice that it names.', max_length=200)),
                ('reference', models.CharField(blank=True, max_length=100)),
                ('status', models.CharField(choices=[('recorded', 'Recorded'), ('open', 'Needs attention'), ('dismissed', 'Dismissed')], max_length=10)),
                ('problem', models.CharField(blank=True, help_text='The reason for which it needs attention.', max_length=40)),
                ('detail', models.TextField(blank=True)),
                ('invoice', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.invoice')),
                ('receipt', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.receipt')),
                ('handled_by', models.CharField(blank=True, max_length=254)),
                ('handled_because', models.CharField(blank=True, max_length=1000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='received')),
            ],
            options={
                'verbose_name': 'payment report',
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['account', '-created_at', '-id'], name='payment_report_newest'), models.Index(fields=['account', 'payment_id'], name='payment_report_by_payment'), models.Index(condition=models.Q(('status', 'open')), fields=['account'], name='payment_report_open')],
                'constraints': [models.UniqueConstraint(fields=('hook', 'event_id'), name='a_payment_report_is_stored_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['payment', 'refund', 'dispute'])), name='payment_report_kind_is_known'), models.CheckConstraint(condition=models.Q(('status__in', ['recorded', 'open', 'dismissed'])), name='payment_report_status_is_known'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='a_payment_report_is_positive')],
            },
        ),
        migrations.CreateModel(
            name='PaymentSettings',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='payment_settings', serialize=False, to='accounts.account')),
                ('applies_credit', models.BooleanField(default=False, help_text="Credit pays the debtor's open invoices as soon as it exists, oldest due date first.", verbose_name='apply credit automatically')),
                ('posts_exact_lines', models.BooleanField(default=False, help_text='Only lines of a bank statement whose reference and amount both match one open invoice.', verbose_name='record exact bank lines without review')),
                ('payment_url_pattern', models.CharField(blank=True, help_text='For example https://pay.example/{invoice_number}?amount={balance}. Empty: no Pay now button.', max_length=500, verbose_name='payment link')),
            ],
            options={
                'verbose_name_plural': 'payment settings',
            },
        ),
        migrations.CreateModel(
            name='PossibleDuplicate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('one', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='invoices.debtor')),
                ('other', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='invoices.debtor')),
                ('reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('address', 'Same email or phone'), ('name', 'Nearly the same name'), ('script', 'Same name in two scripts'), ('company', 'Same person with and without a company')], max_length=10), default=list, size=None)),
                ('shared', models.CharField(blank=True, help_text='The email or phone that both have, if there is one.', max_length=254)),
                ('found_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('kept_apart_at', models.DateTimeField(help_text="The account's time.", null=True)),
                ('kept_apart_by', models.CharField(blank=True, max_length=254)),
            ],
            options={
                'verbose_name': 'possible duplicate',
                'verbose_name_plural': 'possible duplicates',
                'ordering': ['-found_at', '-id'],
                'indexes': [models.Index(fields=['account', '-found_at', '-id'], name='duplicate_newest')],
                'constraints': [models.UniqueConstraint(fields=('one', 'other'), name='a_pair_of_debtors_is_listed_once'), models.CheckConstraint(condition=models.Q(('one__lt', models.F('other'))), name='a_pair_of_debtors_has_an_order')],
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
        migrations.RunSQL(CREDIT, "DROP VIEW invoices_credit"),
        migrations.RunSQL(STATISTICS, "DROP STATISTICS invoice_status_and_due_date"),
    ]
