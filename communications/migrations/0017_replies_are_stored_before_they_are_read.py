from django.db import migrations, models
from django.db.models import Count, F, Max, Min


def describe_the_replies_that_exist(apps, schema_editor):
    """Replies so far were read when they came in, and each `stop` among them took effect by itself."""
    reply = apps.get_model("communications", "Reply")
    reply.objects.filter(read_at=None).update(read_at=F("received_at"))
    stops = reply.objects.filter(triage="stop", status="confirmed", handled_by="")
    stops.update(took_effect=True)
    reply.objects.filter(triage="stop").update(asks_to_stop=True)


def count_the_answers_that_wait(apps, schema_editor):
    """Replies and answers on the page that wait for a person, per debtor. They open no escalation by themselves."""
    debtor = apps.get_model("invoices", "Debtor")
    waiting = {}
    for name, moment in (("Reply", "received_at"), ("Answer", "said_at")):
        rows = apps.get_model("communications", name).objects.filter(status="proposed", debtor__isnull=False)
        found = rows.order_by().values("debtor").annotate(count=Count("pk"), first=Min(moment), last=Max(moment))
        for row in found.iterator():
            count, first, last = waiting.get(row["debtor"], (0, row["first"], row["last"]))
            waiting[row["debtor"]] = count + row["count"], min(first, row["first"]), max(last, row["last"])
    for pk, (count, first, last) in waiting.items():
        held = debtor.objects.filter(pk=pk, answered_at__isnull=False)
        held.update(unhandled_answers=count, unhandled_since=first, answered_at=last)


class Migration(migrations.Migration):
    dependencies = [
        ("communications", "0016_refusals_have_classes"),
        ("invoices", "0017_unread_replies"),
    ]

    operations = [
        migrations.AddField(
            model_name='reply',
            name='amount',
            field=models.DecimalField(decimal_places=3, max_digits=18, null=True),
        ),
        migrations.AddField(
            model_name='reply',
            name='asks_to_stop',
            field=models.BooleanField(default=False, help_text='Asks for no more messages, in any words.'),
        ),
        migrations.AddField(
            model_name='reply',
            name='original',
            field=models.TextField(blank=True, help_text='The whole message, with the mail that it quotes. Empty: the same as the text.'),
        ),
        migrations.AddField(
            model_name='reply',
            name='paid_on',
            field=models.DateField(help_text='The day of the payment that the text names.', null=True),
        ),
        migrations.AddField(
            model_name='reply',
            name='read_at',
            field=models.DateTimeField(help_text='When the rules read the message.', null=True),
        ),
        migrations.AddField(
            model_name='reply',
            name='reference',
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name='reply',
            name='took_effect',
            field=models.BooleanField(default=False, help_text='Opted out automatically.'),
        ),
        migrations.AlterField(
            model_name='reply',
            name='triage',
            field=models.CharField(choices=[('stop', 'Stop writing'), ('paid', 'Has paid'), ('promise', 'Will pay'), ('dispute', 'Disputes it'), ('wrong_person', 'Wrong person'), ('other', 'Something else')], default='other', max_length=12),
        ),
        migrations.RunPython(describe_the_replies_that_exist, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(count_the_answers_that_wait, migrations.RunPython.noop, elidable=True),
    ]
