"""Reports: what is counted is what is there, also late; whoever may only read them cannot write;
the worked queries of the manual; old months end, and nothing unfinished with them."""

import csv
import io
import json
import re
import subprocess
import uuid

import psycopg
import pytest

from harness.process import TOP
from harness.service import command

MANUAL = (TOP / "docs" / "sql.md").read_text()
QUERIES = re.findall(r"### (.*?)\n\n```sql\n(.*?)```", MANUAL, re.S)
WAMID = "wamid.HBgNNjI4MTIzNDU2Nzg5"


@pytest.fixture(scope="module")
def reported(postgres):
    """A database with some of everything, in UTC's yesterday, and counted."""
    database = postgres.database()
    fill(database)
    maintain(database)
    return database


def run(database, *words, **settings):
    return command(*words, env={"DATABASE_URL": database.url, **settings})


def maintain(database, **settings):
    done = run(database, "maintain", **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(database, *words):
    """The rows of a report, and what it said of their age."""
    done = run(database, "report", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def new_id(database, at):
    """A message_id of that time (an SQL expression)."""
    return database.query(
        f"SELECT (left(message_sender.id_floor({at})::text, 14) || '7'"
        " || substr(gen_random_uuid()::text, 16))::uuid AS id")[0]["id"]


def add(database, state, at="now() - interval '1 minute'", tenant="acme", attempt=None, **columns):
    """A message, and its attempt if it has one (outcome, code)."""
    message_id = new_id(database, at)
    # What everything is measured from is the time in the id.
    base = database.query("SELECT message_sender.id_moment(%s) AS at", message_id)[0]["at"]
    row = {"message_id": message_id, "tenant_id": tenant, "outlet_id": "jakarta",
           "conversation_id": "conv-1", "recipient": "+628123456789", "message_type": "text",
           "payload": '{"body":"hello"}', "sender_type": "llm", "number": "1055",
           "state": state, "attempts": 1, "accepted_at": base, **columns}
    names = ", ".join(row)
    database.query(f"INSERT INTO message_sender.message ({names}) VALUES"
                   f" ({', '.join(['%s'] * len(row))})", *row.values())
    if attempt:
        database.query("INSERT INTO message_sender.attempt (message_id, attempt, incarnation,"
                       " number, outcome, code, title, begun_at, ended_at) VALUES (%s, 1, %s,"
                       " '1055', %s, %s, 'title', %s, %s + interval '1 s')", message_id,
                       uuid.uuid4(), *attempt, base, base)
    return message_id


def sent(database, state="sent", **columns):
    """A message that WhatsApp accepted after two seconds."""
    message_id = add(database, state, attempt=("accepted", None), **columns)
    database.query("UPDATE message_sender.message SET sent_at = accepted_at + interval '2 s',"
                   " delivered_at = CASE WHEN state IN ('delivered', 'read') THEN"
                   " accepted_at + interval '5 s' END, read_at = CASE WHEN state = 'read' THEN"
                   " accepted_at + interval '65 s' END WHERE message_id = %s", message_id)
    return message_id


def work(database, message_id, state, wait, **columns):
    row = {"message_id": message_id, "tenant_id": "acme", "lane": 1, "seq": 1, "state": state,
           "wait": wait, "caller_waits": False, "attempt": 1, "attempt_open": False, "queue": 1,
           "due_at": "now", "expires_at": "tomorrow", **columns}
    database.query(f"INSERT INTO message_sender.work ({', '.join(row)}) VALUES"
                   f" ({', '.join(['%s'] * len(row))})", *row.values())


def fill(database):
    yesterday = "date_trunc('day', now()) - interval '12 hours'"
    for state, count in (("sent", 1), ("delivered", 2), ("read", 3)):
        for _ in range(count):
            sent(database, state, at=yesterday)
    sent(database, "read", at=yesterday, message_type="template",
         payload='{"name":"order_shipped","language":{"code":"id"}}', wamid=WAMID + "x")
    priced = sent(database, "read", wamid=WAMID)
    for status in ("sent", "delivered"):
        database.query("INSERT INTO message_sender.receipt (message_id, attempt, status, number,"
                       " wamid, at, category, billable, pricing_model) VALUES (%s, 1, %s, '1055',"
                       " %s, now(), 'utility', true, 'PMP')", priced, status, WAMID)
    for at in (yesterday, "now() - interval '1 minute'"):
        add(database, "failed", at=at, attempt=("refused", 131056), failure_code=131056,
            failure_reason="131056 (pair limit)", failed_at="now", attempts=3)
    add(database, "expired", at=yesterday, tenant="bistro", failed_at="now", failure_code=-6)
    unknown = add(database, "unknown", attempt=("lost", -8))
    work(database, unknown, "unknown", 2, lost_at="now")
    hold, = database.query("INSERT INTO message_sender.hold (scope, tenant_id, reason, set_by)"
                           " VALUES ('tenant', 'acme', 'paused', 'rani') RETURNING id")
    work(database, add(database, "queued", attempts=0), "held", 3, hold=hold["id"])
    database.query("INSERT INTO message_sender.tenant (tenant_id) VALUES ('acme')")
    database.query("INSERT INTO message_sender.quota (tenant_id, daily, day, day_used, month_used,"
                   " set_by) VALUES ('acme', 100, (now() AT TIME ZONE 'UTC')::date, 7, 9, 'rani')")
    batch = new_id(database, "now()")
    database.query("INSERT INTO message_sender.batch VALUES (%s, 'acme', 2, 1, 1, now(), now())",
                   batch)
    in_batch = sent(database, batch_id=batch)
    database.query("INSERT INTO message_sender.decision VALUES (%s, 1, 'sent', 'rani', 'seen',"
                   " now())", in_batch)
    database.query("INSERT INTO message_sender.replay VALUES (%s, 1, %s, 'rani', 'mended', now())",
                   new_id(database, yesterday), in_batch)


def as_report(database, statement):
    """Run as somebody who is only a member of the role for reports."""
    with psycopg.connect(database.url) as connection:
        connection.execute("SET SESSION AUTHORIZATION message_sender_report")
        return connection.execute(statement).fetchall()


@pytest.mark.parametrize("name,query", QUERIES, ids=[name for name, _ in QUERIES])
def test_a_worked_query(reported, name, query):
    assert as_report(reported, query), name


def test_there_are_twenty_worked_queries():
    assert len(QUERIES) >= 20


def test_the_funnel_counts_what_is_there(reported):
    day = reported.query("SELECT (now() - interval '1 day')::date::text AS day")[0]["day"]
    rows = [r for r in report(reported, "daily", "--tenant", "acme") if r["day"] == day]
    texts, = [r for r in rows if r["message_type"] == "text"]
    assert {name: texts[name] for name in ("accepted", "sent", "delivered", "read", "failed",
                                           "waiting")} == {
        "accepted": 7, "sent": 6, "delivered": 5, "read": 3, "failed": 1, "waiting": 0}
    template, = [r for r in rows if r["message_type"] == "template"]
    assert (template["template"], template["read"]) == ("order_shipped", 1)
    failure, = [r for r in report(reported, "failure", "--tenant", "acme") if r["day"] == day]
    assert (failure["code"], failure["failed"]) == (131056, 1)
    cost, = report(reported, "cost")
    assert (cost["category"], cost["billable"], cost["messages"]) == ("utility", True, 1)
    quota, = report(reported, "quota")
    assert (quota["daily"], quota["day_used"], quota["month_used"]) == (100, 7, 9)
    latency = {r["stage"]: r for r in report(reported, "latency", "--tenant", "acme")
               if r["day"] == day}
    assert (latency["send"]["p50"], latency["deliver"]["p99"], latency["read"]["longest"]) == (
        2, 3, 60)
    assert latency["call"]["measured"] == 7


def test_late_receipts_and_ends_are_counted(postgres):
    database = postgres.database()
    at = "now() - interval '3 days'"
    open_one, done = add(database, "queued", at=at), sent(database, at=at)
    maintain(database)
    row, = report(database, "daily")
    assert (row["accepted"], row["sent"], row["waiting"], row["read"]) == (2, 1, 1, 0)
    # What was still open ends; no receipt says so.
    database.query("UPDATE message_sender.message SET state = 'failed', failed_at = now()"
                   " - interval '2 days', failure_code = 100 WHERE message_id = %s", open_one)
    maintain(database)
    row, = report(database, "daily")
    assert (row["waiting"], row["failed"]) == (0, 1)
    # Now nothing is open: only a receipt can change that hour, and makes it due.
    assert "hours counted: 0" in maintain(database)
    database.query("UPDATE message_sender.message SET state = 'read', delivered_at = now(),"
                   " read_at = now() WHERE message_id = %s", done)
    database.query("INSERT INTO message_sender.receipt (message_id, attempt, status, number, wamid,"
                   " at) VALUES (%s, 1, 'read', '1', 'w', now())", done)
    assert "hours counted: 1" in maintain(database)
    row, = report(database, "daily")
    assert (row["delivered"], row["read"]) == (1, 1)


def test_days_are_those_of_the_tenant(postgres):
    database = postgres.database()
    sent(database, at="date_trunc('day', now()) - interval '3 hours'")  # 21:00 UTC
    maintain(database)
    before, = report(database, "daily")
    done = run(database, "tenant", "set", "acme", "--time-zone", "Asia/Kolkata")
    assert done.returncode == 0, done.stderr
    maintain(database)
    after, = report(database, "daily")
    assert after["day"] > before["day"] and after["accepted"] == 1
    wrong = run(database, "tenant", "set", "acme", "--time-zone", "Mars/Olympus")
    assert wrong.returncode == 1 and "Mars/Olympus" in wrong.stderr
    assert "Asia/Kolkata" in run(database, "tenant", "show", "acme").stdout
    assert run(database, "tenant", "unset", "acme").returncode == 0
    maintain(database)
    assert report(database, "daily")[0]["day"] == before["day"]


def test_maintain_makes_partitions_ahead(postgres):
    database = postgres.database()

    def months():
        return {r["name"] for r in database.query(
            "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'message_sender.message'::regclass"
            " AND c.relname ~ '[0-9]$'")}

    maintain(database)
    made = months()
    last = max(made)
    ahead = database.query("SELECT 'message_' || to_char(now() + interval '2 months', 'YYYY_MM')"
                           " AS name")[0]["name"]
    assert ahead <= last
    database.query(f"SET ROLE message_sender_owner; DROP TABLE message_sender.{last}")
    assert last not in months()
    maintain(database)
    assert months() == made


def test_old_months_end_and_nothing_unfinished_with_them(postgres):
    database = postgres.database()
    at = "now() - interval '200 days'"
    month = database.query(f"SELECT to_char({at}, 'YYYY_MM') AS m,"
                           f" message_sender.id_floor(date_trunc('month', {at})) AS low,"
                           " message_sender.id_floor(date_trunc('month',"
                           f" {at}) + interval '1 month') AS high")[0]
    for parent in ("message", "attempt", "receipt"):
        database.query(f"SET ROLE message_sender_owner; CREATE TABLE message_sender.{parent}_"
                       f"{month['m']} PARTITION OF message_sender.{parent} FOR VALUES FROM"
                       f" ('{month['low']}') TO ('{month['high']}')")
    gone, kept = sent(database, at=at), add(database, "unknown", at=at, attempt=("lost", -8))
    work(database, kept, "unknown", 4)
    assert "dropped" not in maintain(database, RETENTION_DAYS="300")
    told = maintain(database, RETENTION_DAYS="120")
    assert f"dropped: {month['m'].replace('_', '-')}" in told
    ids = [r["message_id"] for r in database.query("SELECT message_id FROM message_sender.message")]
    assert ids == [kept] and database.attempts(kept) and not database.attempts(gone)
    assert not database.query("SELECT FROM pg_class WHERE relname = %s", f"message_{month['m']}")
    row, = report(database, "daily", "--since", "2020-01-01T00:00:00Z")
    assert (row["accepted"], row["sent"]) == (2, 1)
    assert run(database, "check").returncode == 0
    # Its end: then it goes, too, and what was counted stays.
    database.query("DELETE FROM message_sender.work")
    assert "old rows deleted: 2" in maintain(database, RETENTION_DAYS="120")
    assert not database.query("SELECT FROM message_sender.message")
    assert report(database, "daily", "--since", "2020-01-01T00:00:00Z") == [row]


def test_csv_is_safe_for_spreadsheets(postgres):
    database = postgres.database()
    nasty = '=HYPERLINK("http://evil","x"),\n'
    for outlet in (nasty, "-1+1", "@x", "+1", "plain", 'a"b'):
        add(database, "failed", outlet_id=outlet, failed_at="now", failure_code=-6)
    maintain(database)
    done = subprocess.run(
        [*command_words(), "report", "message", "--csv"], capture_output=True, check=True,
        env={"DATABASE_URL": database.url, "ASAN_OPTIONS": "detect_leaks=0"})
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))
    assert {row["outlet_id"] for row in rows} == {
        "'" + nasty, "'-1+1", "'@x", "'+1", "plain", 'a"b'}
    assert {row["failure_code"] for row in rows} == {"-6"}  # a number stays one
    assert {row["recipient"] for row in rows} == {"'+628123456789"}


def command_words():
    from harness.service import PROGRAM
    return [PROGRAM]


def test_reports_are_read_only(reported):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_report(reported, "SELECT payload FROM message_sender.message")
    with pytest.raises(psycopg.Error):
        as_report(reported, "DELETE FROM report.message RETURNING 1")
    settings = reported.query("SELECT rolconfig FROM pg_roles WHERE rolname ="
                              " 'message_sender_report'")[0]["rolconfig"]
    assert "statement_timeout=60s" in settings and "default_transaction_read_only=on" in settings


def test_everything_is_described(reported):
    nameless = reported.query("""
        SELECT c.relname, a.attname FROM pg_class c
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'report'::regnamespace AND c.relkind = 'v'
            AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)""")
    assert nameless == []
    promise, = reported.query("SELECT obj_description('report'::regnamespace) AS text")
    assert "Promise" in promise["text"]
    views = {r["relname"] for r in reported.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'report'::regnamespace"
        " AND relkind = 'v'")}
    assert views == set(re.findall(r"`(\w+)`", "".join(
        line.split("|")[1] for line in MANUAL.splitlines() if line.startswith("| `"))))


def test_wrong_usage(reported):
    for words, fault in ((("nonsense",), "NAME"), (("daily", "--json", "--csv"), "not both"),
                         (("daily", "--limit", "0"), "--limit"),
                         (("daily", "--since", "x"), "--since"),
                         (("queue", "--since", "2026-11-01T00:00:00Z"), "now")):
        done = run(reported, "report", *words)
        assert done.returncode == 2 and fault in done.stderr
    fresh = run(reported, "report", "daily")
    assert re.match(r"counted: \d{4}-", fresh.stderr) and "order_shipped" in fresh.stdout


def test_over_http(service, database, api):
    sent(database, tenant="t-report")
    maintain(database)
    got = api.get("/api/v1/reports/daily?tenant_id=t-report").json()
    row, = got["rows"]
    assert (got["report"], got["tenant_id"], row["accepted"], row["sent"]) == (
        "daily", "t-report", 1, 1)
    assert got["counted_at"].endswith("Z")
    assert api.get("/api/v1/reports/daily?tenant_id=other").json()["rows"] == []
    for name in ("failure", "latency", "cost"):
        assert api.get(f"/api/v1/reports/{name}?tenant_id=t-report").status_code == 200
    assert api.get("/api/v1/reports/message?tenant_id=t-report").status_code == 404
    wrong = api.get("/api/v1/reports/daily?tenant_id=t-report&since=1")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "INVALID_REQUEST")
