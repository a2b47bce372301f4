import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Who is logged in stays logged in. The way back ends all sessions: no key comes out of its digest.
HASH = """
UPDATE accounts_session SET session_key = encode(sha256(convert_to(session_key, 'UTF8')), 'hex')
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_people_are_invited")]

    operations = [
        migrations.AlterField(
            model_name="session",
            name="session_key",
            field=models.CharField(max_length=64, primary_key=True, serialize=False, verbose_name="session key"),
        ),
        migrations.AlterField(
            model_name="session",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(HASH, "DELETE FROM accounts_session"),
    ]
