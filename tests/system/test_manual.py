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


def test_every_command_stands_in_the_manual():
    words = re.findall(r"^  (\S.*)$", command("--help").stdout, re.M)
    text = re.sub(r"\s+", " ", (TOP / "docs" / "man" / "message-sender.1").read_text())
    assert len(words) > 30
    for usage in words:
        assert usage.replace('"', '""') in text, usage
