"""Secrets at rest and in use: never where somebody could read them."""

import json
import os
import pathlib
import pwd
import subprocess
import threading

import pytest

from harness import secrets
from harness.api import SEND, new_message
from harness.process import SANITIZERS, children
from harness.service import PROGRAM, command
from harness.wait import wait_until

ONE = "one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=\n"
TWO = "two MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI=\n"


@pytest.fixture
def key_file(work):
    path = work / "rotating-keys"
    path.write_text(ONE)
    path.chmod(0o600)
    return path


class Shop:
    """A service of its own tenants, and one outlet."""

    def __init__(self, service, key_file):
        self.service = service
        self.env = {"DATABASE_URL": service.database.url, "MASTER_KEY_FILE": str(key_file)}
        self.message = new_message(conversation_id=None)
        self.names = self.message["tenant_id"], self.message["outlet_id"]
        self.do("tenant", "add", self.names[0])
        self.do("outlet", "add", *self.names, "--number", "155501", "--token-file", "-",
                text_input="EAAG-shop\n")

    def run(self, *words, **more):
        return command(*words, env={**self.env, **more.pop("env", {})}, **more)

    def do(self, *words, **more):
        done = self.run(*words, "--json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def send(self):
        return self.service.ask("POST", SEND, json.dumps(self.message).encode())

    def sealed(self):
        return bytes(self.service.database.query(
            "SELECT token FROM message_sender.outlet WHERE outlet_id = %s", self.names[1])[0]["token"])


@pytest.fixture
def shop(new_service, key_file):
    return Shop(new_service(TENANT_SERVICE_URL="", CONVERSATION_SERVICE_URL="", MAX_RETRIES=0,
                            CREDENTIALS_CACHE_SECONDS=0, MASTER_KEY_FILE=key_file), key_file)


def test_keys_are_rotated_while_all_serve_on(shop, key_file):
    assert shop.send().status == 200
    stop, statuses = threading.Event(), []

    def load():
        while not stop.is_set():
            statuses.append(shop.send().status)

    sender = threading.Thread(target=load)
    sender.start()
    old = shop.sealed()
    key_file.write_text(TWO + ONE)
    workers = shop.service.workers()
    shop.service.reload()
    wait_until(lambda: not set(workers) & set(shop.service.workers()), 30, "new workers serve")
    assert shop.do("secret", "rotate") == {"resealed": 1, "failed": 0}
    assert shop.do("secret", "rotate") == {"resealed": 0, "failed": 0}
    sent = len(statuses)
    wait_until(lambda: len(statuses) > sent, 10, "another one is sent")
    stop.set()
    sender.join()
    assert set(statuses) == {200}
    assert (old[:5], shop.sealed()[:5]) == (b"\x01\x03one", b"\x01\x03two")
    key_file.write_text(TWO)  # the old one is not needed any more
    workers = shop.service.workers()
    shop.service.reload()
    wait_until(lambda: not set(workers) & set(shop.service.workers()), 30, "new workers serve")
    assert shop.send().status == 200


def test_a_row_that_was_put_into_another_does_not_open(shop):
    shop.do("outlet", "add", shop.names[0], "other", "--number", "155502", "--token-file", "-",
            text_input="EAAG-other")
    assert shop.send().status == 200
    shop.service.database.query(
        "UPDATE message_sender.outlet o SET token = x.token FROM message_sender.outlet x"
        " WHERE x.tenant_id = o.tenant_id AND x.outlet_id <> o.outlet_id AND o.tenant_id = %s",
        shop.names[0])
    shop.message = {**shop.message, "outlet_id": "other"}
    assert shop.send().status == 500
    line = shop.service.wait_event("secret_unreadable")[0]
    assert "another row" in line["cause"]
    done = shop.run("secret", "rotate")
    assert done.returncode == 0  # both are sealed with the key of now


def test_without_a_master_key_only_storing_is_refused(new_service, simulator):
    service = new_service(TENANT_SERVICE_URL="", CONVERSATION_SERVICE_URL="")
    env = {"DATABASE_URL": service.database.url}
    assert service.healthy()
    assert command("tenant", "add", "t", env=env).returncode == 0
    assert command("outlet", "add", "t", "o", "--number", "155501", env=env).returncode == 0
    for words in (("outlet", "set", "t", "o", "--token-file", "-"), ("secret", "rotate")):
        done = command(*words, env=env, text_input="EAAG-no")
        assert done.returncode != 0 and "MASTER_KEY_FILE" in done.stderr, done.stderr
    rows = service.database.query("SELECT token FROM message_sender.outlet")
    assert rows == [{"token": None}]


@pytest.mark.parametrize("name", ["message-sender-master-key",
                                  "secret_message-sender-master-key"])
def test_a_credential_of_systemd_is_the_master_key(shop, tmp_path, name):
    (tmp_path / name).write_text(ONE)
    (tmp_path / name).chmod(0o400)
    done = command("secret", "rotate", env={"DATABASE_URL": shop.service.database.url,
                                            "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert done.returncode == 0, done.stderr


def test_a_wrong_key_file_is_refused_and_not_quoted(key_file):
    key_file.write_text("one MTExMTEx\n")
    env = {"DATABASE_URL": "dbname=x", "MASTER_KEY_FILE": str(key_file)}
    done = command("check-config", env=env)
    assert done.returncode == 78 and "MASTER_KEY_FILE" in done.stderr
    assert "MTEx" not in done.stderr + done.stdout


def test_no_secret_in_any_place_one_can_read(shop, simulator):
    assert shop.send().status == 200
    simulator.script("graph", shop.message["to"], "error", code=190, status=401)
    answers = [shop.send()]
    assert answers[0].status == 500
    message_id = json.loads(answers[0].body)["message_id"]
    answers += [shop.service.ask("GET", f"/api/v1/messages/{message_id}{what}")
                for what in ("", "/events", "/status")]
    seen = b"".join(answer.body for answer in answers)
    for words in (("outlet", "list"), ("outlet", "show", *shop.names), ("tenant", "list")):
        for form in ((), ("--json",)):
            done = shop.run(*words, *form)
            seen += (done.stdout + done.stderr).encode()
    for pid in (shop.service.pid, *children(shop.service.pid)):
        for name in ("cmdline", "environ"):
            seen += pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()
        core, = [line.split() for line in limits if line.startswith("Max core file size")]
        assert core[4:6] == ["0", "0"]
    dump = shop.service.database.query(
        "SELECT string_agg(o::text, '') AS rows FROM message_sender.outlet o")[0]["rows"]
    seen += dump.encode() + shop.service.log.read_bytes()
    for word in (secrets.CANARY, "MTExMTEx", secrets.CANARY.encode().hex()):
        assert word.encode() not in seen


def test_others_of_the_same_user_cannot_look_into_it():
    """A file of /proc belongs to root when its process may not be dumped."""
    nobody = pwd.getpwnam("nobody")
    process = subprocess.Popen(
        ["setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid),
         "--clear-groups", str(PROGRAM), "tenant", "import", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": "dbname=x", **SANITIZERS})

    def private():
        name = f"/proc/{process.pid}"
        return (pathlib.Path(f"{name}/exe").resolve() == PROGRAM.resolve()
                and os.stat(f"{name}/environ").st_uid == 0)

    try:
        wait_until(private, 10, "it is private")
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        assert f"Uid:\t{nobody.pw_uid}\t" in status
    finally:
        process.kill()
        process.communicate()
