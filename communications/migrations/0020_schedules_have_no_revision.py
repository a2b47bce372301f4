from django.db import migrations

_WITHOUT_TRIGGERS = """
DROP TRIGGER revision_only_rises ON communications_reminderpolicy;
DROP TRIGGER steps_were_added ON communications_policystep;
DROP TRIGGER steps_were_removed ON communications_policystep;
DROP TRIGGER steps_were_changed ON communications_policystep;
DROP TRIGGER steps_were_taken_away ON communications_policystep;
DROP FUNCTION revision_only_rises;
DROP FUNCTION ladder_has_changed;
DROP SEQUENCE communications_ladder_revision;
"""
_TRIGGERS = """
CREATE SEQUENCE communications_ladder_revision;
CREATE FUNCTION ladder_has_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE communications_reminderpolicy SET revision = nextval('communications_ladder_revision')
    WHERE id IN (SELECT policy_id FROM changed);
    RETURN NULL;
END $$;
CREATE FUNCTION revision_only_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision = GREATEST(OLD.revision, NEW.revision);
    RETURN NEW;
END $$;
CREATE TRIGGER steps_were_added AFTER INSERT ON communications_policystep
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ladder_has_changed();
CREATE TRIGGER steps_were_removed AFTER DELETE ON communications_policystep
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ladder_has_changed();
CREATE TRIGGER steps_were_changed AFTER UPDATE ON communications_policystep
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ladder_has_changed();
CREATE TRIGGER steps_were_taken_away AFTER UPDATE ON communications_policystep
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ladder_has_changed();
CREATE TRIGGER revision_only_rises BEFORE UPDATE ON communications_reminderpolicy
FOR EACH ROW EXECUTE FUNCTION revision_only_rises();
"""


class Migration(migrations.Migration):
    """Steps are read where they are needed: no cache has to learn that they changed."""

    dependencies = [("communications", "0019_a_test_clock_advances_in_turns")]

    operations = [
        migrations.RunSQL(_WITHOUT_TRIGGERS, _TRIGGERS),
        migrations.RemoveField("reminderpolicy", "revision"),
    ]
