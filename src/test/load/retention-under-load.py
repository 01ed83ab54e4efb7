#!/usr/bin/env python3
"""How much slower are requests while the retention deletes?

Inserts expired entries of the activity log by SQL (a million by default), asks the service for its sessions and sends
it messages, first in peace and then while POST /api/admin/maintenance/cleanup deletes the entries, and prints the 50th
and 99th percentile of both and their ratio.

    PGPASSWORD=... retention-under-load.py --db-port 5432 --db-name chatkeep --db-user chatkeep_owner \\
        --url http://127.0.0.1:8080 --token-file .chatkeep/token --admin-token-file .chatkeep/admin-token

What it needs:
  - Python 3.9 and psql; nothing else.
  - --db-*: a login that may insert into public.user_activity_log: the owner of the schema or a superuser. The password
    comes from PGPASSWORD or ~/.pgpass. Not a database that anybody needs: everything older than --days is deleted.
  - --token-file: the token of a user; --admin-token-file: that of an administrator ({"app_metadata": {"role": "admin"}}
    in its claims). Both must outlive the run.

It talks to this machine only, and it is bounded: --rows at most 2,000,000; each phase ends after --seconds (at most 600)
or 100,000 requests, the second one also with the cleanup. The session that the messages go to is deleted in the end;
their usage stays counted. The exit status is 0 if all requests were answered as they should be, 1 otherwise.
"""

import argparse
import base64
import http.client
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from urllib.parse import urlsplit

from measures import percentile

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
MOST_ROWS = 2_000_000
MOST_SECONDS = 600
MOST_REQUESTS = 100_000
ROWS_A_STATEMENT = 100_000
ANSWER_SECONDS = 60
KINDS = ("GET /api/chat/sessions", "POST /api/chat/messages")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db-host", default="127.0.0.1")
    parser.add_argument("--db-port", type=int, default=5432)
    parser.add_argument("--db-name", default="chatkeep")
    parser.add_argument("--db-user", default="chatkeep_owner")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--token-file", required=True)
    parser.add_argument("--admin-token-file", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000, help="expired entries to insert")
    parser.add_argument("--days", type=int, default=90, help="days that the cleanup keeps")
    parser.add_argument("--rate", type=int, default=40, help="requests a second, of both kinds together")
    parser.add_argument("--workers", type=int, default=4, help="connections that they are sent over")
    parser.add_argument("--seconds", type=int, default=30, help="how long a phase lasts at most")
    options = parser.parse_args()
    for name, least, most in (("rows", 1, MOST_ROWS), ("days", 1, 36_500), ("rate", 1, 1_000), ("workers", 1, 64),
                              ("seconds", 1, MOST_SECONDS)):
        if not least <= getattr(options, name) <= most:
            parser.error(f"--{name} must be from {least} to {most}")
    if options.db_host not in LOOPBACK or urlsplit(options.url).hostname not in LOOPBACK:
        parser.error("database and service must be on this machine")
    if urlsplit(options.url).scheme != "http":
        parser.error("--url must begin with http://")
    return options


def token(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def subject(jwt):
    payload = jwt.split(".")[1]
    return str(uuid.UUID(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]))


def sql(options, statement):
    """Runs a statement and returns what it prints."""
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", options.db_host, "-p", str(options.db_port),
               "-U", options.db_user, "-d", options.db_name, "-c", statement]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=300,
                          env=os.environ | {"PGCONNECT_TIMEOUT": "10"}).stdout.strip()


class Client:
    """One connection that is kept."""

    def __init__(self, options, jwt, timeout=ANSWER_SECONDS):
        address = urlsplit(options.url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=timeout)
        self.headers = {"Authorization": "Bearer " + jwt, "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return 0, str(error).encode()

    def must(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        if status not in (200, 201):
            sys.exit(f"{method} {path}: {status} {answer[:300]!r}")
        return json.loads(answer)


def phase(options, jwt, session, until):
    """Sends both kinds of request in turn at the given rate; returns the seconds of each answer by kind, and failures."""
    seconds = {kind: [] for kind in KINDS}
    failures = []
    numbers = itertools.count()
    lock = threading.Lock()
    start = time.perf_counter()

    def work():
        client = Client(options, jwt)
        while True:
            with lock:
                number = next(numbers)
            due = start + number / options.rate
            if number >= MOST_REQUESTS or due - start > options.seconds or until.is_set():
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            kind = KINDS[number % 2]
            if number % 2 == 0:
                body, expected = None, 200
            else:
                body, expected = {"sessionId": session, "message": {
                    "id": str(uuid.uuid4()), "role": "user", "content": "Hello!", "input_tokens": 2}}, 201
            began = time.perf_counter()
            status, answer = client.call(*kind.split(" "), body)
            # From when it was due: a request that waited for its turn behind a slow one was slow as well.
            took = time.perf_counter() - min(began, due)
            with lock:
                seconds[kind].append(took)
                if status != expected:
                    failures.append(f"{kind}: {status} {answer[:200]!r}")

    workers = [threading.Thread(target=work) for _ in range(options.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return seconds, failures


def main():
    options = arguments()
    jwt, admin = token(options.token_file), token(options.admin_token_file)
    user = subject(jwt)
    client = Client(options, jwt)
    client.must("POST", "/api/auth/session")
    session = "load_" + uuid.uuid4().hex
    client.must("POST", "/api/chat/sessions", {"id": session, "title": "Retention under load"})
    try:
        print(f"Inserting {options.rows} expired entries ...", flush=True)
        for first in range(0, options.rows, ROWS_A_STATEMENT):
            count = min(ROWS_A_STATEMENT, options.rows - first)
            sql(options, f"""
                insert into public.user_activity_log (user_id, action, resource_type, details, timestamp)
                select '{user}', 'load', 'system', jsonb_build_object('number', i),
                       now() - make_interval(days => {options.days + 1}, secs => i)
                  from generate_series({first + 1}, {first + count}) i""")
        sql(options, "analyze public.user_activity_log")

        never = threading.Event()
        print("Warming up ...", flush=True)
        warm = argparse.Namespace(**vars(options) | {"seconds": min(5, options.seconds)})
        phase(warm, jwt, session, never)
        print("Measuring in peace ...", flush=True)
        before, failures = phase(options, jwt, session, never)

        print("Measuring while the retention deletes ...", flush=True)
        cleaned = threading.Event()
        outcome = {}

        def clean():
            began = time.perf_counter()
            outcome["answer"] = Client(options, admin, MOST_SECONDS).call(
                "POST", "/api/admin/maintenance/cleanup", {"days_to_keep": options.days})
            outcome["seconds"] = time.perf_counter() - began
            cleaned.set()

        cleanup = threading.Thread(target=clean, daemon=True)
        cleanup.start()
        during, more = phase(options, jwt, session, cleaned)
        failures += more
        covered = not cleaned.is_set()
        cleanup.join(MOST_SECONDS)
    finally:
        client.call("DELETE", "/api/chat/sessions?id=" + session)

    status, answer = outcome.get("answer", (0, b"no answer"))
    left = sql(options, f"select count(*) from public.user_activity_log where user_id = '{user}' and action = 'load'")
    print(f"Cleanup: {status} after {outcome.get('seconds', float('nan')):.1f} s, {left} entries left"
          + (" (it went on after the measurement)" if covered else ""))
    print(f"         {answer[:400].decode(errors='replace')}")
    print(f"{'':28}{'requests':>10}{'p50 ms':>10}{'p99 ms':>10}{'requests':>12}{'p50 ms':>10}{'p99 ms':>10}{'p99 ratio':>11}")
    for kind in KINDS:
        peace, load = before[kind], during[kind]
        print(f"{kind:28}{len(peace):>10}{percentile(peace, 50) * 1e3:>10.1f}{percentile(peace, 99) * 1e3:>10.1f}"
              f"{len(load):>12}{percentile(load, 50) * 1e3:>10.1f}{percentile(load, 99) * 1e3:>10.1f}"
              f"{percentile(load, 99) / percentile(peace, 99):>11.2f}")
    for failure in failures[:10]:
        print(failure, file=sys.stderr)
    ok = not failures and status == 200 and left == "0"
    print("All requests were answered." if ok else f"{len(failures)} requests failed.")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
