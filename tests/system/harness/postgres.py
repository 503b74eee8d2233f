"""A private PostgreSQL cluster (tests/tools/private-postgres) and databases in it."""

import itertools
import os
import pathlib
import shutil
import signal

import psycopg

from harness import secrets
from harness.process import BUILD, SANITIZERS, TOP, Process, children, free_port, run
from harness.wait import wait_until

TOOL = TOP / "tests" / "tools" / "private-postgres"


class Postgres:
    def __init__(self, work, name="postgres", tcp=False):
        self.work = work
        self.name = name
        self.dir = work / name
        self.tcp_port = free_port() if tcp else None
        self.numbers = itertools.count(1)
        self.process = None
        self.data = None
        self.start()
        self.migrate("message_sender")

    def start(self):
        """Starts the server (again) and waits until it serves."""
        env = dict(os.environ)
        if self.tcp_port:
            env["TCP_PORT"] = str(self.tcp_port)
        (self.dir / "url").unlink(missing_ok=True)
        # The tool hands over to postgres in the same process.
        self.process = Process(self.name, self.work, [TOOL, self.dir], env=env,
                               death_signal="INT")
        self.process.wait_ready((self.dir / "url").exists, 60)
        with psycopg.connect(self.url("postgres")) as connection:
            self.data = pathlib.Path(connection.execute("SHOW data_directory").fetchone()[0])

    def stop(self, how=signal.SIGINT):
        """SIGINT: at once, cleanly; SIGQUIT: as a crash."""
        self.thaw()
        self.process.stop(how)

    def remove(self):
        self.stop(signal.SIGQUIT)  # no checkpoint of what is deleted at once
        found = secrets.find(self.data)  # tables and WAL
        (self.work / f"{self.name}.secrets").write_text("".join(f"{name}\n" for name in found))
        run([TOOL, "--remove", self.dir], seconds=120)

    def processes(self):
        return [self.process.pid, *children(self.process.pid)]

    def freeze(self):
        """Stops every process of the server: it hangs, and its connections stay open."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self):
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def url(self, database):
        """The connection string of a database, over the unix socket."""
        text = (self.dir / "url").read_text().strip()
        return text.replace("dbname=message_sender", f"dbname={database}")

    def tcp_url(self, database, host="127.0.0.1"):
        return f"postgresql://postgres@{host}:{self.tcp_port}/{database}"

    def migrate(self, database):
        nobody = "http://127.0.0.1:1"
        env = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url(database),
               "TENANT_SERVICE_URL": nobody, "CONVERSATION_SERVICE_URL": nobody, **SANITIZERS}
        done = run([BUILD / "message-sender", "db", "migrate"], env=env)
        assert done.returncode == 0, done.stderr
        return done

    # Backups, recovery, standbys.

    def place(self, name):
        """A directory beside the data, of the server's user, empty."""
        path = self.data.parent / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        shutil.chown(path, *self._owner())
        return path

    def _owner(self):
        owner = os.stat(self.data)
        return owner.st_uid, owner.st_gid

    def program(self, name, *words):
        """Runs one of PostgreSQL's own programs as the user of the server."""
        user, group = self._owner()
        as_user = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups"]
        binary = pathlib.Path((self.dir / "bin").read_text().strip()) / name
        done = run([*(as_user if os.getuid() == 0 else []), binary, *words], seconds=60)
        assert done.returncode == 0, (done.stdout, done.stderr)

    def configure(self, text):
        """Adds to postgresql.conf; counts from the next start."""
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(text + "\n")

    def archive(self):
        """Archives WAL from now on; the server is started again."""
        archive = self.place("archive")
        self.stop()
        self.configure("archive_mode = on\narchive_command = "
                       f"'cp %p {archive}/part && mv {archive}/part {archive}/%f'")
        self.start()
        return archive

    def archive_all(self, archive):
        """What is written by now can be recovered."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            name = connection.execute(
                "SELECT pg_walfile_name(pg_switch_wal())").fetchone()[0]
        wait_until((archive / name).exists, 20, f"{name} is archived")

    def base_backup(self, *words):
        backup = self.place("backup")
        self.program("pg_basebackup", "-D", backup, "-c", "fast", "-d", self.url("postgres"),
                     *words)
        return backup

    def copy_files(self):
        """A copy of the files of a server that does not run."""
        copy = self.place("copy")
        self.program("/bin/cp", "-a", f"{self.data}/.", copy)
        return copy

    def put_back(self, backup, archive=None, recovery=""):
        """In place of the data; with an archive: to be recovered from it, with these settings."""
        owner = self._owner()
        shutil.rmtree(self.data)
        os.rename(backup, self.data)
        if archive:
            self.configure(f"restore_command = 'cp {archive}/%f %p'\n{recovery}")
            (self.data / "recovery.signal").touch()
            shutil.chown(self.data / "recovery.signal", *owner)

    def standby(self, name):
        """Another server that follows this one."""
        other = Postgres(self.work, name)
        other.stop()
        own = [line for line in (other.data / "postgresql.conf").read_text().splitlines()
               if line.startswith("unix_socket_directories")]
        other.put_back(self.base_backup("-R"))
        other.configure("\n".join(own))
        other.start()
        return other

    def promote(self):
        self.program("pg_ctl", "promote", "-w", "-D", self.data)

    def empty_database(self):
        """A new database without our schema; returns its name."""
        name = f"d{next(self.numbers)}"
        self.admin(f"CREATE DATABASE {name}")
        return name

    def database(self):
        """A new database with our schema; returns a Database."""
        name = f"d{next(self.numbers)}"
        self.admin(f"CREATE DATABASE {name} TEMPLATE message_sender")
        return Database(self, name)

    def admin(self, statement):
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

# A message as a person would ask for it: while there is work left, that row has the exact state.
MESSAGE = """
SELECT m.*, greatest(m.attempts, w.attempt) AS attempts, CASE
    WHEN m.state IN ('queued', 'sending', 'retrying', 'unknown') THEN coalesce(w.state, m.state)
    ELSE m.state END AS state
FROM message_sender.message m LEFT JOIN message_sender.work w USING (message_id)
"""


class Database:
    def __init__(self, postgres, name):
        self.postgres = postgres
        self.name = name

    @property
    def url(self):
        return self.postgres.url(self.name)

    def query(self, statement, *values):
        """All rows, as dictionaries."""
        with psycopg.connect(self.url, row_factory=psycopg.rows.dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def message(self, message_id):
        """The row of a message, or None."""
        rows = self.query(MESSAGE + "WHERE message_id = %s", message_id)
        return rows[0] if rows else None

    def messages(self, tenant_id):
        return self.query(MESSAGE + "WHERE m.tenant_id = %s ORDER BY message_id", tenant_id)

    def attempts(self, message_id):
        """Its attempts that have ended."""
        return self.query("SELECT * FROM message_sender.attempt WHERE message_id = %s"
                          " ORDER BY attempt", message_id)

    def work(self, message_id):
        """The live work of a message: no row once it is finished."""
        return self.query("SELECT * FROM message_sender.work WHERE message_id = %s", message_id)

    def wait_state(self, message_id, state, seconds=10):
        def reached():
            row = self.message(message_id)
            return row if row and row["state"] == state else None

        return wait_until(reached, seconds, f"{message_id} in state {state}")
