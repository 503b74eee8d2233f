"""lighttpd or nginx in front of a service, with the configurations that the project ships."""

import os
import signal

from harness.process import TOP, Process, accepts, free_port, run

PATHS = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}


class Web:
    def __init__(self, kind, work, name, socket):
        assert kind in ("lighttpd", "nginx")
        self.kind = kind
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        run_dir = work / name
        config = run_dir / f"{kind}.conf"
        made = run([TOP / "tests" / "tools" / "web-config", kind, run_dir, self.port, socket])
        assert made.returncode == 0, made.stderr
        command = {"lighttpd": ["lighttpd", "-D", "-f", config],
                   "nginx": ["nginx", "-p", run_dir, "-c", config, "-e", run_dir / "error.log"]}
        self.errors = run_dir / "error.log"
        # SIGTERM, as nginx passes that on to its workers.
        self.process = Process(name, work, command[kind], env=PATHS, death_signal="TERM")
        self.process.wait_ready(lambda: accepts(self.port))

    def stop(self):
        self.process.stop(signal.SIGTERM)
