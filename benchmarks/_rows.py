"""Accounts with large numbers of rows, inserted by SQL in the state that they have after some months."""

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inflow.accounts.models import Account

# One debtor for every ten invoices, which were created one second apart. Of twenty invoices, nine are paid, six new,
# three overdue, one disputed and one on hold. Every tenth debtor has an Arabic name, every
# hundredth a tag.
_FILL = """
WITH debtors AS (
  INSERT INTO invoices_debtor (id, account_id, name, company, email, phone, language, time_zone, country,
                               subdivision, unhandled_answers, tags, created_at)
  SELECT gen_random_uuid(), %(account)s,
         CASE WHEN n %% 10 = 0
           THEN (ARRAY['أحمد', 'فاطمة', 'يوسف', 'مريم'])[1 + n / 10 %% 4] || ' '
             || (ARRAY['الراشد', 'المنصوري', 'الهاشمي'])[1 + n / 40 %% 3]
           ELSE (ARRAY['Ahmed', 'Fatima', 'Youssef', 'Maryam', 'John', 'Priya', 'Omar'])[1 + n %% 7] || ' '
             || (ARRAY['Al Rashid', 'Al Mansoori', 'Haddad', 'Smith', 'Nair'])[1 + n / 7 %% 5] END,
         (ARRAY['Gulf', 'Desert', 'Pearl', 'Marina'])[1 + n %% 4] || ' Trading ' || n || ' LLC',
         'debtor' || n || '@example.com', '+97150' || lpad(n::text, 7, '0'), '', '', '', '', 0,
         CASE WHEN n %% 100 = 0 THEN ARRAY['wholesale'] ELSE ARRAY[]::text[] END,
         now() - (%(debtors)s - n) * interval '10 seconds' - interval '1 minute'
  FROM generate_series(1, %(debtors)s) n
  RETURNING id, name, email, phone, company
), numbered AS (
  SELECT *, lower(split_part(company, ' ', 1)) || 'trading' || substring(company from '[0-9]+') AS base,
    row_number() OVER () AS place
  FROM debtors
), identities AS (
  INSERT INTO invoices_debtoridentity (account_id, debtor_id, base, form, email, phone, created_at)
  SELECT %(account)s, id, base, 'llc', email, phone, now()
  FROM numbered
)
INSERT INTO invoices_invoice (id, account_id, debtor_id, invoice_number, debtor_name, debtor_company, debtor_email,
  debtor_phone, party, amount, currency, issue_date, due_date, language, notes, amount_paid, status, payment_status,
  round, escalation_level, version, created_at, updated_at, is_chased, entered_on, slip_days, aged_on, hold_until,
  disputed_at, next_check_at)
SELECT gen_random_uuid(), %(account)s, d.id, 'SEED-' || lpad(n::text, 9, '0'), d.name, d.company,
  d.email, d.phone, d.base || '|llc',
  25000 + n %% 1000, (ARRAY['AED', 'USD', 'EUR', 'SAR', 'KWD'])[1 + n %% 5],
  current_date - 60, current_date + (CASE WHEN s.status IN ('overdue', 'disputed') THEN -1 - n %% 50 ELSE n %% 60 END),
  'en', '', CASE WHEN s.status = 'paid' THEN 25000 + n %% 1000 ELSE 0 END, s.status,
  CASE WHEN s.status = 'paid' THEN 'paid' ELSE 'unpaid' END, 0, 0, 1,
  now() - (%(count)s - n) * interval '1 second' - interval '1 minute', now(), true, current_date - 60, 0,
  current_date, CASE WHEN s.status = 'on_hold' THEN current_date + 20 END,
  CASE WHEN s.status = 'disputed' THEN now() END,
  CASE WHEN s.status IN ('new', 'overdue') THEN now() + interval '20 days' END
FROM generate_series(1, %(count)s) n
JOIN numbered d ON d.place = 1 + (n + n / %(debtors)s * 7) %% %(debtors)s,
LATERAL (SELECT CASE WHEN n %% 20 < 9 THEN 'paid' WHEN n %% 20 < 15 THEN 'new' WHEN n %% 20 < 18 THEN 'overdue'
                     WHEN n %% 20 = 18 THEN 'disputed' ELSE 'on_hold' END AS status) s
"""


def account(name: str) -> "tuple[Account, str]":
    """Create an account whose limits are never reached. Return it with an API key."""
    from inflow.accounts import keys
    from inflow.accounts.models import Account

    made = Account.objects.create(
        name=name, plan="enterprise", requests_per_minute=1_000_000_000, requests_per_day=1_000_000_000
    )
    return made, keys.issue(made, name="benchmark")[1]


def invoices(account_id: uuid.UUID, count: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"account": account_id, "count": count, "debtors": max(1, count // 10)})
        cursor.execute(f"{'' if connection.in_atomic_block else 'VACUUM '}ANALYZE invoices_invoice, invoices_debtor")


# One sent message and one delivered event for each of the account's invoices.
_PAST = """
WITH messages AS (
  INSERT INTO communications_communication (id, message_id, account_id, debtor_id, invoice_id, round, step, kind,
    try_number, channel, status, waits_for, suppressed_reason, recipient, language, subject, body, html, tone, amount,
    scheduled_for, sent_at, created_at, error, provider_id, closes_channel, approved_by,
    refusal, refusals, own_subject, own_body)
  SELECT gen_random_uuid(), gen_random_uuid(), account_id, debtor_id, id, 0, 3, 'reminder', 1, 'email', 'sent', '', '',
    debtor_email, 'en', 'Invoice ' || invoice_number, 'A reminder.', '', 'friendly', amount, created_at, created_at,
    created_at, '', '', false, '', '', 0, '', ''
  FROM invoices_invoice WHERE account_id = %(account)s
), events AS (
  INSERT INTO webhooks_event (id, account_id, seq, type, body, created_at)
  SELECT 'evt_' || replace(id::text, '-', ''), account_id, row_number() OVER (ORDER BY created_at), 'invoice.created',
    '{}', created_at
  FROM invoices_invoice WHERE account_id = %(account)s
  RETURNING id, created_at
), counter AS (
  INSERT INTO webhooks_eventcounter (account_id, seq)
  SELECT %(account)s, count(*) FROM invoices_invoice WHERE account_id = %(account)s
)
INSERT INTO webhooks_delivery
  (id, account_id, event_id, subscription_id, status, attempts_made, next_attempt_at, created_at)
SELECT gen_random_uuid(), %(account)s, id, %(subscription)s, 'delivered', 1, NULL, created_at FROM events
"""


def past(account: "Account") -> uuid.UUID:
    """Insert a message and a delivery for each of the account's invoices. Return the id of the subscription."""
    from django.db import connection

    from webhooks import subscriptions

    subscription, _ = subscriptions.subscribe(account, "http://127.0.0.1:9/", ["escalation.created"])
    with connection.cursor() as cursor:
        cursor.execute(_PAST, {"account": account.pk, "subscription": subscription.pk})
        cursor.execute("VACUUM ANALYZE communications_communication, webhooks_event, webhooks_delivery")
        cursor.execute("CHECKPOINT")  # otherwise it may run during the measurement
    return subscription.pk
