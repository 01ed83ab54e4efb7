"""A PostgreSQL of its own for a measurement, with the settings of a server that keeps data."""

import contextlib
import csv
import glob
import io
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time

import measures

OWNER, LOGIN, SUPERUSER = "chatkeep_owner", "chatkeep_app", "postgres"
STARTUP_SECONDS = 60
STOP_SECONDS = 120
RELOAD_SECONDS = 0.5  # until sessions know of a setting, and until the collector has written what they logged
# Where the columns stand that are read of csvlog; they are the same from PostgreSQL 13 on.
LOG_USER, LOG_SESSION, LOG_MESSAGE, LOG_DETAIL = 1, 5, 13, 14
LOG_COLUMNS = 23


def newest_programs():
    """The directory of the newest PostgreSQL that Debian's packages brought, or of the one in PATH; None without."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
    program = found[-1] if found else shutil.which("postgres")
    return program and os.path.dirname(program)


def unprivileged():
    """How subprocess starts a program that refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(SUPERUSER)
    except KeyError:
        sys.exit(f"PostgreSQL does not run as root, and there is no user {SUPERUSER} to run it as.")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """The server process and its programs. Passwords are made up once for a directory."""

    def __init__(self, programs, directory, port, settings):
        self.programs, self.port = programs, port
        self.directory = os.path.join(directory, "postgres")
        self.data, self.logs = (os.path.join(self.directory, name) for name in ("data", "logs"))
        self.settings = settings
        self.process = None
        password_file = os.path.join(self.directory, "password")
        if not os.path.exists(password_file):
            os.makedirs(self.directory, mode=0o700)
            with open(os.open(password_file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_hex(16))
            if os.geteuid() == 0:
                user = pwd.getpwnam(SUPERUSER)
                for path in (self.directory, password_file):
                    os.chown(path, user.pw_uid, user.pw_gid)
            self._run("initdb", "-D", self.data, "-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile", password_file,
                      "-E", "UTF8", "--no-locale", "--no-sync", **unprivileged())
        with open(password_file, encoding="ascii") as file:
            self.password = file.read().strip()

    def start(self):
        command = [os.path.join(self.programs, "postgres"), "-D", self.data]
        fixed = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
                 "logging_collector": "on", "log_destination": "csvlog", "log_directory": self.logs,
                 "log_filename": "postgres-%Y%m%d-%H%M%S", "log_rotation_size": 0, "cluster_name": "chatkeep-benchmark"}
        for name, value in (self.settings | fixed).items():
            command += ["-c", f"{name}={value}"]
        # A group of its own: Ctrl-C is for the script, which then stops the service before its database.
        self.process = subprocess.Popen(command, start_new_session=True, cwd="/", stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, **unprivileged())
        end = time.monotonic() + STARTUP_SECONDS
        while subprocess.run([os.path.join(self.programs, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                             check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                sys.exit(f"PostgreSQL did not start, see {self.logs}")
            time.sleep(0.2)
        for name, attributes in ((OWNER, "login createrole"), (LOGIN, "login noinherit")):
            self.sql("postgres", f"""
                do $$ begin create role {name} {attributes}; exception when duplicate_object then null; end $$;
                alter role {name} password '{self.password}'""")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def environment(self):
        return os.environ | {"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "10", "PGCLIENTENCODING": "UTF8",
                             "PGOPTIONS": ""}

    def command(self, program, database, user, *arguments):
        """How one of PostgreSQL's programs is called for a database."""
        return [os.path.join(self.programs, program), "-h", "127.0.0.1", "-p", str(self.port), "-U", user, *arguments, database]

    def psql(self, database, script, user=SUPERUSER):
        """Runs a script and returns what it prints, without the last line feed."""
        done = subprocess.run(self.command("psql", database, user, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                              input=script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                              env=self.environment(), check=False)
        if done.returncode:
            sys.exit(f"{done.stderr.strip()}\nin: {script.strip()[:500]}")
        return done.stdout.rstrip("\n")

    def sql(self, database, *statements):
        """Runs statements as the superuser, whom row-level security does not bind."""
        return self.psql(database, ";\n".join(statements) + ";\n")

    def copy(self, source, target):
        """Makes a database a copy of another one, file by file."""
        self.sql("postgres", f"drop database if exists {target} with (force)",
                 f"create database {target} template {source} owner {OWNER} strategy file_copy")

    def processor_seconds(self):
        return measures.family_processor_seconds(self.process.pid)

    def version(self):
        return self.sql("postgres", "show server_version")

    def _run(self, program, *arguments, **how):
        done = subprocess.run([os.path.join(self.programs, program), *arguments], stdout=subprocess.PIPE, cwd="/",
                              stderr=subprocess.STDOUT, text=True, check=False, **how)
        if done.returncode:
            sys.exit(f"{program}: {done.stdout.strip()}")

    # --- What the service sends

    @contextlib.contextmanager
    def transactions(self, user):
        """Writes every statement to the log for a while; afterwards the list holds what this user sent.

        That is, for each transaction a list of (SQL, [parameters]).
        """
        found = []
        log = max(glob.glob(os.path.join(self.logs, "*.csv")))
        self.sql("postgres", "alter system set log_statement = 'all'", "select pg_reload_conf()")
        time.sleep(RELOAD_SECONDS)
        start = os.path.getsize(log)
        try:
            yield found
        finally:
            self.sql("postgres", "alter system reset log_statement", "select pg_reload_conf()")
        time.sleep(RELOAD_SECONDS)
        with open(log, encoding="utf-8", newline="") as file:
            file.seek(start)
            rows = list(csv.reader(io.StringIO(file.read())))
        sessions = {}
        for row in rows:
            statement = len(row) >= LOG_COLUMNS and row[LOG_USER] == user and re.match(
                r"(?:execute [^:]*|statement): (.*)", row[LOG_MESSAGE], re.DOTALL)
            if not statement:
                continue
            transaction = sessions.setdefault(row[LOG_SESSION], [])
            transaction.append((statement.group(1), _parameters(row[LOG_DETAIL])))
            first, last = (transaction[index][0].lower() for index in (0, -1))
            if last == "commit" or not first.startswith("begin"):
                found.append(sessions.pop(row[LOG_SESSION]))


def _parameters(detail):
    """The values in a line like: parameters: $1 = 'a', $2 = NULL"""
    if not detail.lower().startswith("parameters: "):
        return []
    found = re.findall(r"\$\d+ = (NULL|'(?:[^']|'')*')(?:, |$)", detail)
    return [None if value == "NULL" else value[1:-1].replace("''", "'") for value in found]


def literal(value):
    """A value as it stands in SQL, with standard_conforming_strings."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"
