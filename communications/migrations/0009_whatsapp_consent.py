from django.db import migrations, models

# Who wrote on WhatsApp before this was kept with their address.
_HEARD = """
    INSERT INTO communications_contact (account_id, channel, address, invalid_because, heard_at)
    SELECT account_id, channel, address, '', max(received_at)
    FROM communications_reply WHERE channel = 'whatsapp' GROUP BY account_id, channel, address
    ON CONFLICT (account_id, channel, address) DO UPDATE SET heard_at = excluded.heard_at
"""


class Migration(migrations.Migration):
    dependencies = [("communications", "0008_brakes")]

    operations = [
        migrations.AddField(
            model_name="contact",
            name="opted_in_at",
            field=models.DateTimeField(
                null=True, help_text="When they agreed to be written to there, as WhatsApp asks."
            ),
        ),
        migrations.AddField(
            model_name="contact",
            name="heard_at",
            field=models.DateTimeField(null=True, help_text="When they last wrote from there on WhatsApp."),
        ),
        migrations.RunSQL(_HEARD, migrations.RunSQL.noop),
    ]
