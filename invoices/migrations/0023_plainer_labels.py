
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0022_constraints_are_valid'),
    ]

    operations = [
        migrations.AlterField(
            model_name='escalation',
            name='resolution',
            field=models.CharField(blank=True, choices=[('hold', 'Hold'), ('promise', 'Promise to pay'), ('ladder', 'Back to the reminder schedule'), ('write_off', 'Write off'), ('closed', 'The invoice closed'), ('new_round', 'A new due date'), ('credit_used', 'No credit is left'), ('too_early', 'Opened too early, by a clock that was ahead')], max_length=12),
        ),
        migrations.AlterField(
            model_name='invoice',
            name='entered_on',
            field=models.DateField(editable=False, help_text="The account's date when it entered the reminder schedule.", null=True),
        ),
    ]
