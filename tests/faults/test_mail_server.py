"""`make run` with a mail server in its environment sends there; one that refuses for a while costs nobody anything."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests import make
from tests.faults.stack import Run, wait_until
from tests.mailserver import MailServer

# The demo's invoices that have an email and a message to come; their debtors may be written to now.
_COMES_DUE = """
UPDATE communications_communication SET scheduled_for = now(), waits_for = '', channel = 'email'
WHERE status = 'scheduled' AND invoice_id IN (SELECT id FROM invoices_invoice WHERE debtor_email <> '')
"""
# Nobody heard from us lately.
_RESTED = """
UPDATE communications_communication SET sent_at = sent_at - interval '30 days' WHERE sent_at > now() - interval '8 days'
"""
_AWAKE = "UPDATE invoices_debtor SET time_zone = %s, country = %s"
_MARKS = "SELECT count(*) FROM communications_address WHERE invalid_at IS NOT NULL"
_CASES = "SELECT count(*) FROM invoices_escalation WHERE reason IN ('no_contact', 'delivery_failed')"
_WAITS = "SELECT count(*) FROM communications_communication WHERE waits_for IN ('refused', 'paused')"
_SENT = "SELECT count(*) FROM communications_communication WHERE status = 'sent' AND refusals > 0"
# The waits after a refusal end: five minutes for the message, fifteen for the server.
_AT_ONCE = """
UPDATE communications_communication SET scheduled_for = now(), not_before = NULL
WHERE waits_for IN ('refused', 'paused') AND scheduled_for > now()
"""
_PAUSED = "SELECT count(*) FROM communications_senderhealth WHERE paused_until IS NOT NULL"
_LATER = "UPDATE communications_senderhealth SET paused_until = paused_until - interval '15 minutes'"


def count(database: "psycopg.Connection[tuple[object, ...]]", sql: str) -> int:
    found = database.execute(sql.encode()).fetchone()
    assert found
    return int(str(found[0]))


@pytest.mark.nightly
@pytest.mark.parametrize("reply", ["554 5.7.1 Relay access denied"])
def test_a_mail_server_that_refuses_for_a_while_gets_each_message_once(
    with_tables: Callable[[Path], Path], tmp_path: Path, reply: str
) -> None:
    data = with_tables(tmp_path / "var")
    with MailServer(on_recipient=reply) as server:
        run = Run(data, EMAIL_URL=f"smtp://127.0.0.1:{server.port}").ready(240)
        try:
            with run.database() as database:
                database.execute("DELETE FROM communications_reply")
                database.execute("UPDATE invoices_debtor SET answered_at = NULL")
                place = make.open_place()
                database.execute(_AWAKE, [place.zone.key, place.country])
                before = [count(database, sql) for sql in (_MARKS, _CASES)]
                database.execute(_RESTED)
                database.execute(_COMES_DUE)
                wait_until(lambda: sum(server.asked.values()) >= 3, 180)
                wait_until(lambda: count(database, _WAITS) >= 3, 60)
                wait_until(lambda: count(database, _PAUSED) == 1, 60)
                assert sum(server.asked.values()) == 3, "it is paused"
                assert [count(database, sql) for sql in (_MARKS, _CASES)] == before
                server.on_recipient = "250 OK"
                database.execute(_LATER)
                waiting = count(database, _WAITS)

                def all_are_sent() -> bool:
                    database.execute(_AT_ONCE)
                    return count(database, _SENT) >= 3 and count(database, _WAITS) == 0

                wait_until(all_are_sent, 180)
                assert waiting >= 3
                assert set(Counter(str(mail["X-InFlow-Message"]) for mail in server.mails).values()) == {1}
                assert [count(database, sql) for sql in (_MARKS, _CASES)] == before
            assert list((data / "outbox").iterdir()) == []
            assert f"mail: 127.0.0.1:{server.port}" in run.log.read_text()
        finally:
            run.close()
