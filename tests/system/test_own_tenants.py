"""Tenants, outlets and quotas of our own tables: without TENANT_SERVICE_URL."""

import hashlib
import hmac
import json
import uuid

import pytest

from harness.api import SEND, new_message
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


def test_an_app_secret_is_proven(own, simulator, work):
    secret = work / "app-secret"
    secret.write_text("s3cret\n")
    message = own.outlet(token="EAAG-proof", **{"app-secret-file": str(secret)})
    assert own.send(message).status == 200
    proof = hmac.new(b"s3cret", b"EAAG-proof", hashlib.sha256).hexdigest()
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
    assert done.returncode == 1 and "line 3" in done.stderr
    assert own.do("outlet", "list", "--tenant", tenant)["outlets"] == []
