"""`doctor` finds what is wrong from where the service runs; `support` tells no secret; the
dictionary of errors is what the tables say."""

import json
import re

from harness.api import new_message
from harness.process import TOP
from harness.service import command

SECRETS = {"WHATSAPP_APP_SECRET": "s3cret-app",
           "WHATSAPP_VERIFY_TOKEN": "s3cret&" + "verify" * 100 + ",s3cret-before"}


def environment(service):
    return {name: value for name, value in service.settings.items() if value is not None}


def test_doctor_and_support(new_service, sockets):
    service = new_service(MANAGEMENT_SOCKET=str(sockets / "doctor.sock"), **SECRETS)
    env = environment(service)
    env["DATABASE_URL"] += " password=s3cret-database"
    body = new_message(to="+628111222333", message="not-to-be-told")
    assert service.ask("POST", "/api/v1/messages/send", json.dumps(body).encode()).status == 200
    assert command("maintain", env=env).returncode == 0

    well = command("doctor", env=env)
    assert well.returncode == 0, well.stdout
    assert well.stdout.endswith("All is well.\n") and "BAD" not in well.stdout
    for what in ("database", "clock", "partitions", "reports", "lanes", "tenant", "conversation",
                 "graph", "service", "ready", "webhook"):
        assert f"ok  {what} " in well.stdout, what

    told = command("support", env=env)
    assert told.returncode == 0, told.stderr
    for part in ("version", "settings", "doctor", "metrics", "tables", "check"):
        assert f"== {part}\n" in told.stdout
    for secret in ("s3cret", "628111222333", "not-to-be-told", "EAA"):
        assert secret not in told.stdout + told.stderr

    assert "answers Meta's handshake" in well.stdout
    other = command("doctor", env={**env, "WHATSAPP_VERIFY_TOKEN": "s3cret-after"})
    assert other.returncode == 1 and "BAD webhook" in other.stdout
    assert "403" in other.stdout and "s3cret" not in other.stdout
    none = command("doctor", env={**env, "WHATSAPP_VERIFY_TOKEN": ""})
    assert none.returncode == 0 and "ok  webhook        not used" in none.stdout

    env.update(TENANT_SERVICE_URL="http://127.0.0.1:1", GRAPH_CA_FILE="",
               FCGI_SOCKET=str(sockets / "nobody.sock"))
    ill = command("doctor", env=env)
    assert ill.returncode == 1
    bad = [line.split()[1] for line in ill.stdout.splitlines() if line.startswith("BAD")]
    assert bad == ["tenant", "graph", "service", "webhook"]  # the simulator's certificate is nobody's
    assert ill.stdout.endswith("from the top.\n")

    env["DATABASE_URL"] = "host=/nonexistent dbname=x"
    gone = command("doctor", env=env)
    assert gone.returncode == 1 and "BAD database" in gone.stdout


def test_the_dictionary_is_what_the_tables_say():
    assert command("errors").stdout == (TOP / "docs" / "errors.md").read_text()


def test_the_dictionary_has_every_code_its_cause_and_its_cure():
    callers, ours = command("errors").stdout.split("\n## Why messages fail or wait\n")
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")]
            for line in callers.splitlines() if line.startswith("| `")]
    assert len(rows) >= 20
    for code, _, message, _, cause, we_do, cure in rows:
        assert message and cause and we_do and cure, code
    told = set(re.findall(r"`([A-Z_]{4,})`", callers))
    problems = (TOP / "src" / "http" / "problem.c").read_text()
    for code in re.findall(r'{ \d\d\d,\s*"\w+",\s*"([A-Z_]+)"', problems):
        assert code in told, code
    for path in (TOP / "conf").rglob("*"):
        if path.is_file():
            for code in re.findall(r'"code":"([A-Z_]+)"', path.read_text()):
                assert code in told, (path, code)
    for line in ours.splitlines():
        if line.startswith("| ") and "---" not in line:
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            assert len(cells) == 5 and all(cells), line
    codes = (TOP / "tests" / "fixtures" / "graph" / "error-codes.tsv").read_text().splitlines()
    for line in codes[1:]:
        code = line.split("\t")[0]
        assert re.search(rf"^\| (-\d+ \()?{re.escape(code)}\)? ", ours, re.M), code
