import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import inflow.accounts.models
import uuid
from django.conf import settings
from django.db import migrations, models


# For tables that only grow. The first of them is the audit log.
APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('plan', models.CharField(choices=[('free', 'Free'), ('starter', 'Starter'), ('pro', 'Pro'), ('enterprise', 'Enterprise')], default='free', max_length=20)),
                ('requests_per_minute', models.PositiveIntegerField(blank=True, help_text="A negotiated limit. Empty: the plan's.", null=True)),
                ('requests_per_day', models.PositiveIntegerField(blank=True, help_text="A negotiated limit. Empty: the plan's.", null=True)),
                ('time_zone', models.CharField(default='Asia/Dubai', max_length=64, validators=[inflow.accounts.models.known_time_zone])),
                ('country', models.CharField(default='AE', help_text='ISO 3166, two letters.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}\\Z')])),
                ('subdivision', models.CharField(blank=True, help_text='ISO 3166-2, such as AE-SH for Sharjah.', max_length=6, validators=[inflow.accounts.models.known_subdivision], verbose_name='emirate or region')),
                ('weekend', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(validators=[django.core.validators.MaxValueValidator(6)]), blank=True, help_text="Days off, 0 is Monday: 5,6. Empty: the country's.", null=True, size=None)),
                ('language', models.CharField(choices=[('en', 'English'), ('ar', 'العربية')], default='en', max_length=2)),
                ('is_test', models.BooleanField(default=False, help_text='Messages of a test account are recorded but not sent.', verbose_name='test account')),
                ('clock', models.DateTimeField(editable=False, help_text="The time of a test account after it was set. Empty: the system time.", null=True)),
                ('admins_use_two_steps', models.BooleanField(default=False, help_text='Admins must set up an authenticator app before they can use the dashboard.', verbose_name='require two-step log-in for admins')),
                ('suspended_at', models.DateTimeField(blank=True, help_text='The API refuses requests and no reminders are sent. Pending webhooks are still delivered.', null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.CheckConstraint(condition=models.Q(('plan__in', ['free', 'starter', 'pro', 'enterprise'])), name='account_plan_is_known'), models.CheckConstraint(condition=models.Q(('language__in', ['en', 'ar'])), name='account_language_is_known'), models.CheckConstraint(condition=models.Q(('clock__isnull', True), ('is_test', True), _connector='OR'), name='only_a_test_account_has_a_clock_of_its_own')],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('account', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='users', to='accounts.account')),
                ('role', models.CharField(choices=[('admin', 'Admin: everything, including keys, people and settings'), ('manager', 'Manager: invoices, policies, templates, write-off'), ('agent', 'Agent: works cases, records payments'), ('viewer', 'Viewer: read-only')], default='viewer', max_length=10)),
                ('language', models.CharField(blank=True, choices=[('en', 'English'), ('ar', 'العربية')], help_text="Language of the dashboard. Empty: the browser's.", max_length=2)),
                ('is_staff', models.BooleanField(default=True, verbose_name='may log in to the dashboard')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'person',
                'verbose_name_plural': 'people',
                'ordering': ['email'],
                'constraints': [models.CheckConstraint(condition=models.Q(('is_superuser', True), ('account__isnull', False), _connector='OR'), name='a_user_belongs_to_an_account_or_to_the_platform'), models.CheckConstraint(condition=models.Q(('role__in', ['admin', 'manager', 'agent', 'viewer'])), name='user_role_is_known')],
            },
            managers=[
                ('objects', inflow.accounts.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='Authenticator',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('throttling_failure_timestamp', models.DateTimeField(blank=True, default=None, help_text='A timestamp of the last failed verification attempt. Null if last attempt succeeded.', null=True)),
                ('throttling_failure_count', models.PositiveIntegerField(default=0, help_text='Number of successive failed attempts.')),
                ('created_at', models.DateTimeField(auto_now_add=True, help_text='The date and time when this device was initially created in the system.', null=True)),
                ('last_used_at', models.DateTimeField(blank=True, help_text='The most recent date and time this device was used.', null=True)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='authenticator', to=settings.AUTH_USER_MODEL)),
                ('sealed_key', models.TextField()),
                ('last_step', models.BigIntegerField(default=-1, help_text='Half-minutes since 1970. Codes of this half-minute or an earlier one are no longer accepted.')),
                ('recovery_digests', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('session_key', models.CharField(max_length=64, primary_key=True, serialize=False, verbose_name='session key')),
                ('public_id', models.UUIDField(editable=False)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('address', models.GenericIPAddressField(null=True)),
                ('agent', models.CharField(max_length=300)),
                ('started_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField(help_text='Accurate to five minutes.')),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'ordering': ['-seen_at'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('key', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('account', models.ForeignKey(help_text='Empty: platform staff.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('email', models.EmailField(max_length=254)),
                ('role', models.CharField(choices=[('admin', 'Admin: everything, including keys, people and settings'), ('manager', 'Manager: invoices, policies, templates, write-off'), ('agent', 'Agent: works cases, records payments'), ('viewer', 'Viewer: read-only')], default='viewer', max_length=10)),
                ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['-created_at', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('role__in', ['admin', 'manager', 'agent', 'viewer'])), name='invitation_role_is_known'), models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None)), fields=('account', 'email'), name='one_open_invitation_of_an_account_per_address'), models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('account', None), ('withdrawn_at', None)), fields=('email',), name='one_open_invitation_of_the_platform_per_address')],
            },
        ),
        migrations.CreateModel(
            name='LoginMail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('password_reset', 'Reset'), ('password_changed', 'Changed'), ('invitation', 'Invitation')], max_length=20)),
                ('email', models.EmailField(max_length=254)),
                ('language', models.CharField(choices=[('en', 'English'), ('ar', 'العربية')], max_length=2)),
                ('invitation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.invitation')),
                ('requested_by', models.CharField(blank=True, max_length=254)),
                ('client', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to='accounts.account')),
                ('name', models.CharField(max_length=100)),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('prefix', models.CharField(editable=False, max_length=20, verbose_name='key')),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('invoices:read', 'Read invoices'), ('invoices:write', 'Create and change invoices'), ('webhooks:manage', 'Manage webhooks'), ('communications:read', 'Read communications'), ('communications:write', "Create links to debtor pages")], max_length=40), default=inflow.accounts.models.default_scopes, size=None)),
                ('created_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('expires_at', models.DateTimeField(blank=True, help_text='Empty: never.', null=True)),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'verbose_name': 'API key',
                'ordering': ['-created_at', '-id'],
                'constraints': [models.UniqueConstraint(fields=('digest',), name='api_key_digest_is_unique')],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('actor', models.CharField(max_length=254)),
                ('action', models.CharField(max_length=60)),
                ('target', models.CharField(max_length=120)),
                ('detail', models.JSONField(default=dict)),
            ],
            options={
                'verbose_name_plural': 'audit log',
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['account', '-at', '-id'], name='audit_log_of_an_account')],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, "DROP TRIGGER append_only ON accounts_auditentry; DROP FUNCTION refuse_change"),
    ]
