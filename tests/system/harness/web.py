"""lighttpd or nginx in front of a service, with the configurations that the project ships."""

import os
import shutil
import signal

from harness.process import TOP, Process, accepts, free_port

PATHS = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}


class Web:
    def __init__(self, kind, work, name, socket):
        assert kind in ("lighttpd", "nginx")
        self.kind = kind
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        run_dir = work / name
        run_dir.mkdir()
        shutil.copytree(TOP / "conf" / "errors", run_dir / "errors")
        config = run_dir / f"{kind}.conf"
        text = (TOP / "conf" / f"{kind}.conf.in").read_text()
        for variable, value in {
                "@PORT@": self.port, "@SOCKET@": socket, "@RUN_DIR@": run_dir,
                "\n@USER@": "\nuser root;" if os.geteuid() == 0 else "\n"}.items():
            text = text.replace(variable, str(value))
        config.write_text(text)
        command = {"lighttpd": ["lighttpd", "-D", "-f", config],
                   "nginx": ["nginx", "-p", run_dir, "-c", config, "-e", run_dir / "error.log"]}
        self.errors = run_dir / "error.log"
        # SIGTERM, as nginx passes that on to its workers.
        self.process = Process(name, work, command[kind], env=PATHS, death_signal="TERM")
        self.process.wait_ready(lambda: accepts(self.port))

    def stop(self):
        self.process.stop(signal.SIGTERM)
