"""The manual: its pages are what commands, settings and views say, and mandoc finds no fault."""

import re

from harness.process import TOP, run
from harness.service import PROGRAM, command

PAGES = sorted((TOP / "docs" / "man").glob("*.[1-8]"))


def test_pages_are_what_the_tables_say(tmp_path):
    done = run([TOP / "build-aux" / "man-pages", PROGRAM, tmp_path])
    assert done.returncode == 0, done.stderr
    made = sorted(tmp_path.iterdir())
    assert len(made) == 4
    for page in made:
        assert page.read_text() == (TOP / "docs" / "man" / page.name).read_text(), (
            f"{page.name}: write it with build-aux/man-pages PROGRAM docs/man")


def test_mandoc_finds_no_fault():
    for page in PAGES:
        done = run(["mandoc", "-Tlint", page])
        faults = []
        for line in (done.stdout + done.stderr).splitlines():
            # It looks for other pages where they are installed; ours are here.
            other = re.search(r"referenced manual not found: Xr (\S+) (\d)", line)
            if not other or not (page.parent / f"{other[1]}.{other[2]}").exists():
                faults.append(line)
        assert faults == [], page.name


def commands():
    """("queue", "status") and the like, and ("serve",)."""
    found = set()
    for usage in re.findall(r"^  (\S.*)$", command("--help").stdout, re.M):
        words = re.match(r"([a-z][a-z-]*)(?: ([a-z]+)(?= |$))?", usage)
        found.add(tuple(word for word in words.groups() if word))
    return found


def test_what_the_documents_call_is_there():
    """Commands and their options; README, runbook and the rest call nothing that is not."""
    known = commands()
    usages = {line.split("[")[0]: line
              for line in re.findall(r"^  (\S.*)$", command("--help").stdout, re.M)}
    assert ("queue", "status") in known and ("serve",) in known
    checked = 0
    for path in [TOP / "README.md", *(TOP / "docs").glob("*.md"),
                 *(TOP / "docs" / "internals").glob("*.md")]:
        # Where a line goes on in the next, and but for what stands behind a "#".
        text = re.sub(r"\\\n\s+", "", path.read_text())
        calls = re.findall(r"(?:^    |`|-- |&& )message-sender ([a-z][^`#\n|>)]*)", text, re.M)
        for call in calls:
            words = call.split()
            name = next((n for n in (tuple(words[:2]), tuple(words[:1])) if n in known), None)
            assert name, (path.name, call)
            shown = " ".join(usage for key, usage in usages.items()
                             if key.split()[:len(name)] == list(name))
            for option in re.findall(r"(?<= )--[a-z-]+", call):
                assert option in shown or option == "--help", (path.name, call)
            checked += 1
    assert checked > 50


def test_the_runbook_begins_with_the_contracts_troubles():
    runbook = (TOP / "docs" / "runbook.md").read_text()
    parts = re.split(r"^## ", runbook, flags=re.M)[1:]
    assert parts[0].startswith("The four troubles\n")
    headings = re.findall(r"^### (.*)$", parts[0], re.M)
    for heading, words in zip(headings, ("401", "403", "Quota exceeded", "Retries used up")):
        assert heading.startswith(words), headings
    assert len(headings) == 4
    for part in re.split(r"^### ", parts[0], flags=re.M)[1:]:
        for word in ("*Seen as*", "*Why*", "*Do*"):
            assert word in part, part


def test_every_command_stands_in_the_manual():
    words = re.findall(r"^  (\S.*)$", command("--help").stdout, re.M)
    text = re.sub(r"\s+", " ", (TOP / "docs" / "man" / "message-sender.1").read_text())
    assert len(words) > 30
    for usage in words:
        assert usage.replace('"', '""') in text, usage
