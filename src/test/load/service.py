"""The packaged program as a process, and a connection to it over which requests go one after the other."""

import collections
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

import measures
from postgres import LOGIN, OWNER

PROGRAM = pathlib.Path(__file__).resolve().parents[3] / "target" / "quarkus-app" / "quarkus-run.jar"
STARTUP_SECONDS = 120
STOP_SECONDS = 30
ASK_AGAIN_SECONDS = 0.05
ANSWER_SECONDS = 60
LINES_OF_LOG = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings(postgres, database, secret, port=0, management_port=0):
    """Environment variables of the program, which has no other settings: what is measured is what is shipped."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("QUARKUS_", "CHATKEEP_"))}
    return own | {
        "QUARKUS_HTTP_HOST": "127.0.0.1", "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_MANAGEMENT_HOST": "127.0.0.1", "QUARKUS_MANAGEMENT_PORT": str(management_port),
        "QUARKUS_DATASOURCE_REACTIVE_URL": f"postgresql://127.0.0.1:{postgres.port}/{database}",
        "QUARKUS_DATASOURCE_USERNAME": LOGIN, "QUARKUS_DATASOURCE_PASSWORD": postgres.password,
        "QUARKUS_FLYWAY_USERNAME": OWNER, "QUARKUS_FLYWAY_PASSWORD": postgres.password,
        "CHATKEEP_AUTH_JWT_SECRET": secret,
        # Whatever the clock says, nothing is deleted while it is measured.
        "CHATKEEP_RETENTION_SCHEDULE": "off"}


def migrate(java, environment):
    done = subprocess.run([*java, "-jar", str(PROGRAM), "migrate"], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"The migrations failed: {done.stdout.strip()}")


def startup_caches(java):
    """Name and options of the caches that the build made, as far as this JVM takes them."""
    for name, option, insist in (("app-cds.jsa", "-XX:SharedArchiveFile=", "-Xshare:on"),
                                 ("app.aot", "-XX:AOTCache=", "-XX:AOTMode=on")):
        path = PROGRAM.parent / name
        if path.exists():
            options = [option + str(path)]
            tried = subprocess.run([*java, *options, insist, "-cp", str(PROGRAM), "-version"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, check=False)
            if not tried.returncode:
                yield name, options


class Service:
    """The program, started for one database."""

    def __init__(self, java, postgres, database, secret, log):
        port, management_port = free_port(), free_port()
        self.address, self.management = f"127.0.0.1:{port}", f"127.0.0.1:{management_port}"
        self.log = log
        with open(log, "wb") as file:
            self.process = subprocess.Popen([*java, "-jar", str(PROGRAM)], stdout=file, stderr=subprocess.STDOUT,
                                            start_new_session=True,
                                            env=settings(postgres, database, secret, port, management_port))
        self.pid = self.process.pid

    def await_ready(self):
        self._await(self.management, f"GET /q/health/ready HTTP/1.1\r\nHost: {self.management}\r\n\r\n".encode(),
                    "did not become ready")

    def await_answer(self, request):
        """Until a request is answered with 200."""
        self._await(self.address, request, "did not answer")

    def _await(self, address, request, complaint):
        end = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < end:
            self.require_alive()
            try:
                with Connection(address) as connection:
                    if connection.ask(request)[0] == 200:
                        return
            except OSError:
                pass  # it does not listen yet: that is what the next attempt is for
            time.sleep(ASK_AGAIN_SECONDS)
        sys.exit(f"The service {complaint}.\n{self.end_of_log()}")

    def require_alive(self):
        if self.process.poll() is not None:
            sys.exit(f"The service ended by itself with status {self.process.returncode}.\n{self.end_of_log()}")

    def end_of_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(collections.deque(file, LINES_OF_LOG))

    def processor_seconds(self):
        self.require_alive()
        return measures.processor_seconds(self.pid)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class OtherServer:
    """A server that somebody else started over the same database."""

    def __init__(self, address, pid):
        self.address, self.pid = address, pid

    def processor_seconds(self):
        return measures.processor_seconds(self.pid)

    def stop(self):
        """Who started it stops it."""


class Connection:
    """One connection that is kept, with as little of HTTP as keeps the client's own time small."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        """Status and body of the answer to a whole request."""
        self.socket.sendall(request)
        answer = self._more(b"")
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer = self._more(answer)
        length = re.search(rb"\r\ncontent-length: *(\d+)", answer[:end + 2], re.IGNORECASE)
        if length:
            whole = end + 4 + int(length.group(1))
            if len(answer) < whole:
                parts, missing = [answer], whole - len(answer)
                while missing:
                    parts.append(self._more(b""))
                    missing -= len(parts[-1])
                answer = b"".join(parts)
            return int(answer[9:12]), answer[end + 4:]
        if re.search(rb"\r\ntransfer-encoding: *chunked", answer[:end + 2], re.IGNORECASE):
            return int(answer[9:12]), self._chunks(answer[end + 4:])
        raise OSError("The answer says neither its length nor that it comes in chunks")

    def _chunks(self, rest):
        body = b""
        while True:
            while b"\r\n" not in rest:
                rest = self._more(rest)
            size, rest = rest.split(b"\r\n", 1)
            length = int(size.split(b";")[0], 16)
            while len(rest) < length + 2:
                rest = self._more(rest)
            body, rest = body + rest[:length], rest[length + 2:]
            if not length:
                return body

    def _more(self, received):
        part = self.socket.recv(1 << 18)
        if not part:
            raise OSError("The server hung up")
        return received + part

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
