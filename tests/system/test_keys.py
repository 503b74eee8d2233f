"""AUTH=keys: who may call, what a key permits, and how soon it does no more."""

import json
import time
import uuid
import zlib

import pytest

from harness.api import BULK, SEND, batch_path, new_message, status_path
from harness.keys import KeyApi, key_command, new_key, web_api
from harness.service import command
from harness.wait import wait_until

LIST = "/api/v1/messages"
REVOKED_SECONDS = 5
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@pytest.fixture(scope="module")
def guarded(new_module_service):
    return new_module_service(AUTH="keys")


def tenant():
    return f"t-{uuid.uuid4()}"


def checked(text):
    """The text of a key with the checksum that it should have."""
    crc = zlib.crc32(text[:46].encode())
    return text[:46] + "".join(ALPHABET[crc >> 5 * i & 31] for i in range(6))


def code(reply):
    return reply.status, json.loads(reply.body)["code"] if reply.status >= 400 else None


def test_a_key_is_told_once_and_kept_as_a_hash(guarded):
    key = new_key(guarded.database, tenant=tenant())
    assert set(key) == {"id", "key"}
    assert key["key"].startswith(f"msk_{key['id']}") and len(key["key"]) == 52
    assert checked(key["key"]) == key["key"]
    row = guarded.database.query("SELECT k::text AS text, octet_length(hash) AS hash"
                                 " FROM message_sender.api_key k WHERE id = %s", key["id"])[0]
    assert row["hash"] == 32 and key["key"][14:] not in row["text"]
    listed = json.dumps(key_command(guarded.database, "list"))
    assert key["id"] in listed and key["key"] not in listed and key["key"][14:46] not in listed


def test_who_shows_no_good_key_is_told_401(guarded):
    key = new_key(guarded.database, tenant=tenant())
    other = ALPHABET[(ALPHABET.index(key["key"][20]) + 1) % 32]
    shown = {
        "none": {},
        "another scheme": {"Authorization": f"Basic {key['key']}"},
        "nothing": {"Authorization": "Bearer "},
        "mistyped": {"Authorization": f"Bearer {key['key'][:-1]}"},
        "elsewhere": {"X-Api-Key": key["key"]},
        "unknown": {"Authorization": f"Bearer {checked('msk_' + 'a' * 42)}"},
        "another secret": {"Authorization": "Bearer "
                           + checked(key["key"][:20] + other + key["key"][21:])},
    }
    bodies = set()
    for what, headers in shown.items():
        for method, path in (("POST", SEND), ("GET", LIST), ("GET", status_path("x"))):
            reply = guarded.ask(method, path, b"{}" if method == "POST" else b"", headers)
            assert code(reply) == (401, "UNAUTHORIZED"), (what, method, path)
            assert reply.headers["www-authenticate"] == "Bearer"
            bodies.add(reply.body)
    assert len(bodies) == 1, "it is not told what was wrong with the key"
    assert guarded.ask("GET", "/health").status == 200
    assert KeyApi(guarded, key).ask("GET", LIST).status == 200
    assert key["key"] not in guarded.log.read_text()


def test_a_key_goes_through_the_web_server(guarded, new_web):
    web = new_web(guarded)
    key = new_key(guarded.database, tenant=tenant())
    answer = web_api(web, key).send(new_message(tenant_id=None))
    assert answer.status_code == 200, answer.text
    assert web_api(web, None).send(new_message()).status_code == 401


def test_scopes(guarded):
    mine = tenant()
    sends, reads = (KeyApi(guarded, new_key(guarded.database, scope, mine))
                    for scope in ("send", "read,report"))
    sent = sends.ask("POST", SEND, new_message(tenant_id=mine))
    assert sent.status == 200
    path = f"{LIST}/{json.loads(sent.body)['message_id']}"
    for key, method, target in ((sends, "GET", path), (sends, "GET", f"{path}/status"),
                                (sends, "GET", LIST), (sends, "GET", batch_path("x")),
                                (reads, "POST", SEND), (reads, "POST", BULK),
                                (reads, "DELETE", path), (reads, "DELETE", batch_path("x"))):
        body = {} if method == "POST" else None
        assert code(key.ask(method, target, body)) == (403, "FORBIDDEN"), (method, target)
    assert reads.ask("GET", path).status == 200
    assert sends.ask("DELETE", path).status == 409


def test_the_tenant_may_be_left_out_and_must_agree(guarded):
    mine, others = tenant(), tenant()
    api = KeyApi(guarded, new_key(guarded.database, tenant=mine))
    for named in (mine, None):
        reply = api.ask("POST", SEND, new_message(tenant_id=named))
        assert reply.status == 200, reply.body
        row = guarded.database.message(json.loads(reply.body)["message_id"])
        assert row["tenant_id"] == mine
    items = [{"to": new_message()["to"], "outlet_id": "o", "message": "x"}]
    for named in ({"tenant_id": mine}, {}):
        reply = api.ask("POST", BULK, {**named, "messages": items})
        assert reply.status == 202 and json.loads(reply.body)["accepted"] == 1, reply.body
    assert len(json.loads(api.ask("GET", f"{LIST}?tenant_id={mine}").body)["messages"]) == 4
    assert len(json.loads(api.ask("GET", LIST).body)["messages"]) == 4
    refused = [api.ask("POST", SEND, new_message(tenant_id=others)),
               api.ask("POST", BULK, {"tenant_id": others, "messages": items}),
               api.ask("POST", BULK, {"messages": items, "tenant_id": others}),
               api.ask("GET", f"{LIST}?tenant_id={others}")]
    assert [code(reply) for reply in refused] == [(403, "FORBIDDEN")] * 4
    assert guarded.database.messages(others) == []
    assert api.ask("POST", SEND, new_message(tenant_id="")).status == 400


def test_a_key_without_a_tenant_speaks_for_the_one_it_names(guarded):
    api = KeyApi(guarded, new_key(guarded.database))
    mine = tenant()
    reply = api.ask("POST", SEND, new_message(tenant_id=mine))
    assert reply.status == 200
    assert api.ask("GET", status_path(json.loads(reply.body)["message_id"])).status == 200
    assert api.ask("POST", SEND, new_message(tenant_id=None)).status == 400
    assert api.ask("GET", LIST).status == 400
    assert api.ask("GET", f"{LIST}?tenant_id={mine}").status == 200


def test_a_key_of_outlets_speaks_for_those(guarded):
    mine = tenant()
    all_of_it = KeyApi(guarded, new_key(guarded.database, tenant=mine))
    some = KeyApi(guarded, new_key(guarded.database, tenant=mine, outlet="o-1,o-2"))
    ids = {outlet: json.loads(all_of_it.ask(
        "POST", SEND, new_message(tenant_id=mine, outlet_id=outlet)).body)["message_id"]
        for outlet in ("o-1", "o-3")}
    assert some.ask("POST", SEND, new_message(tenant_id=mine, outlet_id="o-2")).status == 200
    assert code(some.ask("POST", SEND, new_message(tenant_id=mine, outlet_id="o-3"))) == (
        403, "FORBIDDEN")
    assert some.ask("GET", status_path(ids["o-1"])).status == 200
    assert some.ask("GET", status_path(ids["o-3"])).status == 404
    assert {m["outlet_id"] for m in json.loads(some.ask("GET", LIST).body)["messages"]} == {
        "o-1", "o-2"}
    items = [{"to": new_message()["to"], "outlet_id": outlet, "message": "x"}
             for outlet in ("o-1", "o-3")]
    reply = json.loads(some.ask("POST", BULK, {"messages": items}).body)
    assert (reply["accepted"], reply["refused"]) == (1, 1)
    assert reply["results"][1]["code"] == "FORBIDDEN", reply
    assert some.ask("GET", batch_path(reply["batch_id"])).status == 200
    mixed = json.loads(all_of_it.ask("POST", BULK, {"messages": items}).body)["batch_id"]
    assert some.ask("GET", batch_path(mixed)).status == 404


def wait_refused(guarded, key, workers, seconds=REVOKED_SECONDS):
    """Every worker refuses it: so many calls in a row, far more than there are workers."""
    api = KeyApi(guarded, key)
    wait_until(lambda: all(api.ask("GET", LIST).status == 401 for _ in range(10 * workers)),
               seconds, "the key is refused everywhere")


def test_a_revoked_key_is_refused_by_every_worker(guarded):
    key = new_key(guarded.database, tenant=tenant())
    api = KeyApi(guarded, key)
    assert {api.ask("GET", LIST).status for _ in range(20)} == {200}
    begun = time.monotonic()
    assert key_command(guarded.database, "revoke", key["id"])["id"] == key["id"]
    wait_refused(guarded, key, len(guarded.workers()), begun + REVOKED_SECONDS - time.monotonic())
    assert key_command(guarded.database, "revoke", key["id"])["id"] == key["id"]
    assert "no key" in key_command(guarded.database, "revoke", "aaaaaaaaaa", status=1)


def test_a_key_ends_at_its_time(guarded):
    rows = guarded.database.query(
        "SELECT to_char((now() + interval '2 seconds') AT TIME ZONE 'UTC',"
        " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS soon")
    key = new_key(guarded.database, tenant=tenant(), expires=rows[0]["soon"])
    assert KeyApi(guarded, key).ask("GET", LIST).status == 200
    wait_refused(guarded, key, len(guarded.workers()))
    assert [k["state"] for k in key_command(guarded.database, "list")["keys"]
            if k["id"] == key["id"]] == ["expired"]


def test_a_rotated_key_lives_beside_its_successor(guarded):
    mine = tenant()
    first = new_key(guarded.database, tenant=mine, outlet="o-1")
    second = key_command(guarded.database, "rotate", first["id"])
    for key in (first, second):
        assert KeyApi(guarded, key).ask("POST", SEND, new_message(
            tenant_id=None, outlet_id="o-1")).status == 200
        assert KeyApi(guarded, key).ask("POST", SEND, new_message(tenant_id=None)).status == 403
    assert "two live" in key_command(guarded.database, "rotate", first["id"], status=1)
    key_command(guarded.database, "rotate", second["id"], "--grace", "0")
    wait_refused(guarded, second, len(guarded.workers()))
    assert KeyApi(guarded, first).ask("GET", LIST).status == 200
    listed = {k["id"]: k for k in key_command(guarded.database, "list", "--tenant", mine)["keys"]}
    assert len(listed) == 3 and listed[second["id"]]["replaces"] == first["id"]
    assert listed[first["id"]]["scopes"] == ["send", "read"]
    assert "no live key" in key_command(guarded.database, "rotate", second["id"], status=1)


def test_it_is_noted_when_a_key_was_used(guarded):
    mine = tenant()
    used, unused = (new_key(guarded.database, tenant=mine) for _ in range(2))
    for _ in range(3):
        assert KeyApi(guarded, used).ask("GET", LIST).status == 200

    def last_used():
        return {k["id"]: k["last_used_at"]
                for k in key_command(guarded.database, "list", "--tenant", mine)["keys"]}

    wait_until(lambda: last_used()[used["id"]], 5, "last_used_at")
    assert last_used()[unused["id"]] is None


def test_wrong_words_make_no_key(guarded):
    for words in (["--tenant", "t"], ["--tenant", "t", "--scope", "admin"],
                  ["--scope", "send"], ["--all", "--outlet", "o", "--scope", "send"],
                  ["--tenant", "t", "--all", "--scope", "send"],
                  ["--tenant", "a b", "--scope", "send"],
                  ["--tenant", "t", "--scope", "send", "--expires", "2020-01-01T00:00:00Z"],
                  ["--tenant", "t", "--outlet", "o,", "--scope", "send"]):
        key_command(guarded.database, "create", *words, status=2)


def test_without_keys_the_service_is_as_it_was(service, api):
    assert service.ask("GET", LIST + "?tenant_id=t", headers={
        "Authorization": "Bearer nonsense"}).status == 200
    assert api.send(new_message(tenant_id=None)).status_code == 400


def test_production_has_to_say_who_may_call(service):
    def check(**settings):
        return command("check-config", env={**service.settings, **settings})

    refused = check(ENVIRONMENT="production")
    assert refused.returncode == 78 and "AUTH: must be written out" in refused.stderr
    assert check(ENVIRONMENT="production", AUTH="none").returncode == 0
    assert "AUTH=keys" in check(ENVIRONMENT="production", AUTH="keys").stdout
