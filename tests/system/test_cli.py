"""The command line: version, check-config, serve refusing bad settings."""

import grp
import os
import re

import pytest

from harness.service import command

GOOD = {
    "TENANT_SERVICE_URL": "http://127.0.0.1:1", "CONVERSATION_SERVICE_URL": "http://127.0.0.1:2",
    "DATABASE_URL": "host=/nonexistent dbname=x", "FCGI_SOCKET": "/tmp/unused.sock",
}


def check(env=None, *words):
    return command("check-config", *words, env={**GOOD, **(env or {})})


def assert_refused(done, *names):
    assert done.returncode not in (0, 99), done.stdout
    for name in names:
        assert name in done.stderr, done.stderr


def test_version():
    done = command("version")
    assert done.returncode == 0
    assert re.search(r"\d+\.\d+\.\d+", done.stdout)
    assert done.stderr == ""


def test_help():
    done = command("--help")
    assert done.returncode == 0
    for word in ("serve", "db migrate", "check-config", "version"):
        assert word in done.stdout


@pytest.mark.parametrize("words", [(), ("nonsense",), ("serve", "nonsense"), ("db",),
                                   ("db", "nonsense"), ("serve", "--nonsense"),
                                   ("serve", "--config"), ("version", "more")], ids=" ".join)
def test_usage_errors(words):
    done = command(*words, env=GOOD)
    assert done.returncode == 2
    assert done.stdout == "" and "usage" in done.stderr.lower()


@pytest.mark.parametrize("words", [("db",), ("db", "nonsense"), ("queue", "--help"), ("message",)],
                         ids=" ".join)
def test_half_a_command_names_the_whole_ones(words):
    done = command(*words, env=GOOD)
    assert done.returncode == 2
    told = [line.split()[1:3] for line in done.stderr.splitlines() if line.startswith("  message-")]
    assert told and {first for first, _ in told} == {words[0]}
    assert len(done.stderr.splitlines()) == 1 + 2 * len(told), "and nothing else"


@pytest.mark.parametrize("value", ["nonsense", "http://host/database", "hosst=x", "port=1,2 host=a"])
def test_a_database_that_libpq_cannot_read(value):
    done = check({"DATABASE_URL": value})
    assert_refused(done, "DATABASE_URL")
    assert value not in done.stderr


def test_a_group_that_is_not_there():
    assert_refused(check({"FCGI_SOCKET_GROUP": "no-such-group"}), "FCGI_SOCKET_GROUP")
    assert check({"FCGI_SOCKET_GROUP": grp.getgrgid(os.getgid()).gr_name}).returncode == 0


def test_good_settings():
    done = check()
    assert done.returncode == 0, done.stderr
    assert "STATE_DIR" not in done.stderr


@pytest.mark.parametrize("name, value", [
    ("STATE_DIR", "/nonexistent/state"), ("STATE_DIR", "/proc/version"),
    ("FCGI_SOCKET", "/nonexistent/run/fcgi.sock"),
])
def test_a_state_directory_that_cannot_be_written_in(name, value):
    done = check({name: value})
    assert done.returncode == 0, done.stderr
    warning, = [line for line in done.stderr.splitlines() if "warning: STATE_DIR" in line]
    assert ("/nonexistent" if "none" in value else value) in warning


@pytest.mark.parametrize("value", [None, ""])
def test_needed_settings(value):
    env = {key: text for key, text in GOOD.items() if key != "DATABASE_URL"}
    if value is not None:
        env["DATABASE_URL"] = value
    assert_refused(command("check-config", env=env), "DATABASE_URL")


@pytest.mark.parametrize("name", ["TENANT_SERVICE_URL", "CONVERSATION_SERVICE_URL"])
def test_neighbours_are_not_needed(name):
    assert check({name: ""}).returncode == 0


@pytest.mark.parametrize("name, value", [
    ("MAX_RETRIES", "-1"), ("MAX_RETRIES", "11"), ("MAX_RETRIES", "x"), ("MAX_RETRIES", "3 "),
    ("MAX_RETRIES", ""), ("MAX_RETRIES", "99999999999999999999"),
    ("WORKERS", "-1"), ("WORKERS", "65"), ("PORT", "0"), ("PORT", "65536"),
    ("TENANT_SERVICE_URL", "ftp://x"), ("TENANT_SERVICE_URL", "nonsense"),
    ("GRAPH_API_URL", "http://"), ("GRAPH_API_VERSION", "v25"), ("GRAPH_API_VERSION", "v1/2"),
    ("GRAPH_API_VERSION", "v99.1"),
    ("FCGI_SOCKET_MODE", "999"), ("GRAPH_AMBIGUOUS_5XX", "maybe"),
])
def test_bad_values(name, value):
    assert_refused(check({name: value}), name)


def test_wait_longer_than_the_web_servers():
    """They read for 65 s; what is longer cannot be answered."""
    assert check({"SYNC_WAIT_SECONDS": "64"}).returncode == 0
    assert_refused(check({"SYNC_WAIT_SECONDS": "65"}), "SYNC_WAIT_SECONDS")


@pytest.mark.parametrize("settings", [
    {"REQUEST_TIMEOUT_SECONDS": "60"},  # one attempt outlasts the wait
    {"DRAIN_SECONDS": "5"},             # a stop outruns an attempt
], ids=str)
def test_timeouts_that_nest_badly_are_warned_of(settings):
    done = check(settings)
    assert done.returncode == 0, done.stderr
    assert any("warning" in line and name in line for name in settings
               for line in done.stderr.splitlines()), done.stderr


def test_configuration_file(tmp_path):
    file = tmp_path / "x.conf"
    file.write_text("# a comment\n\nMAX_RETRIES=5\nENVIRONMENT=production\nAUTH=keys\n")
    assert check({}, "--config", str(file)).returncode == 0


@pytest.mark.parametrize("text, names", [
    ("MAX_RETRIES=5\nNO_SUCH=1\n", ("2", "NO_SUCH")),
    ("\n\nMAX_RETRIES=x\n", ("3", "MAX_RETRIES")),
    ("MAX_RETRIES\n", ("1",)),
    ("=5\n", ("1",)),
    ("MAX_RETRIES=1\nMAX_RETRIES=2\n", ("2", "MAX_RETRIES")),
], ids=["unknown", "value", "no value", "no name", "twice"])
def test_faults_in_the_file_are_named_with_their_line(tmp_path, text, names):
    file = tmp_path / "x.conf"
    file.write_text(text)
    assert_refused(check({}, "--config", str(file)), *names)


def test_environment_wins_over_the_file(tmp_path):
    file = tmp_path / "x.conf"
    file.write_text("ENVIRONMENT=file\nMAX_RETRIES=5\n")
    done = check({"MAX_RETRIES": "7"}, "--config", str(file))
    assert done.returncode == 0, done.stderr
    assert "ENVIRONMENT=file " in done.stdout and "MAX_RETRIES=7 " in done.stdout


def test_fault_of_a_value_that_is_overridden_is_a_warning(tmp_path):
    file = tmp_path / "x.conf"
    file.write_text("# nothing\nTENANT_SERVICE_URL=nonsense\n")
    done = check({}, "--config", str(file))
    assert done.returncode == 0, done.stderr
    assert any("warning" in line and "x.conf:2" in line and "TENANT_SERVICE_URL" in line
               for line in done.stderr.splitlines()), done.stderr
    assert "nonsense" not in done.stdout


def test_file_that_is_not_there():
    assert_refused(check({}, "--config", "/no/such/file"), "/no/such/file")


def test_secrets_are_not_shown():
    done = check({"DATABASE_URL": "postgresql://u:hunter2@h/x", "WHATSAPP_APP_SECRET": "hunter3"})
    assert "hunter" not in done.stdout + done.stderr


def test_serve_refuses_bad_settings():
    assert_refused(command("serve", env={**GOOD, "MAX_RETRIES": "x"}), "MAX_RETRIES")
