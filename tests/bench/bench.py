"""What all modes share: where things are, how a stack is started, what a mode hands back."""

import os
import sys
from dataclasses import dataclass, field

import report
from stack import Failure, Stack

PROGRAMS = ("message-sender", "message-sender-simulator", "bench-load", "bench-reference")


def find_programs(build):
    found = {}
    for name in PROGRAMS:
        places = [os.path.join(build, *parts, name) for parts in ((), ("tests", "bench"))]
        found[name] = next((p for p in places if os.access(p, os.X_OK)), None)
        if not found[name]:
            raise Failure(f"no {name} in {build}: build it first, or name the place with --build")
    return found


@dataclass
class Outcome:
    """`limits`: (what, measured, limit, kept), the promised numbers that were looked at."""
    title: str
    results: list = field(default_factory=list)   # of run_step()
    sections: list = field(default_factory=list)  # (heading, text), before the tables of steps
    proofs: list = field(default_factory=list)
    limits: list = field(default_factory=list)
    failures: list = field(default_factory=list)  # lines; what a sound harness never shows

    def step(self, result):
        """Takes it in; its proof is None when several loads are proved together."""
        self.results.append(result)
        if result["proof"]:
            self.proofs.append(result["proof"])
        print(report.line(result), flush=True)
        return result

    def broken(self):
        return [line for proof in self.proofs for line in proof.broken()] + self.failures


def at_most(what, measured, limit):
    return what, measured, f"≤ {limit:g}", measured <= limit


def at_least(what, measured, limit):
    return what, measured, f"≥ {limit:g}", measured >= limit


class Bench:
    def __init__(self, top, directory, programs, options):
        self.top = top
        self.directory = directory
        self.programs = programs
        self.options = options
        self.short = options.short

    def stack(self, name, web=None, service=("message-sender", "serve"), settings=None,
              postgres=None):
        place = os.path.join(self.directory, name.replace(" ", "-").replace(",", ""))
        workers = {"WORKERS": str(self.options.workers)} if self.options.workers else {}
        return Stack(self.programs, self.top, place, web or self.options.web, service,
                     {**workers, **(settings or {})}, postgres)

    def say(self, text):
        print(f"{text} ...", file=sys.stderr, flush=True)
