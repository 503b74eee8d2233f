"""A full disk under the messages: callers are told 503, and nothing that was accepted is lost."""

import os
import random
import shutil
import string
import subprocess
import tempfile

import psycopg
import pytest

from harness.api import SEND, Api, new_message, status_path
from harness.process import run
from harness.service import command
from harness.wait import wait_until


@pytest.fixture
def small_disk(postgres):
    """A file system of 2 MB that PostgreSQL may write to."""
    path = tempfile.mkdtemp(prefix="message-sender-disk-", dir="/tmp")
    if run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path]).returncode:
        os.rmdir(path)
        pytest.skip("nothing may be mounted here")
    owner = os.stat(postgres.data)
    os.chown(path, owner.st_uid, owner.st_gid)
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)
    os.rmdir(path)


def move(database, tablespace):
    """Every partition of message, with its indexes."""
    for row in database.query("""
            SELECT format('ALTER %%s message_sender.%%I SET TABLESPACE %%s', CASE c.relkind
                WHEN 'r' THEN 'TABLE' ELSE 'INDEX' END, c.relname, %s::text) AS statement
            FROM pg_class c WHERE c.relkind IN ('r', 'i')
                AND c.relnamespace = 'message_sender'::regnamespace
                AND (c.relname = 'message_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')
                    OR c.oid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid =
                        ('message_sender.message_' || to_char(now() AT TIME ZONE 'UTC',
                            'YYYY_MM'))::regclass))""", tablespace):
        database.query(row["statement"])


def alone(database, statement):
    """In no transaction."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(statement)


def text():
    """4,096 characters that cannot be compressed."""
    return "".join(random.choices(string.ascii_letters, k=4096))


def fill(path):
    try:
        with open(os.path.join(path, "filler"), "wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
    except OSError:
        pass


def test_a_full_disk_is_503_and_never_a_loss(new_service, new_web, postgres, small_disk):
    database = postgres.database()
    alone(database, f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    move(database, "small")
    api = Api(new_web(new_service(database=database, SYNC_WAIT_SECONDS="2")).url)
    try:
        assert api.request("POST", SEND, json=new_message(message=text())).status_code == 200
        fill(small_disk)
        promised, refused = [], []
        for _ in range(12):
            answer = api.request("POST", SEND, json=new_message(message=text()))
            assert answer.status_code in (200, 202, 503), answer.text
            (refused if answer.status_code == 503 else promised).append(answer.json())
            if refused:
                break
        assert refused and all(a["code"] == "STORE_UNAVAILABLE" for a in refused)
        os.unlink(os.path.join(small_disk, "filler"))
        wait_until(lambda: api.request("POST", SEND, json=new_message()).status_code == 200, 15,
                   "messages are taken again")
        for answer in promised:
            where = status_path(answer["message_id"])
            wait_until(lambda at=where: api.get(at).json()["status"] == "sent", 15, where)
        check = command("check", env={"DATABASE_URL": database.url})
        assert check.returncode == 0, check.stdout
    finally:
        move(database, "pg_default")
        alone(database, "DROP TABLESPACE small")
        shutil.rmtree(small_disk, ignore_errors=True)
