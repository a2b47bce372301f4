import communications.models
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """Create reminder policies first: invoices refer to them."""

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0010_session_keys_are_hashed'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReminderPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='policies', to='accounts.account')),
                ('name', models.CharField(max_length=100)),
                ('is_default', models.BooleanField(default=False, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name_plural': 'reminder policies',
                'ordering': ['-is_default', 'name'],
                'constraints': [models.UniqueConstraint(fields=('account', 'name'), name='policy_name_is_unique_in_its_account'), models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('account',), name='one_default_policy_for_an_account')],
            },
        ),
        migrations.CreateModel(
            name='PolicyStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('policy', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='communications.reminderpolicy')),
                ('offset_days', models.SmallIntegerField(verbose_name='days from the due date')),
                ('kind', models.CharField(choices=[('reminder', 'Reminder'), ('follow_up', 'Follow-up'), ('final_notice', 'Final notice'), ('call', 'Call'), ('none', 'No message')], max_length=20)),
                ('tone', models.CharField(choices=[('friendly', 'Friendly'), ('neutral', 'Neutral'), ('firm', 'Firm')], default='neutral', max_length=10)),
                ('channels', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('email', 'Email'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp')], max_length=10), default=communications.models.every_medium, size=None)),
                ('escalates_to', models.PositiveSmallIntegerField(blank=True, choices=[(1, 'Level 1'), (2, 'Level 2')], null=True)),
            ],
            options={
                'ordering': ['offset_days'],
                'constraints': [models.UniqueConstraint(fields=('policy', 'offset_days'), name='one_step_a_day_in_a_policy'), models.CheckConstraint(condition=models.Q(('offset_days__gte', -365), ('offset_days__lte', 3650)), name='a_step_lies_within_ten_years')],
            },
        ),
    ]
