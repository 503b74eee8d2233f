"""What the lints share: the files, and C text without comments and strings."""

import glob
import re
import sys

C_FILES = ("src/*/*.[ch]", "simulator/*.[ch]", "tests/unit/*.[ch]", "tests/store/*.[ch]",
           "tests/bench/*.[ch]", "tests/fuzz/*.[ch]")

GENERATED = ("/sql_text.c", "/shipped_text.c")

_TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files(*patterns):
    return sorted(name for pattern in patterns for name in glob.glob(pattern)
                  if not name.endswith(GENERATED))


def read(name):
    with open(name, encoding="utf-8") as f:
        return f.read()


def code_only(text, keep_strings=False):
    """Comments become blanks, strings become ""; lines stay where they are."""

    def blank(match):
        token = match.group()
        if token[0] == "/":
            return " " + "\n" * token.count("\n")
        return token if keep_strings else token[0] * 2

    return _TOKEN.sub(blank, text)


def finish(problems):
    """Prints the problems, (file, line, text) each, and ends the program."""
    for name, line, text in sorted(problems):
        print(f"{name}:{line}: {text}")
    sys.exit(1 if problems else 0)
