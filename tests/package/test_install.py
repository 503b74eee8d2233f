"""What `make install` lays down, judged by systemd's and AppArmor's own programs.  Nothing of it
is started here: tests/package/system does that.

    BUILD_DIR=../../build /usr/bin/python3 -m pytest tests/package
"""

import os
import pathlib
import re
import stat
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", TOP / "build")).resolve()
UNITS = "usr/lib/systemd/system"
EXPOSURE = {"message-sender": 1.5, "message-sender-maintain": 1.5, "message-sender-simulator": 2.0}


def run(*words, **more):
    return subprocess.run([str(word) for word in words], text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, **more)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """Installed where the paths in its files say."""
    path = tmp_path_factory.mktemp("root")
    done = run("make", "-s", "-C", BUILD, "install", f"prefix={path}/usr", f"sysconfdir={path}/etc")
    assert done.returncode == 0, done.stdout
    return path


def words(*command):
    """The words of a command of ours, or of bash's completion of it."""
    done = run(BUILD / "message-sender", *command)
    assert done.returncode == 0, done.stdout
    return done.stdout


def default_of(setting):
    text = (TOP / "docs" / "reference" / "settings.md").read_text()
    return re.search(rf"### {setting}\n.*?- default: `([^`]*)`", text, re.DOTALL).group(1)


def test_units_are_right(root):
    units = sorted(path.name for path in (root / UNITS).iterdir())
    assert len(units) == 5
    done = run("systemd-analyze", "--man=no", "verify", *units,
               env={**os.environ, "SYSTEMD_UNIT_PATH": f"{root / UNITS}:"})
    ours = [line for line in done.stdout.splitlines() if "message-sender" in line]
    assert not ours and done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", EXPOSURE)
def test_exposure(root, unit):
    done = run("systemd-analyze", "security", "--offline=yes", root / UNITS / f"{unit}.service")
    level = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert level and float(level.group(1)) <= EXPOSURE[unit], done.stdout


def test_profile_is_right(root):
    done = run("apparmor_parser", "--skip-kernel-load", "--skip-cache",
               root / "etc/apparmor.d/message-sender")
    assert done.returncode == 0, done.stdout


def test_user_and_places(root, tmp_path):
    """/run for the web server to pass through, secrets for nobody but root and the service."""
    (tmp_path / "etc").mkdir()
    for kind in ("sysusers", "tmpfiles"):
        done = run(f"systemd-{kind}", f"--root={tmp_path}",
                   *(["--create"] if kind == "tmpfiles" else []),
                   root / f"usr/lib/{kind}.d/message-sender.conf")
        assert done.returncode == 0, done.stdout
    user = next(line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()
                if line.startswith("message-sender:"))
    assert user[5:] == ["/var/lib/message-sender", "/usr/sbin/nologin"]
    run_dir = (tmp_path / "run/message-sender").stat()
    assert (stat.S_IMODE(run_dir.st_mode), run_dir.st_uid) == (0o755, int(user[2]))
    # The group of this name, in here: the path of the secrets follows the prefix.
    secrets = pathlib.Path(f"{tmp_path}{root}/etc/message-sender/secrets").stat()
    assert (stat.S_IMODE(secrets.st_mode), secrets.st_uid, secrets.st_gid) == (
        0o2750, 0, int(user[3]))


def test_settings_file_is_right(root, tmp_path):
    """Also what is commented out in it, which shows the defaults."""
    shipped = (root / "etc/message-sender/message-sender.conf").read_text()
    for name, value in re.findall(r"^#([A-Z_]+)=(.*)$", shipped, re.MULTILINE):
        if not name.endswith("SERVICE_URL"):
            assert value == default_of(name), name
    conf = tmp_path / "conf"
    conf.write_text(re.sub(r"^#([A-Z_]+=)", r"\1", shipped, flags=re.MULTILINE))
    done = run(BUILD / "message-sender", "check-config", "--config", conf,
               env={"DATABASE_URL": "dbname=x"})
    assert done.returncode == 0, done.stdout


def test_time_outs_nest():
    """The caller's answer comes before the web server gives up, the drain ends before systemd
    kills."""
    wait = int(default_of("SYNC_WAIT_SECONDS"))
    service = (TOP / "conf/systemd/message-sender.service").read_text()
    lighttpd = (TOP / "conf/lighttpd/50-message-sender.conf").read_text()
    nginx = (TOP / "conf/nginx/snippet.conf").read_text()
    for text, pattern in ((lighttpd, r'"%s-timeout" *=> (\d+)'), (nginx, r"fastcgi_%s_timeout +(\d+)s")):
        connect, send, read = (
            int(re.search(pattern % word, text).group(1))
            for word in ("connect", "write" if text is lighttpd else "send", "read"))
        assert 0 < connect < send < wait < wait + 10 <= read
    drain = int(default_of("DRAIN_SECONDS"))
    compose = (TOP / "conf/container/compose.yaml").read_text()
    assert wait < drain
    assert int(re.search(r"TimeoutStopSec=(\d+)", service).group(1)) >= drain + 10
    assert int(re.search(r"stop_grace_period: (\d+)s", compose).group(1)) >= drain + 10


def test_web_servers_hold_what_may_be_in_flight():
    """2,000 requests, each a connection of a client and one to the service, and callers between them."""
    lighttpd = (TOP / "conf/lighttpd/50-message-sender.conf").read_text()
    readme = (TOP / "README.md").read_text()
    connections = int(re.search(r"^server.max-connections := (\d+)", lighttpd, re.M).group(1))
    assert connections >= 2000
    assert int(re.search(r"^server.max-fds +:= (\d+)", lighttpd, re.M).group(1)) >= 2 * connections
    told = re.findall(r"worker_connections (\d+)", readme + (TOP / "conf/nginx/site.conf").read_text())
    assert told and max(map(int, told)) >= 2 * 2000
    for path in ("conf/lighttpd/50-message-sender.conf", "conf/nginx/site.conf",
                 "conf/systemd/message-sender.socket"):
        backlog = re.search(r"backlog(?: +:= |=)(\d+)", (TOP / path).read_text(), re.I)
        assert int(backlog.group(1)) >= 2000, path


def test_limits_of_bodies_fit():
    """The service says 413 itself: the web servers take a little more than it does."""
    lighttpd = (TOP / "conf/lighttpd/50-message-sender.conf").read_text()
    nginx = (TOP / "conf/nginx/snippet.conf").read_text()
    for setting, sizes in {
            "MAX_BODY_BYTES": (r"^\tserver\.max-request-size = (\d+)",
                               r"^client_max_body_size +(\d+)k"),
            "MAX_BULK_BYTES": (r'bulk" \{\s+server\.max-request-size = (\d+)',
                               r"bulk \{\s+client_max_body_size +(\d+)k"),
            "MAX_WEBHOOK_BYTES": (r'whatsapp" \{\s+server\.max-request-size = (\d+)',
                                  r"whatsapp \{\s+client_max_body_size +(\d+)k")}.items():
        taken = int(default_of(setting))
        for text, size in zip((lighttpd, nginx), sizes):
            kib = int(re.search(size, text, re.MULTILINE).group(1))
            assert taken < kib * 1024 <= taken + 512 * 1024, (setting, size)


def test_management_is_nowhere_in_the_web_servers():
    for path in (TOP / "conf").rglob("*"):
        if path.is_file() and path.parent.name in ("lighttpd", "nginx"):
            assert "management.sock" not in path.read_text()


def complete(root, *line):
    """What bash offers for the last of these words."""
    script = (f"source {root}/usr/share/bash-completion/completions/message-sender; "
              f"COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _message_sender; "
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = run("bash", "-c", script, "bash", "message-sender", *line,
               env={"PATH": f"{BUILD}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout
    return done.stdout.split()


def test_completion(root):
    commands = {line.split()[0] for line in words("--help").splitlines()
                if re.match(r"  [a-z]", line)}
    assert set(complete(root, "")) == commands | {"--help", "--version"}
    assert complete(root, "serv") == ["serve"]
    assert {"status", "unknown", "replay"} <= set(complete(root, "queue", ""))
    assert complete(root, "queue", "stat") == ["status"]
    assert {"--config", "--help"} <= set(complete(root, "queue", "status", "--"))
    assert "--limit" not in complete(root, "queue", "status", "--")
    assert "--limit" in complete(root, "queue", "replay", "--")
    assert complete(root, "queue", "resolve", "--as", "") == ["sent", "failed", "resend"]


def test_maintainer_scripts_are_short_and_leave_the_database():
    scripts = [path for path in (TOP / "debian").iterdir()
               if path.suffix in (".preinst", ".postinst", ".prerm", ".postrm", ".config")]
    assert scripts
    lines = [line.strip() for path in scripts for line in path.read_text().splitlines()]
    ours = [line for line in lines if line and not line.startswith("#")]
    assert 0 < len(ours) <= 20
    for line in ours:
        assert not re.search(r"dropdb|psql|pg_dropcluster|DROP ", line), line
