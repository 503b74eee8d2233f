"""Fixtures.  One PostgreSQL, one simulator, one service and one web server serve the whole
session; a test that breaks things, or wants other settings, makes its own with new_service.
Every service has its own database and socket."""

import itertools
import os
import pathlib
import shutil
import signal
import tempfile

import pytest

from harness.api import Api
from harness.burst import raise_file_limit
from harness.foreign import Foreign
from harness.postgres import Postgres
from harness.process import BUILD, REPORT
from harness.service import Service
from harness.simulator import Simulator
from harness.web import Web

numbers = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--web", choices=("lighttpd", "nginx"), default="lighttpd",
                     help="the web server in front of the service")


def pytest_configure():
    """What a shell runs in the background ignores SIGINT, and hands that down."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header(config):
    return f"build: {BUILD}, web server: {config.getoption('--web')}"


@pytest.fixture(scope="session")
def web_kind(request):
    return request.config.getoption("--web")


@pytest.fixture(scope="session")
def work(web_kind):
    """Everything the session writes: BUILD_DIR/system-tests/<web server>, kept until the next
    session.  Its last act is to look for reports of the sanitizers in all logs."""
    assert (BUILD / "message-sender").exists(), f"build first: no message-sender in {BUILD}"
    raise_file_limit()
    # With pytest -n each of its processes has a session of its own.
    path = BUILD / "system-tests" / web_kind / os.environ.get("PYTEST_XDIST_WORKER", "")
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    yield path
    reports = [f"{log}: {line}" for log in sorted(path.glob("*.log"))
               for line in log.read_text(errors="replace").splitlines() if REPORT.search(line)]
    assert not reports, "\n".join(reports[:20])


@pytest.fixture(scope="session")
def sockets():
    """A directory with a short name: that of a unix socket has 107 bytes at most."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="message-sender-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def postgres(work):
    server = Postgres(work)
    yield server
    server.remove()


@pytest.fixture(scope="module")
def own_postgres(work):
    """A cluster that the tests of one module may stop and freeze."""
    server = Postgres(work, f"postgres-{next(numbers)}", tcp=True)
    yield server
    server.remove()


@pytest.fixture(scope="session")
def simulator(work):
    process = Simulator(work)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def database(postgres):
    """The database of the session's service."""
    return postgres.database()


@pytest.fixture(scope="session")
def service(work, sockets, simulator, database):
    """The service with its defaults; restarted by no test."""
    process = Service(work, sockets, "service", {
        **simulator.settings(), "DATABASE_URL": database.url})
    yield process
    assert process.stop() == 0, process.process.tail()


@pytest.fixture(scope="session")
def web(work, web_kind, service):
    server = Web(web_kind, work, "web", service.socket)
    yield server
    server.stop()


@pytest.fixture
def api(web):
    return Api(web.url)


@pytest.fixture(scope="module")
def new_module_service(work, sockets, simulator, postgres, request):
    yield from _factory(work, sockets, simulator, postgres, request.node.name)


@pytest.fixture
def new_service(work, sockets, simulator, postgres, request):
    """new_service(SETTING=value, ...) starts another service; a value of None unsets.
    database=, simulator= name others than the session's; more goes to Service()."""
    yield from _factory(work, sockets, simulator, postgres, request.node.name)


def _factory(work, sockets, simulator, postgres, test):
    started = []
    session_simulator = simulator

    def start(database=None, simulator=None, service_options=None, **settings):
        database = database or postgres.database()
        name = f"service-{next(numbers)}"
        process = Service(work, sockets, name, {
            **(simulator or session_simulator).settings(), "DATABASE_URL": database.url,
            **settings}, **(service_options or {}))
        process.database = database
        with (work / "services.txt").open("a") as names:
            names.write(f"{name} {test}\n")
        started.append(process)
        return process

    yield start
    for process in reversed(started):
        process.end()


@pytest.fixture
def new_simulator(work):
    """new_simulator(http1=True, ...) starts another simulator."""
    started = []

    def start(**options):
        started.append(Simulator(work, f"simulator-{next(numbers)}", **options))
        return started[-1]

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def new_web(work, web_kind):
    """new_web(service) puts a web server of its own in front of it."""
    started = []

    def start(service, kind=None):
        started.append(Web(kind or web_kind, work, f"web-{next(numbers)}", service.socket))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def foreign():
    """foreign(reply, files=None) starts a server that is not the project's."""
    started = []

    def start(reply, files=None):
        started.append(Foreign(reply, files))
        return started[-1]

    yield start
    for server in started:
        server.stop()
