"""What the results depend on: cores, kernel, disk, versions.  No names of hosts, no paths."""

import os
import platform
import subprocess
import time


def _output(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "?"
    return (done.stdout or done.stderr).strip()


def _processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def filesystem(path):
    return _output("stat", "-f", "-c", "%T", path).replace("ext2/ext3", "ext4")


def fsync_us(directory, seconds=2.0):
    """Microseconds for 8 KiB written in place and fdatasync()ed, as pg_test_fsync does it."""
    path = os.path.join(directory, "fsync-test")
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(fd, bytes(16 << 20), 0)
        os.fsync(fd)
        count, block, begin = 0, bytes(8192), time.monotonic()
        while (spent := time.monotonic() - begin) < seconds:
            os.pwrite(fd, block, 0)
            os.fdatasync(fd)
            count += 1
        return spent / count * 1e6
    finally:
        os.close(fd)
        os.unlink(path)


def commit(top):
    """The commit, with a + when the tree is not what was committed."""
    name = _output("git", "-C", top, "rev-parse", "--short=12", "HEAD")
    changed = _output("git", "-C", top, "status", "--porcelain", "--untracked-files=no")
    return name + ("+" if changed else "")


def facts(top, directory):
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / (1 << 20)
    return {
        "commit": commit(top),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": f"{len(os.sched_getaffinity(0))} ({_processor()})",
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "disk": f"{filesystem(directory)}, fdatasync of 8 KiB {fsync_us(directory):.0f} µs",
        "versions": ", ".join((
            "PostgreSQL " + _output("postgres", "--version").split(" ")[2],
            _output("lighttpd", "-v").split(" ")[0],
            _output("nginx", "-v").split(": ")[-1],
            _output("curl-config", "--version"),
        )),
    }
