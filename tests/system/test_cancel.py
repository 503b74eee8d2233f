"""DELETE /api/v1/messages/{id}: cancelled for good, or not at all."""

import threading
import uuid

import pytest

from harness.api import Api, new_message
from harness.service import command
from harness.shape import assert_problem
from harness.wait import wait_until

ASYNC = {"Prefer": "respond-async"}


def path(message_id, what=""):
    return f"/api/v1/messages/{message_id}" + (f"/{what}" if what else "")


def cancel(api, message_id):
    return api.request("DELETE", path(message_id))


def cli(database, *words):
    return command(*words, env={"DATABASE_URL": database.url})


@pytest.fixture
def paused(api, database):
    """A message that is held, as its tenant is paused."""
    message = new_message()
    done = cli(database, "pause", "--tenant", message["tenant_id"], "--by", "tester")
    assert done.returncode == 0, done
    message_id = api.send(message, ASYNC).json()["message_id"]
    wait_until(lambda: api.status(message_id).json()["state_detail"] == "held", 10, "held")
    yield message, message_id
    cli(database, "resume", "--tenant", message["tenant_id"], "--by", "tester")


def test_what_was_not_sent_is_cancelled_for_good(api, database, simulator, paused):
    message, message_id = paused
    first, again = cancel(api, message_id), cancel(api, message_id)
    assert (first.status_code, again.status_code) == (200, 200), first.text
    assert first.json() == again.json() == api.status(message_id).json()
    assert first.json()["status"] == first.json()["state_detail"] == "cancelled"
    cli(database, "resume", "--tenant", message["tenant_id"], "--by", "tester")
    later = api.send({**message, "message": "the next"})
    assert later.status_code == 200, later.text
    assert simulator.recipient(message["to"])["calls"] == 1
    events = api.get(path(message_id, "events")).json()
    assert [e["event"] for e in events["events"]][-1] == "cancelled"
    assert events["status"] == "cancelled"
    explained = api.get(path(message_id, "explain")).json()
    assert (explained["status"], explained["code"]) == ("cancelled", None), explained
    listed = api.get(f"/api/v1/messages?tenant_id={message['tenant_id']}&status=cancelled").json()
    assert [m["message_id"] for m in listed["messages"]] == [message_id]


def test_what_was_sent_is_not_cancelled(api):
    message_id = api.send(new_message()).json()["message_id"]
    refused = cancel(api, message_id)
    assert_problem(refused, 409, "not_cancellable", "NOT_CANCELLABLE")
    assert refused.json()["details"] == {"message_id": message_id, "status": "sent",
                                         "state_detail": "sent"}
    assert api.status(message_id).json()["status"] == "sent"


def test_an_id_that_never_was(api):
    assert_problem(cancel(api, uuid.uuid4()), 404, "not_found", "NOT_FOUND")
    assert_problem(cancel(api, "x"), 404, "not_found", "NOT_FOUND")


def test_twice_in_parallel(web, paused):
    _, message_id = paused
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(cancel(Api(web.url), message_id)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.text for answer in answers}) == 1


def test_against_messages_that_are_being_sent(web, simulator):
    """Sent, or cancelled and never sent: as the answer says."""
    results = []

    def race():
        api = Api(web.url)
        for _ in range(10):
            message = new_message()
            message_id = api.send(message, ASYNC).json()["message_id"]
            results.append((message["to"], message_id, cancel(api, message_id)))

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    api = Api(web.url)
    for to, message_id, answer in results:
        if answer.status_code == 200:
            assert simulator.recipient(to)["calls"] == 0
            assert api.status(message_id).json()["status"] == "cancelled"
        else:
            assert answer.status_code == 409, answer.text
            wait_until(lambda: api.status(message_id).json()["status"] == "sent", 10, "sent")
            assert simulator.recipient(to)["calls"] == 1


def test_who_waits_is_told(web, simulator):
    """Its attempt was refused for now; it is cancelled before the next."""
    message = new_message()
    simulator.script("graph", message["to"], "error", code=131016, status=503, times=9)
    told = []
    waiting = threading.Thread(target=lambda: told.append(Api(web.url).send(message)))
    waiting.start()
    api = Api(web.url)

    def only():
        page = api.get(f"/api/v1/messages?tenant_id={message['tenant_id']}").json()
        return page["messages"][0] if page["messages"] else {"state_detail": ""}
    wait_until(lambda: only()["state_detail"] == "retrying", 10, "refused for now")
    answer = wait_until(lambda: cancel(api, only()["message_id"]), 10, "an answer")
    waiting.join()
    assert answer.status_code == 200, answer.text
    assert_problem(told[0], 500, "send_failed", "SEND_FAILED")


def test_the_command_line_cancels(api, database, paused):
    _, message_id = paused
    done = cli(database, "message", "cancel", message_id)
    assert (done.returncode, done.stdout) == (0, f"{message_id} is cancelled\n"), done
    assert api.status(message_id).json()["status"] == "cancelled"
    sent = api.send(new_message()).json()["message_id"]
    done = cli(database, "message", "cancel", sent)
    assert done.returncode == 1 and "cannot be cancelled: its state is sent" in done.stderr, done


def test_while_the_database_is_away_it_is_not_known(own_postgres, new_service, new_web):
    service = new_service(database=own_postgres.database())
    api = Api(new_web(service).url)
    message_id = api.send(new_message()).json()["message_id"]
    own_postgres.freeze()
    try:
        away = cancel(api, message_id)
    finally:
        own_postgres.thaw()
    assert_problem(away, 503, "store_unavailable", "STORE_UNAVAILABLE")
    assert "may have been cancelled" in away.json()["message"] and away.headers["Retry-After"]
