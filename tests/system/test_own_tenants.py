"""Tenants, outlets and quotas of our own tables: without TENANT_SERVICE_URL."""

import concurrent.futures
import datetime
import hashlib
import hmac
import json
import uuid

import pytest

from harness.api import BULK, SEND, new_message
from harness.service import command
from harness.wait import wait_until

KEYS = "one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=\n"


class Own:
    """A service without neighbours, and the command line beside it."""

    def __init__(self, service, key_file):
        self.service = service
        self.key_file = key_file

    def run(self, *words, text_input=None, **settings):
        env = {"DATABASE_URL": self.service.database.url, "MASTER_KEY_FILE": str(self.key_file),
               **settings}
        return command(*map(str, words), text_input=text_input, env=env)

    def do(self, *words, text_input=None):
        done = self.run(*words, "--json", text_input=text_input)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def outlet(self, tenant=None, token="EAAG-own", **more):
        """A tenant, unless it is there, and an outlet of it; a message of theirs."""
        message = new_message(conversation_id=None)
        if tenant is None:
            tenant = message["tenant_id"]
            self.do("tenant", "add", tenant)
        options = [word for name, value in more.items() for word in (f"--{name}", value)]
        self.do("outlet", "add", tenant, message["outlet_id"], "--number", "155501",
                "--token-file", "-", *options, text_input=f"{token}\n")
        return {**message, "tenant_id": tenant}

    def send(self, message, **more):
        return self.service.ask("POST", SEND, json.dumps({**message, **more}).encode())


@pytest.fixture(scope="module")
def own(new_module_service, work):
    key_file = work / "master-keys"
    key_file.write_text(KEYS)
    key_file.chmod(0o600)
    return Own(new_module_service(TENANT_SERVICE_URL="", CONVERSATION_SERVICE_URL=None,
                                  MASTER_KEY_FILE=key_file, MAX_RETRIES=0), key_file)


def test_a_message_needs_no_neighbours(own, simulator):
    before = simulator.calls()
    message = own.outlet()
    answer = own.send(message, conversation_id="c1")
    assert answer.status == 200, answer.body
    sent = simulator.last("graph")
    assert sent["headers"]["authorization"] == "Bearer EAAG-own"
    assert sent["path"].endswith("/155501/messages")
    row = own.service.database.message(json.loads(answer.body)["message_id"])
    assert (row["state"], row["conversation_id"]) == ("sent", "c1")
    assert own.service.database.work(row["message_id"]) == []
    after = simulator.calls()
    assert {name: after[name] - before[name] for name in after if name != "graph_calls"} == {
        "quota": 0, "outlet": 0, "conversation": 0}


def test_who_may_not_send(own):
    message = own.outlet()
    unknown = new_message()
    cases = [(unknown, "there is no such tenant"),
             ({**message, "outlet_id": "other"}, "the tenant has no such outlet")]
    for wrong, why in cases:
        answer = own.send(wrong)
        assert (answer.status, why in answer.body.decode()) == (500, True), answer.body
    own.do("outlet", "add", message["tenant_id"], "bare", "--number", "1")
    answer = own.send({**message, "outlet_id": "bare"})
    assert answer.status == 500 and b"the outlet has no token" in answer.body


def test_changes_are_known_at_once(own, simulator):
    message = own.outlet()
    names = message["tenant_id"], message["outlet_id"]
    assert own.send(message).status == 200

    def sends():
        return own.send(message).status == 200

    for disable, enable in ((("tenant", names[0]),) * 2, (("outlet", *names),) * 2):
        own.do(disable[0], "disable", *disable[1:])
        wait_until(lambda: not sends(), 5, "it is disabled")
        own.do(enable[0], "enable", *enable[1:])
        wait_until(sends, 5, "it is enabled")
    own.do("outlet", "set", *names, "--token-file", "-", "--number", "155502",
           text_input="EAAG-next")
    wait_until(lambda: sends() and simulator.last("graph")["headers"]["authorization"]
               == "Bearer EAAG-next", 5, "the new token is used")
    assert simulator.last("graph")["path"].endswith("/155502/messages")


def test_an_app_secret_is_proven(own, simulator, tmp_path):
    secret = tmp_path / "app-secret"
    secret.write_text("canary-app-own\n")
    message = own.outlet(token="EAAG-proof", **{"app-secret-file": str(secret)})
    assert own.send(message).status == 200
    proof = hmac.new(b"canary-app-own", b"EAAG-proof", hashlib.sha256).hexdigest()
    assert simulator.last("graph")["path"].endswith(f"/messages?appsecret_proof={proof}")


def test_lists_and_import(own):
    tenant = f"t-{uuid.uuid4()}"
    assert own.do("tenant", "import", "-", text_input=(
        f'tenant_id,name,time_zone\n{tenant},"Toko, ""Baru""",Asia/Jakarta\n'))["imported"] == 1
    assert own.do("outlet", "import", "-", text_input=(
        "outlet_id,tenant_id,number,token,app_secret\n"
        f"o1,{tenant},155511,EAAG-1,\no2,{tenant},155512,,\n"))["imported"] == 2
    shown = own.do("tenant", "show", tenant)
    assert (shown["name"], shown["time_zone"], shown["outlets"], shown["disabled_at"]) == (
        'Toko, "Baru"', "Asia/Jakarta", 2, None)
    assert own.do("tenant", "list")["tenants"].count(shown) == 1
    outlets = own.do("outlet", "list", "--tenant", tenant)["outlets"]
    assert [(o["outlet_id"], o["number"], o["token"], o["app_secret"]) for o in outlets] == [
        ("o1", "155511", True, False), ("o2", "155512", False, False)]
    assert own.do("outlet", "show", tenant, "o1") == outlets[0]
    assert own.send({**new_message(), "tenant_id": tenant, "outlet_id": "o1"}).status == 200
    own.do("tenant", "set", tenant, "--name", "Toko", "--weight", "3")
    shown = own.do("tenant", "show", tenant)
    assert (shown["name"], shown["weight"], shown["time_zone"]) == ("Toko", 3, "Asia/Jakarta")
    table = own.run("outlet", "list", "--tenant", tenant).stdout
    assert "o1" in table and "sealed" in table and "EAAG" not in table


@pytest.mark.parametrize("words, fault", [
    (("tenant", "add", "a b"), "visible"),
    (("tenant", "add", "zoned", "--time-zone", "Mars/Olympus"), "Mars/Olympus"),
    (("tenant", "disable", "nobody"), "there is no tenant nobody"),
    (("outlet", "add", "nobody", "o", "--number", "1"), "outlet_needs_its_tenant"),
    (("outlet", "set", "nobody", "o", "--number", "1"), "there is no outlet"),
    (("outlet", "set", "nobody", "o"), "what is to be set"),
    (("outlet", "add", "t", "o", "--number", "+62"), "digits"),
    (("outlet", "add", "t", "o", "--number", "1", "--token-file", "/nonexistent"), "--token-file"),
    (("outlet", "add", "t", "o", "--number", "1", "--token-file", "/dev/null"), "--token-file"),
    (("tenant", "import", "/nonexistent"), "cannot be read"),
])
def test_what_is_wrong_is_told(own, words, fault):
    done = own.run(*words)
    assert done.returncode in (1, 2) and fault in done.stderr, done.stderr


def test_a_tenant_is_added_once(own):
    tenant = str(uuid.uuid4())
    own.do("tenant", "add", tenant)
    done = own.run("tenant", "add", tenant)
    assert (done.returncode, "there is already" in done.stderr) == (1, True)


def test_an_import_is_whole_or_nothing(own):
    tenant = f"t-{uuid.uuid4()}"
    own.do("tenant", "add", tenant)
    done = own.run("outlet", "import", "-",
                   text_input=f"tenant_id,outlet_id,number\n{tenant},o1,1\n{tenant},o2,x\n")
    assert done.returncode == 1 and "line 3: number is" in done.stderr
    assert own.do("outlet", "list", "--tenant", tenant)["outlets"] == []


# -- quotas


def accepted(own, tenant):
    """What is stored of the tenant; and what the quota says is used of day and month."""
    rows = own.service.database.query(
        "SELECT count(*) AS n FROM message_sender.message WHERE tenant_id = %s"
        " AND charged_on IS NOT NULL AND (state NOT IN ('failed', 'cancelled', 'expired')"
        " OR wamid IS NOT NULL)", tenant)
    shown = own.do("quota", "show", tenant)
    return rows[0]["n"], shown["day_used"], shown["month_used"]


def send_many(own, message, count, headers=None):
    """So many at once; the statuses, sorted."""
    def one(i):
        given = headers(i) if headers else {"Prefer": "respond-async"}
        return own.service.ask("POST", SEND, json.dumps(
            {**message, "to": f"+62812{i:08d}"}).encode(), given).status

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        return sorted(pool.map(one, range(count)))


@pytest.mark.parametrize("limit, kind", [(49, "daily"), (50, "monthly"), (51, "daily")])
def test_fifty_at_the_limit(own, limit, kind):
    message = own.outlet()
    own.do("quota", "add", message["tenant_id"], f"--{kind}", limit)
    room = min(limit, 50)
    assert send_many(own, message, 50) == [202] * room + [429] * (50 - room)
    assert accepted(own, message["tenant_id"]) == (room,) * 3
    more = [own.send({**message, "to": "+628111111111"}).status for _ in range(2)]
    assert more == ([200, 429] if limit > 50 else [429, 429])


def test_who_is_over_the_quota_is_told(own):
    message = own.outlet()
    own.do("quota", "set", message["tenant_id"], "--daily", 0, "--monthly", 5)
    answer = own.send(message)
    assert answer.status == 429
    body = json.loads(answer.body)
    assert (body["code"], body["details"]["reason"]) == ("QUOTA_EXCEEDED", "daily quota used up")
    own.do("quota", "set", message["tenant_id"], "--daily", 10, "--monthly", 0)
    assert b"monthly quota used up" in own.send(message).body
    own.do("quota", "disable", message["tenant_id"])
    assert own.send(message).status == 200


def test_a_repeated_key_is_charged_once(own):
    message = own.outlet()
    tenant = message["tenant_id"]
    own.do("quota", "add", tenant, "--daily", 2)
    body = json.dumps(message).encode()

    def one(_):
        return own.service.ask("POST", SEND, body, {"Idempotency-Key": "k"}).status

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = set(pool.map(one, range(20)))
    assert statuses <= {200, 409}, statuses
    assert one(0) == 200
    assert accepted(own, tenant) == (1, 1, 1)
    assert own.service.ask("POST", SEND, body, {"Idempotency-Key": "other"}).status == 200
    assert own.service.ask("POST", SEND, body, {"Idempotency-Key": "third"}).status == 429
    assert one(0) == 200


def test_what_was_not_sent_is_given_back_once(own, simulator):
    message = own.outlet()
    tenant = message["tenant_id"]
    own.do("quota", "add", tenant, "--daily", 2)
    simulator.script("graph", message["to"], "error", code=131026, status=400)
    for _ in range(3):  # each fails, and makes room for the next
        assert own.send(message).status == 500
        assert accepted(own, tenant) == (0, 0, 0)
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    scheduled = own.send({**message, "send_at": tomorrow.isoformat(timespec="seconds")})
    assert scheduled.status == 202, scheduled.body
    assert accepted(own, tenant) == (1, 1, 1)
    message_id = json.loads(scheduled.body)["message_id"]
    for _ in range(2):
        assert own.service.ask("DELETE", f"/api/v1/messages/{message_id}").status == 200
    assert accepted(own, tenant) == (0, 0, 0)
    assert [own.send({**message, "to": f"+62813{i:08d}"}).status for i in range(3)] == [
        200, 200, 429]
    refunds = own.service.database.query("SELECT count(*) AS n, count(DISTINCT message_id) AS ids"
                                         " FROM message_sender.quota_change WHERE tenant_id = %s",
                                         tenant)[0]
    assert refunds["n"] == refunds["ids"] == 4


def test_a_replay_is_charged(own, simulator):
    """A new message: what there is no room for is left out, and replayed when there is."""
    message = own.outlet()
    tenant = message["tenant_id"]
    own.do("quota", "add", tenant, "--daily", 2)
    for _ in range(2):
        to = new_message()["to"]
        simulator.script("graph", to, "error", code=131026, status=400, times=1)
        assert own.send(message, to=to).status == 500
    assert accepted(own, tenant) == (0, 0, 0), "given back"
    own.do("quota", "set", tenant, "--daily", 1)
    words = ("queue", "replay", "--tenant", tenant, "--yes", "--by", "rani", "--why", "x")
    done = own.run(*words)
    assert done.returncode == 0 and "1 in all" in done.stdout and "1 were left out" in done.stdout
    assert accepted(own, tenant) == (1, 1, 1)
    assert "0 in all" in own.run(*words).stdout and accepted(own, tenant) == (1, 1, 1)
    own.do("quota", "set", tenant, "--daily", 2)
    assert json.loads(own.run(*words, "--json").stdout.splitlines()[-1]) == {
        "dry_run": False, "messages": 1}
    assert accepted(own, tenant) == (2, 2, 2)


def test_a_bulk_call_takes_what_there_is(own):
    message = own.outlet()
    tenant = message["tenant_id"]
    own.do("quota", "add", tenant, "--monthly", 250)
    items = [{"outlet_id": message["outlet_id"], "to": f"+62814{i:08d}", "message": "m"}
             for i in range(300)]
    body = json.dumps({"tenant_id": tenant, "messages": items}).encode()
    answers = [own.service.ask("POST", BULK, body, {"Idempotency-Key": "b"}) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    results = json.loads(answers[0].body)["results"]
    assert [r.get("code") for r in results] == [None] * 250 + ["QUOTA_EXCEEDED"] * 50
    assert accepted(own, tenant)[1:] == (250, 250)


def test_days_and_months_are_the_tenants(own):
    message = own.outlet()
    tenant = message["tenant_id"]
    own.do("quota", "add", tenant, "--daily", 1, "--monthly", 2)
    assert own.send(message).status == 200
    assert own.send(message).status == 429
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):  # 26 hours apart: never the same day
        own.do("tenant", "set", tenant, "--time-zone", zone)
        if own.do("quota", "show", tenant)["day_used"] == 0:
            break
    shown = own.do("quota", "show", tenant)
    assert (shown["day_used"], shown["time_zone"]) == (0, zone)
    assert own.send(message).status == 200


def test_a_month_ends_where_the_tenant_is(own):
    """Used up to yesterday: of this month, or of the one before, by the tenant's own calendar."""
    message = own.outlet()
    tenant = message["tenant_id"]
    own.do("tenant", "set", tenant, "--time-zone", "Pacific/Kiritimati")
    own.do("quota", "add", tenant, "--daily", 3, "--monthly", 3)
    today = ("(clock_timestamp() AT TIME ZONE 'Pacific/Kiritimati')::date")
    month = f"date_trunc('month', {today})::date"

    def used_up_on(day):
        own.service.database.query(
            f"UPDATE message_sender.quota SET day = {day}, day_used = 3, month_used = 3"
            " WHERE tenant_id = %s", tenant)
        return own.send(message).status

    assert used_up_on(today) == 429
    assert used_up_on(f"{month} - 1") == 200, "the last day of the month before"
    assert accepted(own, tenant) == (1, 1, 1)
    if not own.service.database.query(f"SELECT {today} = {month} AS first")[0]["first"]:
        assert used_up_on(month) == 429, "another day of this month"
        own.do("quota", "set", tenant, "--daily", 3, "--monthly", 4)
        assert used_up_on(month) == 200 and accepted(own, tenant)[1:] == (1, 4)


def test_quotas_are_imported_and_listed(own):
    tenants = [f"t-{uuid.uuid4()}" for _ in range(2)]
    for tenant in tenants:
        own.do("tenant", "add", tenant)
    own.do("quota", "import", "-", text_input="tenant_id,daily,monthly\n"
           f"{tenants[0]},5,\n{tenants[1]},,7\n")
    listed = {q["tenant_id"]: (q["daily"], q["monthly"]) for q in own.do("quota", "list")["quotas"]}
    assert (listed[tenants[0]], listed[tenants[1]]) == ((5, None), (None, 7))
    assert own.run("quota", "add", tenants[0], "--daily", 6).returncode == 1
    assert own.run("quota", "set", "nobody", "--daily", 6).returncode == 1
    assert own.run("quota", "set", tenants[0], "--daily", "-1").returncode == 2


def test_a_key_names_a_tenant_that_is_there(own, work):
    tenant = own.outlet()["tenant_id"]
    words = ("key", "create", "--scope", "send", "--tenant")
    assert set(own.do(*words, tenant)) == {"id", "key"}
    refused = own.run(*words, "nobody")
    assert refused.returncode == 1 and not refused.stdout
    assert "there is no tenant nobody" in refused.stderr and "tenant add" in refused.stderr
    # Whose tenants there are, the settings say.
    settings = work / "key.conf"
    settings.write_text(f"DATABASE_URL={own.service.database.url}\n")
    assert own.run(*words, "nobody", "--config", settings).returncode == 1
    settings.write_text(f"DATABASE_URL={own.service.database.url}\n"
                        "TENANT_SERVICE_URL=http://127.0.0.1:1\n")
    assert own.run(*words, "nobody", "--config", settings).returncode == 0
    assert own.run(*words, "nobody", TENANT_SERVICE_URL="http://127.0.0.1:1").returncode == 0
