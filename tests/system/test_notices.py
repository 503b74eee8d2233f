"""What webhooks tell besides receipts: who has written, who wants no marketing messages, what numbers
and accounts may do; and webhooks that are applied again.  The simulator sends them."""

import json
import time
import uuid

import pytest

from harness.api import new_message
from harness.fcgi import ask
from harness.service import command
from harness.wait import wait_until
from test_receipts import Hooked
from test_webhook import FIXTURES

ASYNC = {"Prefer": "respond-async"}
PHONE = "628123456789"
USER = "ID.73019482650174839201"
NOW = int(time.time())


class Told(Hooked):
    """Each test has a number and an account of its own."""

    def cli(self, *words, status=0):
        done = command(*words, env={name: str(value)
                                    for name, value in self.service.settings.items()})
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def tell(self, body):
        answer = self.simulator.webhook(body)
        assert answer["status"] == 200, answer
        return answer

    def rows(self, query, *values):
        return self.database.query(query, *values)

    def metric(self, series):
        text = ask(self.service.settings["MANAGEMENT_SOCKET"], "GET", "/metrics", seconds=5).body
        return sum(float(line.split()[-1]) for line in text.decode().splitlines()
                   if line.startswith(f"message_sender_{series}"))


@pytest.fixture(scope="module")
def told(work, sockets, postgres, web_kind):
    hooked = Told(work, sockets, postgres, web_kind, "notices", WORKERS=2,
                  MANAGEMENT_SOCKET=str(sockets / "told.management"))
    yield hooked
    hooked.end()


class Number:
    """A number that webhooks have told of, its account, and an outlet that sends from it."""

    def __init__(self, told, account=None):
        seed = str(uuid.uuid4().int)
        self.told = told
        self.id, self.account = seed[:15], account or seed[15:30]
        self.display = "628110000" + self.id[-4:]  # as the simulator's own webhooks have it
        self.outlet = {"tenant_id": str(uuid.uuid4()), "outlet_id": str(uuid.uuid4())}
        told.simulator.script("outlet", self.outlet["outlet_id"], "ok", number=self.id,
                              token=f"EAAG{self.id}")

    def fixture(self, name, **value):
        """Meta's example, about this number and account."""
        text = (FIXTURES / f"{name}.json").read_text()
        text = text.replace("109876543210987", self.id).replace("210987654321098", self.account)
        body = json.loads(text.replace("6281100009000", self.display))
        body["entry"][0]["changes"][0]["value"].update(value)
        return body

    def account_update(self, event, at, **value):
        body = self.fixture("account_update_disabled")
        body["entry"][0]["time"] = at
        body["entry"][0]["changes"][0]["value"] = {"event": event, **value}
        return body

    def disable(self, at, state="DISABLE"):
        return self.account_update("DISABLED_UPDATE", at, ban_info={"waba_ban_state": state})

    def restrict(self, at, until, kind="RESTRICTED_BIZ_INITIATED_MESSAGING"):
        info = {"restriction_type": kind, **({"expiration": until} if until else {})}
        return self.account_update("ACCOUNT_RESTRICTION", at, restriction_info=[info])

    def show(self):
        """A webhook of a receipt of nobody's message: that makes the number known."""
        body = self.fixture("status_sent")
        body["entry"][0]["changes"][0]["value"]["statuses"][0]["id"] = f"wamid.{self.id}"
        self.told.tell(body)

    def held(self):
        """Reasons for which it is held now."""
        return [row["reason"] for row in self.told.rows(
            "SELECT reason FROM message_sender.hold WHERE number = %s AND released_at IS NULL"
            " ORDER BY reason", self.id)]

    def send(self):
        return self.told.send(new_message(**self.outlet, conversation_id=None), ASYNC)


@pytest.fixture
def number(told):
    told.again()
    return Number(told)


def inbound(number, wamid, at, name="inbound_text"):
    body = number.fixture(name)
    message = body["entry"][0]["changes"][0]["value"]["messages"][0]
    message.update(id=wamid, timestamp=str(at))
    return body


def windows(number):
    return {row["person"]: int(row["last_inbound_at"].timestamp()) for row in number.told.rows(
        "SELECT * FROM message_sender.reply_window WHERE number = %s", number.id)}


def opt_outs(number, tenant=None):
    return {row["person"]: row["stopped"] for row in number.told.rows(
        "SELECT * FROM message_sender.opt_out WHERE number = %s"
        " AND (%s::text IS NULL OR tenant_id = %s)", number.id, tenant, tenant)}


# --- who has written


def test_inbound_messages_are_kept_once_and_open_the_window(told, number):
    before = told.metric('webhook_effects_total{effect="inbound"}')
    wamid = f"wamid.in.{number.id}"
    later = inbound(number, wamid + "2", NOW + 60)
    for body in (later, inbound(number, wamid, NOW), later, inbound(number, wamid, NOW)):
        told.tell(body)
    rows = told.rows("SELECT * FROM message_sender.inbound WHERE number = %s ORDER BY at",
                     number.id)
    assert [row["wamid"] for row in rows] == [wamid, wamid + "2"]
    assert (rows[0]["phone"], rows[0]["user_id"], rows[0]["type"]) == (PHONE, USER, "text")
    assert json.loads(bytes(rows[0]["raw"]))["text"] == {"body": "Apakah masih tersedia?"}
    assert windows(number) == {PHONE: NOW + 60, USER: NOW + 60}
    assert told.metric('webhook_effects_total{effect="inbound"}') == before + 2
    assert not told.service.lines_about("Apakah")


@pytest.mark.parametrize("name, people", [
    ("inbound_text_bsuid_only", [USER]), ("inbound_text_legacy", [PHONE]),
    ("inbound_unsupported", [PHONE, USER]), ("inbound_reaction", [PHONE, USER]),
    ("inbound_system_number_change", [])])
def test_whose_window_a_message_opens(told, number, name, people):
    told.tell(inbound(number, f"wamid.in.{number.id}", NOW, name))
    assert sorted(windows(number)) == sorted(people)
    assert len(told.rows("SELECT 1 AS x FROM message_sender.inbound WHERE number = %s",
                         number.id)) == 1


# --- receipts of nobody's messages


def test_orphans_are_counted(told, number):
    number.show()
    count = told.rows("SELECT count(*) AS n FROM message_sender.receipt_orphan")[0]["n"]
    assert count >= 1
    wait_until(lambda: told.metric("receipt_orphans ") >= count, 20, "they are counted")
    wait_until(lambda: told.metric("receipt_orphans_oldest_seconds") >= 1, 20, "so is their age")


# --- who wants no marketing messages


def preference(number, value, at):
    body = number.fixture("user_preferences_stop")
    body["entry"][0]["changes"][0]["value"]["user_preferences"][0].update(value=value,
                                                                          timestamp=at)
    return body


def test_preferences_count_by_metas_time(told, number):
    told.tell(preference(number, "stop", NOW))
    assert opt_outs(number) == {PHONE: True}
    told.tell(preference(number, "resume", NOW + 2))
    told.tell(preference(number, "stop", NOW + 1))
    assert opt_outs(number) == {PHONE: False}
    told.tell(preference(number, "stop", NOW + 3))
    assert opt_outs(number) == {PHONE: True}


def test_a_message_refused_for_an_opt_out_names_its_tenant(told, number):
    message = new_message(**number.outlet, to="+" + PHONE)
    told.plan(message, statuses=["sent", "failed"], code=131050)
    message_id = told.send(message)
    told.wait_status(message_id, "failed")
    wait_until(lambda: opt_outs(number, number.outlet["tenant_id"]).get(PHONE), 10, "opted out")
    # What the user says then counts for the same tenant.
    told.tell(preference(number, "resume", NOW + 3600))
    assert not any(opt_outs(number).values())
    listed = json.loads(told.cli("report", "opt_out", "--tenant", number.outlet["tenant_id"],
                                 "--json"))
    assert [row["stopped"] for row in listed] == [False] * len(listed) and listed


# --- what numbers may do


def test_an_upgraded_number_is_sent_from_faster(told, number):
    body = number.fixture("phone_number_quality_update")
    body["entry"][0]["time"] = NOW
    version = "SELECT version FROM message_sender.hold_version"
    told.tell(body)
    before = told.rows(version)
    number.show()
    row, = told.rows("SELECT * FROM message_sender.number WHERE number = %s", number.id)
    assert (row["rate"], row["event"], row["event_limit"]) == (
        1000, "THROUGHPUT_UPGRADE", "TIER_UNLIMITED")
    now = told.rows(version)
    assert now != before  # so all workers read it
    told.tell(body)
    number.show()
    assert told.rows(version) == now
    assert told.service.events("phone_number_quality_update", account=int(number.account))
    listed = json.loads(told.cli("report", "number", "--json"))
    assert [row["rate"] for row in listed if row["number"] == number.id] == [1000]


def test_other_news_of_a_number_change_no_rate(told, number):
    number.show()
    told.tell(number.fixture("phone_number_quality_update", event="FLAGGED"))
    row, = told.rows("SELECT * FROM message_sender.number WHERE number = %s", number.id)
    assert (row["rate"], row["event"]) == (None, "FLAGGED")


# --- what accounts may do


def test_a_disabled_account_is_held_until_it_is_reinstated(told, number):
    number.show()
    told.tell(number.disable(NOW, "SCHEDULE_FOR_DISABLE"))
    assert number.held() == []
    told.tell(number.disable(NOW + 1))
    assert number.held() == ["disabled"]
    message_id = number.send()
    wait_until(lambda: told.status(message_id)["state_detail"] == "held", 10, "it is held")
    explained = json.loads(told.cli("message", "explain", message_id, "--json"))
    assert "WhatsApp has disabled its account" in explained["summary"]
    assert number.id in told.cli("pause", "--list")
    told.tell(number.disable(NOW + 2, "REINSTATE"))
    assert number.held() == []
    told.wait_status(message_id, "read")
    # What comes late changes nothing.
    told.tell(number.disable(NOW + 1))
    assert number.held() == []


def test_a_number_that_is_learnt_later_is_held(told, number):
    told.tell(number.disable(NOW))
    assert number.held() == []
    number.show()
    assert number.held() == ["disabled"]


def test_a_restriction_ends_with_its_time_or_by_hand(told, number):
    number.show()
    told.tell(number.restrict(NOW, None, "RESTRICTED_ADD_PHONE_NUMBER_ACTION"))
    assert number.held() == []
    told.tell(number.restrict(NOW, int(time.time()) + 2))
    assert number.held() == ["restricted"]
    wait_until(lambda: not number.held(), 20, "its time is over")
    body = number.restrict(NOW + 10, int(time.time()) + 3600)
    told.tell(body)
    assert number.held() == ["restricted"]
    assert "released" in told.cli("resume", "--number", number.id)
    told.tell(body)
    number.show()
    assert number.held() == []
    told.tell(number.restrict(NOW + 20, None))
    assert number.held() == ["restricted"]
    told.cli("resume", "--number", number.id)


# --- webhooks that are applied again

STATE = ("message", "attempt", "receipt", "receipt_orphan", "inbound", "reply_window", "opt_out",
         "number", "account", "hold", "webhook", "decision")


# The account of the simulator's own webhooks.
SIMULATORS = "210987654321098"


def state(told):
    """All that webhooks can change, but for what is looked at again and again."""
    rows = {}
    for table in STATE:
        found = told.rows(f"SELECT to_jsonb(t) - 'due_at' AS row FROM message_sender.{table} t")
        rows[table] = sorted(json.dumps(row["row"], sort_keys=True) for row in found)
    return rows


def replay(told, *words):
    return json.loads(told.cli("webhook", "replay", "--json", *words))


def count_webhooks(told):
    return told.rows("SELECT count(*) AS n FROM message_sender.webhook")[0]["n"]


@pytest.fixture(scope="module")
def replayed(work, sockets, postgres, web_kind):
    hooked = Told(work, sockets, postgres, web_kind, "replayed",
                  MANAGEMENT_SOCKET=str(sockets / "replayed.management"))
    yield hooked
    hooked.end()


def test_webhooks_applied_again_change_nothing(replayed):
    told = replayed
    number, other = Number(told, SIMULATORS), Number(told)
    number.show()
    other.show()
    sent = [told.send(new_message(**number.outlet, conversation_id=None)) for _ in range(5)]
    refused = new_message(**number.outlet, to="+99901310500001")
    sent.append(told.send(refused))
    for name in sorted(path.stem for path in FIXTURES.glob("*.json")):
        told.tell(number.fixture(name) if "phone_number_id" in (FIXTURES / f"{name}.json")
                  .read_text() else json.loads((FIXTURES / f"{name}.json").read_text()))
    told.tell(other.disable(NOW + 1))
    told.tell("this is {no JSON")
    for message_id in sent[:-1]:
        told.wait_status(message_id, "read")
    told.wait_status(sent[-1], "failed")
    told.simulator.wait_reported()
    before = state(told)
    since = "2020-01-01T00:00:00Z"
    dry = replay(told, "--since", since, "--dry-run")
    assert dry["dry_run"] and dry["webhooks"] == count_webhooks(told)
    assert (dry["fresh"], dry["unreadable"]) == (0, 1)
    assert state(told) == before
    again = replay(told, "--since", since)
    assert again["repeated"] >= 16 and again["rejected"] == 0
    assert [again[name] for name in ("fresh", "inbound", "opt_out", "number", "rate", "hold",
                                     "release")] == [0] * 7
    assert state(told) == before


def test_what_was_lost_comes_back(replayed):
    """As after a restore: webhooks are there, what they told is not."""
    told = replayed
    number = Number(told, SIMULATORS)
    message_id = told.send(new_message(**number.outlet, conversation_id=None))
    told.wait_status(message_id, "read")
    told.tell(inbound(number, f"wamid.in.{number.id}", NOW))
    told.tell(preference(number, "stop", NOW))
    told.simulator.wait_reported()
    first = told.rows("SELECT min(received_at) AS at FROM message_sender.webhook")[0]["at"]
    last = told.rows("SELECT max(received_at) AS at FROM message_sender.webhook")[0]["at"]
    before = state(told)
    text = last.isoformat().replace("+00:00", "Z")
    assert replay(told, "--since", text, "--until", "2999-01-01T00:00:00Z")["webhooks"] == 1
    assert replay(told, "--since", "2020-01-01T00:00:00Z", "--until",
                  first.isoformat().replace("+00:00", "Z"))["webhooks"] == 0
    told.rows("DELETE FROM message_sender.receipt WHERE message_id = %s RETURNING 1", message_id)
    told.rows("UPDATE message_sender.message SET state = 'sent', delivered_at = NULL,"
              " read_at = NULL WHERE message_id = %s RETURNING 1", message_id)
    for table in ("inbound", "reply_window", "opt_out"):
        told.rows(f"DELETE FROM message_sender.{table} WHERE number = %s RETURNING 1", number.id)
    dry = replay(told, "--since", "2020-01-01T00:00:00Z", "--dry-run")
    assert (dry["fresh"], dry["inbound"]) == (3, 1)
    assert told.status(message_id)["status"] == "sent"
    done = replay(told, "--since", "2020-01-01T00:00:00Z")
    assert (done["fresh"], done["inbound"]) == (3, 1)
    assert told.status(message_id)["status"] == "read"

    def without_when(rows):
        """But for when we learnt it."""
        kept = {table: sorted(json.dumps({name: value for name, value in json.loads(row).items()
                                          if name != "received_at"}, sort_keys=True)
                              for row in found) for table, found in rows.items()}
        return kept

    now, then = without_when(state(told)), without_when(before)
    assert {table: sorted(set(now[table]) ^ set(then[table])) for table in now
            if now[table] != then[table]} == {}


def test_what_cannot_be_kept_is_counted_as_unknown(replayed):
    """An id of one byte too much; of one less it is an orphan."""
    told = replayed
    since = told.rows("SELECT now() AS at")[0]["at"].isoformat().replace("+00:00", "Z")
    for length in (255, 256):
        body = Number(told).fixture("status_delivered")
        body["entry"][0]["changes"][0]["value"]["statuses"][0]["id"] = "w" * length
        told.tell(body)
    again = replay(told, "--since", since, "--dry-run")
    assert (again["webhooks"], again["orphans"], again["unknown"]) == (2, 1, 1)


@pytest.mark.parametrize("words", [
    [], ["--since", "yesterday"], ["--since", "2026-01-02T00:00:00Z", "--until",
                                   "2026-01-02T00:00:00Z"]])
def test_wrong_times(told, words):
    told.cli("webhook", "replay", *words, status=2)


def test_days_that_are_not_kept(told):
    """Of what is in no day's partition; a day's is dropped as a whole."""
    for days in (6, 8):
        told.rows("INSERT INTO message_sender.webhook (received_at, body)"
                  " VALUES (now() - make_interval(days => %s), 'x') RETURNING 1", days)
    told.rows("SELECT message_sender.keep_partitions(7)")
    told.rows("CREATE TABLE message_sender.webhook_2020_01_01 PARTITION OF message_sender.webhook"
              " FOR VALUES FROM ('2020-01-01') TO ('2020-01-02'); SELECT 1 AS x")
    assert "partitions made: 1" in told.cli("maintain")
    assert told.rows("SELECT to_regclass('message_sender.webhook_2020_01_01') AS t")[0]["t"] is None
