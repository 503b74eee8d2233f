"""`message-sender queue resolve` of many messages at once: by filter, dry run first, who and why."""

import collections

import pytest

from harness.service import command

WHO = ("--yes", "--by", "rani", "--why", "the primary did not send it")
RESTORED, LOST = -13, -8


@pytest.fixture
def database(postgres):
    return postgres.database()


def lose(database, count, tenant="acme", outlet="here", number="901", code=RESTORED, age="0 s"):
    """So many unknown messages; their ids, in order."""
    rows = database.query(f"""WITH n AS MATERIALIZED (SELECT overlay(message_sender.id_floor(now()
                - interval '{age}')::text PLACING substr(gen_random_uuid()::text, 16)
                FROM 16)::uuid AS id FROM generate_series(1, {count})),
        m AS (INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, recipient,
            message_type, payload, sender_type, state, accepted_at, attempts)
            SELECT id, '{tenant}', '{outlet}', '+62812', 'text', '{{}}', 'llm', 'unknown', now(), 1
            FROM n),
        w AS (INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, wait,
            caller_waits, attempt, attempt_open, due_at, expires_at, number, lost_at,
            queue)
            SELECT id, '{tenant}', 7, nextval('message_sender.work_seq'), 'unknown', 4, false, 1,
                false, now(), now() + interval '1 day', '{number}', now(),
                message_sender.work_queue('{tenant}', '{outlet}', 1::smallint) FROM n)
        INSERT INTO message_sender.attempt (message_id, attempt, incarnation, number, outcome,
            code, title, begun_at, ended_at)
        SELECT id, 1, gen_random_uuid(), '{number}', 'lost', {code}, 'x', now(), now() FROM n
        RETURNING message_id::text""")
    return sorted(row["message_id"] for row in rows)


def resolve(database, decision, *words):
    done = command("queue", "resolve", "--as", decision, *words,
                   env={"DATABASE_URL": database.url})
    assert done.returncode == 0, done.stderr
    return done.stdout


def decided(database):
    """What was decided by whom and why, and about which."""
    rows = database.query("SELECT message_id::text, decision, decided_by, why"
                          " FROM message_sender.decision ORDER BY message_id")
    found = collections.defaultdict(list)
    for row in rows:
        found[row["decision"], row["decided_by"], row["why"]].append(row["message_id"])
    return found


def test_a_dry_run_tells_and_does_nothing(database):
    ids = lose(database, 3) + lose(database, 1, code=LOST)
    told = resolve(database, "resend")
    assert "4 would be resolved as resend. Nothing was done" in told
    assert ids[0] in told and "-13" in told and "-8" in told
    assert decided(database) == {}
    assert len(database.query("SELECT seq FROM message_sender.work WHERE state = 'unknown'")) == 4


def test_filters(database):
    ids = {
        "here": lose(database, 3), "there": lose(database, 1, outlet="there"),
        "other": lose(database, 1, tenant="other"), "number": lose(database, 1, number="902"),
        "lost": lose(database, 1, code=LOST), "old": lose(database, 1, age="2 hours"),
    }

    def count(*words):
        told = resolve(database, "sent", *words)
        return int(told.splitlines()[-1].split()[0])

    hour_ago = database.query("SELECT to_char(now() - interval '1 hour',"
                              " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS t")[0]["t"]
    assert count() == 8
    assert count("--tenant", "acme") == 7 and count("--tenant", "nobody") == 0
    assert count("--outlet", "acme/there") == count("--tenant", "acme", "--outlet", "there") == 1
    assert count("--number", "902") == 1
    assert count("--code", "-8") == 1 and count("--code", "-13") == 7
    assert count("--since", hour_ago) == 7 and count("--until", hour_ago) == 1
    resolve(database, "sent", "--tenant", "other", *WHO)
    resolve(database, "failed", "--until", hour_ago, *WHO)
    resolve(database, "resend", "--code", "-8", "--number", "901", *WHO)
    assert decided(database) == {
        ("sent", "rani", WHO[-1]): ids["other"], ("failed", "rani", WHO[-1]): ids["old"],
        ("resend", "rani", WHO[-1]): ids["lost"]}


def test_limits_and_portions(database):
    """A transaction for every 200, so that an interrupted one keeps what it has done."""
    ids = lose(database, 401)
    assert "400 of 401 (--limit) would" in resolve(database, "resend", "--limit", "400")
    assert "\n401 would" in resolve(database, "resend", "--limit", "401")
    assert "\n401 would" in resolve(database, "resend", "--limit", "402")
    told = resolve(database, "resend", "--limit", "400", *WHO)
    assert told.splitlines()[-1] == "400 in all, as resend."
    work = database.query("SELECT count(*) AS rows, count(DISTINCT xmin::text) AS transactions"
                          " FROM message_sender.work WHERE state = 'retrying'")
    assert work == [{"rows": 400, "transactions": 2}]
    assert decided(database) == {("resend", "rani", WHO[-1]): ids[:400]}
    assert resolve(database, "resend", *WHO).splitlines()[-1] == "1 in all, as resend."
    assert resolve(database, "resend", *WHO).splitlines()[-1] == "0 in all, as resend."


@pytest.mark.parametrize("code, says", [(RESTORED, "PostgreSQL was restored"),
                                        (LOST, "The reply to attempt 1 was lost")])
def test_what_was_decided_is_explained_by_what_was_lost(database, code, says):
    message_id, = lose(database, 1, code=code)
    resolve(database, "failed", *WHO)
    told = command("message", "explain", message_id, env={"DATABASE_URL": database.url}).stdout
    assert told.startswith(f"failed: {says}"), told
    assert f"rani decided that it was not sent: {WHO[-1]}." in told
    row = database.message(message_id)
    assert row["failure_code"] == code
    assert says.lower()[:9] in row["failure_reason"].lower()


@pytest.mark.parametrize("words, says", [
    (["--yes"], "--by"), (["--yes", "--by", "x"], "--why"), (["--limit", "0"], "--limit"),
    (["--limit", "1000001"], "--limit"), (["--since", "today"], "--since"),
    (["--until", "today"], "--until"), (["--code", "x"], "--code"),
    (["--outlet", "there"], "TENANT/OUTLET"), (["--wamid", "x"], "--wamid"),
    (["123e4567-e89b-12d3-a456-426614174000", "--tenant", "x"], "one message"),
    (["123e4567-e89b-12d3-a456-426614174000", "--yes", "--by", "x", "--why", "x"], "one message"),
    (["123e4567-e89b-12d3-a456-426614174000", "--by", "x"], "--why"),
])
def test_wrong_words(words, says):
    done = command("queue", "resolve", "--as", "sent", *words,
                   env={"DATABASE_URL": "host=/nonexistent"})
    assert done.returncode == 2 and says in done.stderr, done.stderr
