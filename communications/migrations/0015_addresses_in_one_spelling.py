from django.db import migrations

_AT_ONCE = 2_000


def _normalise(apps, schema_editor):
    """Emails of messages, replies and known addresses as they are now stored. Two records of one address become one:
    who opted out by either spelling stays out."""
    from invoices.debtors.contacts import normalise_email

    with schema_editor.connection.cursor() as cursor:
        for table, column in (("communications_communication", "recipient"), ("communications_reply", "address")):
            cursor.execute(f"SELECT DISTINCT {column} FROM {table} WHERE channel = 'email' AND {column} <> ''")
            changed = [(email, normal) for (email,) in cursor.fetchall() if (normal := normalise_email(email)) != email]
            for begin in range(0, len(changed), _AT_ONCE):
                old, new = zip(*changed[begin : begin + _AT_ONCE], strict=True)
                cursor.execute(
                    f"UPDATE {table} SET {column} = told.new FROM unnest(%s::text[], %s::text[]) AS told (old, new)"
                    f" WHERE {column} = told.old AND channel = 'email'",
                    [list(old), list(new)],
                )
    contacts = apps.get_model("communications", "Contact")
    for contact in contacts.objects.filter(channel="email").order_by("pk").iterator(chunk_size=_AT_ONCE):
        address = normalise_email(contact.address)
        if address == contact.address:
            continue
        other = contacts.objects.filter(account=contact.account_id, channel="email", address=address).first()
        if other is None:
            contacts.objects.filter(pk=contact.pk).update(address=address)
            continue
        opted_out = [at for at in (contact.opted_out_at, other.opted_out_at) if at]
        other.opted_out_at = min(opted_out, default=None)
        other.opted_in_at = None if opted_out else other.opted_in_at or contact.opted_in_at
        other.invalid_at = other.invalid_at or contact.invalid_at
        other.invalid_because = other.invalid_because or contact.invalid_because
        other.save()
        contact.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("communications", "0014_messages_ask_net_of_credit"),
        ("invoices", "0016_parties_and_contacts"),
    ]

    operations = [migrations.RunPython(_normalise, migrations.RunPython.noop)]
