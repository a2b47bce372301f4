from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_squashed_0010_session_keys_are_hashed'),
        ('invoices', '0032_credit_of_merged_debtors'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(condition=models.Q(('email', ''), _negated=True), fields=['account', 'email'], name='contact_by_email'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(condition=models.Q(('phone', ''), _negated=True), fields=['account', 'phone'], name='contact_by_phone'),
        ),
    ]
