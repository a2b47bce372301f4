import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import F, Q

from invoices.debtors import parties

_AT_ONCE = 2_000


def _fill(apps, schema_editor):
    """Emails in their one spelling, the party of each invoice, what debtors are known by, and the contacts that staff
    certainly replaced."""
    with schema_editor.connection.cursor() as cursor:
        _normalise(cursor, "invoices_invoice", "debtor_email")
        _normalise(cursor, "invoices_debtor", "email")
        _name_parties(cursor)
        _keep_corrections(apps, cursor)
        _remember(apps, cursor)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _normalise(cursor, table, column):
    from invoices.debtors.contacts import normalise_email

    cursor.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} <> ''")
    changed = [(email, normal) for (email,) in cursor.fetchall() if (normal := normalise_email(email)) != email]
    for begin in range(0, len(changed), _AT_ONCE):
        old, new = zip(*changed[begin : begin + _AT_ONCE], strict=True)
        cursor.execute(
            f"UPDATE {table} SET {column} = told.new FROM unnest(%s::text[], %s::text[]) AS told (old, new)"
            f" WHERE {column} = told.old",
            [list(old), list(new)],
        )


def _name_parties(cursor):
    cursor.execute("SELECT DISTINCT debtor_name, debtor_company FROM invoices_invoice")
    found = [(name, company, parties.of(name, company).key) for name, company in cursor.fetchall()]
    if found:
        columns = [list(column) for column in zip(*found, strict=True)]
        cursor.execute(
            "UPDATE invoices_invoice SET party = told.party"
            " FROM unnest(%s::text[], %s::text[], %s::text[]) AS told (name, company, party)"
            " WHERE debtor_name = told.name AND debtor_company = told.company",
            columns,
        )


def _keep_corrections(apps, cursor):
    """A debtor was made with the contacts of its first invoice, and only the dashboard's form changed them since. What
    it was first known by, and the audit log, prove what staff replaced. A mere difference proves nothing."""
    from invoices.debtors.contacts import normalise

    debtors, invoices = apps.get_model("invoices", "Debtor"), apps.get_model("invoices", "Invoice")
    corrections, audit = apps.get_model("invoices", "ContactCorrection"), apps.get_model("accounts", "AuditEntry")
    now = django.utils.timezone.now()

    def keep(debtor, kind, old, actor, at):
        new = getattr(debtor, kind)
        if old != new:
            corrections.objects.get_or_create(
                debtor=debtor,
                kind=kind,
                old=old,
                defaults={"account_id": debtor.account_id, "new": new, "actor": actor, "at": at},
            )

    edited = audit.objects.filter(action="debtor.changed").order_by("-pk")
    for entry in edited.iterator(chunk_size=_AT_ONCE):
        changes = entry.detail.get("changes") or {}
        for kind in ("email", "phone"):
            values = changes.get(kind)
            if not isinstance(values, list) or len(values) != 2:
                continue
            old, new = (normalise(kind, str(value or "")) for value in values)
            known = debtors.objects.filter(account_id=entry.account_id, **{kind: new})
            for debtor in known.filter(identity=f"{kind}:{old}") if old else ():
                keep(debtor, kind, old, entry.actor, now)
            given = invoices.objects.filter(debtor=models.OuterRef("pk"), **{f"debtor_{kind}": old})
            for debtor in known.filter(models.Exists(given)):
                keep(debtor, kind, old, entry.actor, now)
    for kind in ("email", "phone"):
        moved = debtors.objects.filter(identity__startswith=f"{kind}:").exclude(
            identity=models.functions.Concat(models.Value(f"{kind}:"), F(kind))
        )
        for debtor in moved.iterator(chunk_size=_AT_ONCE):
            keep(debtor, kind, normalise(kind, debtor.identity.partition(":")[2]), "", now)


def _remember(apps, cursor):
    identities = apps.get_model("invoices", "DebtorIdentity")
    cursor.execute(
        "SELECT account_id, id, name, company, email, phone FROM invoices_debtor"
        " UNION SELECT account_id, debtor_id, debtor_name, debtor_company, debtor_email, debtor_phone"
        " FROM invoices_invoice ORDER BY 1, 2, 3, 4, 5, 6"
    )
    rows = cursor.fetchall()
    for begin in range(0, len(rows), _AT_ONCE):
        made = []
        for account, debtor, name, company, email, phone in rows[begin : begin + _AT_ONCE]:
            party = parties.of(name, company)
            made.append(
                identities(
                    account_id=account, debtor_id=debtor, base=party.base, form=party.form, email=email, phone=phone
                )
            )
        identities.objects.bulk_create(made, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_people_log_in_in_two_steps"),
        ("invoices", "0015_columns_of_imports"),
    ]

    operations = [
        migrations.CreateModel(
            "DebtorIdentity",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("base", models.CharField(max_length=200)),
                ("form", models.CharField(blank=True, max_length=30)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("phone", models.CharField(blank=True, max_length=20)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "debtor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="identities",
                        to="invoices.debtor",
                    ),
                ),
            ],
            {
                "ordering": ["id"],
                "indexes": [
                    models.Index(fields=["account", "base", "form"], name="identity_by_party"),
                    models.Index(fields=["account", "email"], name="identity_by_email", condition=~Q(email="")),
                    models.Index(fields=["account", "phone"], name="identity_by_phone", condition=~Q(phone="")),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["debtor", "base", "form", "email", "phone"], name="a_debtor_has_an_identity_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            "ContactCorrection",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("email", "Email"), ("phone", "Phone")], max_length=5)),
                ("old", models.CharField(blank=True, max_length=254)),
                ("new", models.CharField(blank=True, max_length=254)),
                ("actor", models.CharField(max_length=254)),
                ("at", models.DateTimeField(help_text="The account's time.")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "debtor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="invoices.debtor",
                    ),
                ),
            ],
            {
                "ordering": ["-at", "-id"],
                "constraints": [
                    models.UniqueConstraint(fields=["debtor", "kind", "old"], name="a_contact_is_replaced_by_one"),
                    models.CheckConstraint(condition=~Q(old=F("new")), name="a_contact_is_replaced_by_another"),
                ],
            },
        ),
        migrations.AddField(
            "invoice", "party", models.CharField(default="", editable=False, max_length=231), preserve_default=False
        ),
        migrations.RunPython(_fill, migrations.RunPython.noop),
        migrations.RemoveConstraint("debtor", "debtor_is_known_once_in_its_account"),
        migrations.RemoveField("debtor", "identity"),
        migrations.RemoveIndex("debtor", "debtor_by_email"),
        migrations.RemoveIndex("debtor", "debtor_by_phone"),
        migrations.AddIndex("debtor", models.Index(fields=["account"], name="debtor_of_an_account")),
    ]
