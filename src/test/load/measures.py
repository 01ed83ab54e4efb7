"""Figures that the measurements here share: percentiles, and what /proc says of processes."""

import os

LISTENING = "0A"  # a state in /proc/net/tcp
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def percentile(values, share):
    """The smallest value that this share of all values does not exceed."""
    if not values:
        return float("nan")
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def status(pid):
    """The lines of /proc/<pid>/status by their names."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return dict(line.split(":", 1) for line in file if ":" in line)


def memory_kib(pid):
    """Resident memory of a process, now and at its highest, in KiB."""
    lines = status(pid)
    return int(lines["VmRSS"].split()[0]), int(lines["VmHWM"].split()[0])


def _stat(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        # The name of the command stands in parentheses and may hold anything.
        return file.read().rsplit(")", 1)[1].split()


def processor_seconds(pid):
    """Processor time of a process with all its threads, user and system together."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def compiler_seconds(pid):
    """Processor time of the threads of a JVM that compile; none where it is none."""
    ticks = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read()
            if name.startswith(("C1 Compiler", "C2 Compiler")):
                fields = _stat(f"{pid}/task/{task}")
                ticks += int(fields[11]) + int(fields[12])
        except (FileNotFoundError, ProcessLookupError):
            continue  # the JVM ends such threads when there is little to do
    return ticks / TICKS_A_SECOND


def family_processor_seconds(parent):
    """Processor time of a process, its children, and the children that have exited."""
    while True:
        own = _stat(parent)[11:15]
        ticks = sum(map(int, own))
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                fields = _stat(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue  # not there any more; if it was a child, the parent's figures say so
            if int(fields[1]) == parent:
                ticks += int(fields[11]) + int(fields[12])
        # A child that was buried meanwhile would be counted twice or not at all.
        if _stat(parent)[13:15] == own[2:]:
            return ticks / TICKS_A_SECOND


def listener(port):
    """The process that listens on a port of this machine, as far as this user may see it; else None."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as file:
            for fields in map(str.split, file):
                if fields[3] == LISTENING and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    sockets.add(f"socket:[{fields[9]}]")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(os.readlink(f"/proc/{pid}/fd/{fd}") in sockets for fd in os.listdir(f"/proc/{pid}/fd")):
                return int(pid)
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue  # somebody else's process, or a file that is closed by now
    return None
