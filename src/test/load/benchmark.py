#!/usr/bin/env python3
"""What does the service add to PostgreSQL, and what does it cost as data grows?

Starts a PostgreSQL and the packaged service, loads users with sessions and messages, and measures each case in
turn: through the service with wrk, and by pgbench, which sends the same database the statements that the service sends,
as the same login, with the same role and claims, in one flight; and, where there is one, what an expert would write by
hand for the same result (by_hand.py). Then it measures large uploads beside a bare insert of the same rows, how long a
start takes, and how single requests grow with the messages of a session, the sessions of a user and the messages in all.

    mvn verify -DskipTests
    python3 src/test/load/benchmark.py                               # all of it, in about 25 minutes
    python3 src/test/load/benchmark.py --users 100 --seconds 2       # small
    python3 src/test/load/benchmark.py --data ../benchmark         # keeps what was loaded for the next run
    python3 src/test/load/benchmark.py --only compare --cases read,append --connections 32
    python3 src/test/load/benchmark.py --docs docs/performance.md    # puts the results into the page

What it needs:
  - Linux, Python 3.9, PostgreSQL 15 or newer with pgbench (Debian: postgresql), wrk (Debian: wrk), and the packaged program.
    As root it runs PostgreSQL as the user postgres.
  - About 12 GB of disk at full size, in --data (twice as much) or a temporary directory; memory for PostgreSQL's
    --shared-buffers and for four JVMs.

How it measures:
  - The statements are those that the service was seen to send: PostgreSQL logs one request of each case. Before a case is
    measured, the service's answer to another user must have the rows that are stored.
  - A round is pgbench, then the service, --seconds each; ratios are of one round, and what is shown are medians of rounds.
    pgbench's first second (its connections are new) is not counted. Each request is another user's, at random.
  - Processor time is that of the service's process and of all of PostgreSQL's, divided by the requests.
  - After each round that writes, the number of rows has grown by exactly what was answered; in the end the sessions' own
    counts add up to the number of messages.
  - PostgreSQL has fsync and synchronous_commit on, as a server that keeps data; --no-fsync and --no-synchronous-commit
    change that. The load itself commits asynchronously.
  - Growth: one connection, the sizes in turn with each request. The messages in all stand in a database of their own for
    each size, each with a service of its own.
  - --server-url: another server that is running already answers the same requests over the same database instead
    of the service. Start this first: it prints where the database is and waits until the server listens. Processor time and
    memory are those of the one process that does.

Results go to --out (target/benchmark): results.json, results.md. Progress goes to standard error. Ctrl-C ends it all.
The exit status is 0 if all was measured and nothing was lost, else 1 (2 for wrong arguments).
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import statistics
import sys
import tempfile
import time
import typing
from urllib.parse import urlsplit

import by_hand
import measures
import population
import postgres as postgresql
import report
import service
import traffic
import uploads

HERE = pathlib.Path(__file__).resolve().parent
DEMO = HERE.parent / "resources" / "demo"
CASES = ("list", "list-all", "read", "sync-same", "append", "sync-new")
LOADED, RUN, GROWTH = "benchmark_loaded", "benchmark_run", "benchmark_growth"
PAGE = 20
ONE_PAGE = 10   # of the growth: the smallest has no more
SECRET = "only-for-measurements-0123456789abcdef"
SIZES = (10, 100, 1_000, 10_000)
TOTALS = (1_000, 10_000, 100_000, 1_000_000)
USERS_OF_SIZE, SESSIONS_OF_SIZE = 2, 25   # so many that what is appended to a session does not change its size much
LARGE_USERS, MANY_USERS = 100_000_000, 200_000_000   # where the users of the growth begin
MESSAGES_OF_USER, SESSIONS_OF_USER = 100, 5          # of each user where the messages in all grow
MOST_TOKENS = 1_000   # so many users are asked for; the service remembers the tokens of 5,000
OTHER_SERVER_SECONDS = 600
WARM_REQUESTS = 200                      # of each size of the growth
STARTS = 5
PATHS = ("--data", "--out", "--docs", "--java", "--pg-bin")
WARM_SECONDS, WARM_SHARE = 3, 0.05       # warm is what spends less than this share on compiling for so long


@dataclasses.dataclass
class Case:
    name: str
    title: str
    method: str
    path: str
    status: int
    body: typing.Optional[str] = None
    sessions_added: int = 0
    messages_added: int = 0
    goal: typing.Optional[float] = None   # of pgbench's rate, at 32 connections
    users: int = 0
    sessions: int = 0
    script: typing.Optional[traffic.Script] = None       # the statements of the service
    by_hand: typing.Optional[traffic.Script] = None      # what an expert would write for the same result
    hand_goal: typing.Optional[float] = None             # of that one's rate, at 32 connections

    @property
    def writes(self):
        return self.method == "POST"


def cases(options, spoken):
    questions, _ = spoken
    message = population.message("@N@_@U@", 0, population.LATER, [population.typical(questions)], None)
    same = population.conversation(population.session(0), 0, options.messages, spoken)
    new = population.conversation("@N@", 0, options.messages, spoken)

    def upload(conversation):
        return json.dumps({"conversations": [conversation]}, ensure_ascii=False)

    every = [
        Case("list", f"list {PAGE} of {options.sessions} sessions", "GET", f"/api/chat/sessions?limit={PAGE}", 200, hand_goal=0.85),
        Case("list-all", f"list {options.sessions} sessions", "GET", "/api/chat/sessions", 200),
        Case("read", f"read a session of {options.messages} messages", "GET",
             f"/api/chat/messages?session_id={population.SESSION_ID}", 200, hand_goal=0.85),
        Case("sync-same", f"sync {options.messages} messages that are there", "POST", "/api/chat/sync", 200, upload(same)),
        Case("append", "append a message", "POST", "/api/chat/messages", 201,
             json.dumps({"sessionId": population.SESSION_ID, "message": message}, ensure_ascii=False), 0, 1, 0.85,
             hand_goal=0.7),
        Case("sync-new", f"sync {options.messages} new messages", "POST", "/api/chat/sync", 200, upload(new), 1,
             options.messages),
    ]
    for case in every:
        case.users, case.sessions = options.users, options.sessions
    return every


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--sessions", type=int, default=100, help="of each user")
    parser.add_argument("--messages", type=int, default=20, help="of each session")
    parser.add_argument("--conversations", default=str(DEMO), help="whose texts are used: a file of JSON lines, or a directory")
    parser.add_argument("--connections", default="1,8,32")
    parser.add_argument("--cases", default=",".join(CASES), help="some of these: %(default)s")
    parser.add_argument("--only", choices=("compare", "uploads", "start", "growth"), help="one of the measurements")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="how long a round of one side lasts")
    parser.add_argument("--warm-up", type=int, default=60, help="seconds for each case at the most, until the JVM is warm")
    parser.add_argument("--growth-requests", type=int, default=400, help="of each size")
    parser.add_argument("--largest", type=int, default=TOTALS[-1], help="the most messages in all that the growth loads")
    parser.add_argument("--data", help="a directory that keeps the loaded database for the next run")
    parser.add_argument("--out", default="target/benchmark")
    parser.add_argument("--docs", help="a page to put the results into, between its two marks")
    parser.add_argument("--pg-bin", default=postgresql.newest_programs(), help="the directory of postgres, psql and pgbench")
    parser.add_argument("--pg-port", type=int, help="a free one by default")
    parser.add_argument("--shared-buffers", default="2GB")
    parser.add_argument("--no-fsync", action="store_true")
    parser.add_argument("--no-synchronous-commit", action="store_true")
    parser.add_argument("--java", default="java", help="the program that runs the service")
    parser.add_argument("--java-options", default="", help="of the service: -Xmx512m -Dquarkus.datasource.reactive.max-size=32")
    parser.add_argument("--server-url", help="another server, http://host:port, to measure instead of the service")
    options = parser.parse_args()
    for name, least, most in (("users", 1, 100_000), ("sessions", 1, 10_000), ("messages", 2, 10_000), ("rounds", 1, 100),
                              ("seconds", 1, 600), ("warm_up", 0, 600), ("growth_requests", 10, 10_000),
                              ("largest", TOTALS[0], TOTALS[-1])):
        if not least <= getattr(options, name) <= most:
            parser.error(f"--{name.replace('_', '-')} must be from {least} to {most}")
    options.cases = options.cases.split(",")
    if not set(options.cases) <= set(CASES):
        parser.error("--cases must be some of " + ",".join(CASES))
    try:
        options.connections = sorted({int(count) for count in options.connections.split(",")})
    except ValueError:
        parser.error("--connections must be numbers with commas")
    if not options.connections or not 1 <= options.connections[0] <= options.connections[-1] <= 100:
        parser.error("--connections must be from 1 to 100")
    if options.server_url:
        options.only = "compare"
        address = urlsplit(options.server_url)
        if address.scheme != "http" or address.hostname not in ("127.0.0.1", "localhost") or not address.port:
            parser.error("--server-url must be http://127.0.0.1:port")
        options.server_address = address.netloc
    if not options.pg_bin or not os.path.exists(os.path.join(options.pg_bin, "pgbench")):
        parser.error("there is no PostgreSQL with pgbench; name its directory with --pg-bin")
    for program in (options.java, "wrk"):
        if not shutil.which(program):
            parser.error(f"there is no {program} in PATH" + (" (Debian: apt install wrk)" if program == "wrk" else ""))
    if options.docs and not report.has_place(options.docs):
        parser.error(f"--docs: there is no {report.BEGIN} … {report.END} in {options.docs}")
    if not service.PROGRAM.exists():
        parser.error(f"{service.PROGRAM} is not there: mvn package -DskipTests")
    return options


def users_of_size(first, index):
    return range(first + USERS_OF_SIZE * index, first + USERS_OF_SIZE * (index + 1))


class Progress:
    """Says on standard error how far it is; lines that only pass are written over each other where somebody looks on."""

    def __init__(self):
        self.began = time.monotonic()
        self.passing = False

    def __call__(self, line, passing=False):
        looked_at = sys.stderr.isatty()
        if passing and not looked_at:
            return
        start = "\r\033[K" if self.passing else ""
        self.passing = passing
        seconds = int(time.monotonic() - self.began)
        print(f"{start}{seconds // 60:3}:{seconds % 60:02} {line}", end="" if passing else "\n", file=sys.stderr, flush=True)


class Benchmark:
    def __init__(self, options, say, stack, directory):
        self.options, self.say, self.stack, self.directory = options, say, stack, directory
        self.java = [options.java, *shlex.split(options.java_options)]
        self.spoken = population.texts(options.conversations)
        self.postgres = postgresql.Postgres(options.pg_bin, directory, options.pg_port or service.free_port(), {
            "shared_buffers": options.shared_buffers, "max_connections": 300, "max_wal_size": "8GB",
            "checkpoint_timeout": "15min", "fsync": "off" if options.no_fsync else "on",
            "synchronous_commit": "off" if options.no_synchronous_commit else "on"})
        self.issued = int(time.time()) - 60
        payload = population.claims(self.issued)
        self.tokens = [population.token(population.filled(payload, population.user(number)), SECRET)
                       for number in range(options.users)]

    def token(self, user):
        return population.token(population.filled(population.claims(self.issued), population.user(user)), SECRET)

    # --- Loading

    def loaded(self):
        """Fills the database that runs are copied from, unless an earlier run has."""
        self.postgres.start()
        self.stack.callback(self.postgres.stop)
        options, growth = self.options, self.options.only in (None, "growth")
        wanted = {"users": options.users, "sessions": options.sessions, "messages": options.messages,
                  "conversations": os.path.abspath(options.conversations), "growth": growth}
        note = os.path.join(self.directory, "loaded.json")
        if os.path.exists(note):
            with open(note, encoding="utf-8") as file:
                found = json.load(file)
            if found | {"growth": wanted["growth"]} != wanted or growth and not found["growth"]:
                sys.exit(f"{self.directory} holds other data than is asked for ({found}); take another directory.")
            self.say(f"What was loaded into {self.directory} is used again")
            return
        loader = self.create(LOADED)
        self.say(f"Loading {options.users:,} users with {options.sessions:,} sessions of {options.messages:,} messages")
        loader.load(LOADED, range(options.users), options.sessions, options.messages)
        if growth:
            for index, size in enumerate(SIZES):
                self.say(f"Loading {USERS_OF_SIZE * SESSIONS_OF_SIZE} sessions of {size:,} messages, and {USERS_OF_SIZE} users"
                         f" of {size:,} sessions")
                loader.load(LOADED, users_of_size(LARGE_USERS, index), SESSIONS_OF_SIZE, size)
                loader.load(LOADED, users_of_size(MANY_USERS, index), size, 2)
        loader.settle(LOADED)
        with open(note, "w", encoding="utf-8") as file:
            json.dump(wanted, file)

    def create(self, database):
        self.postgres.sql("postgres", f"drop database if exists {database} with (force)",
                          f"create database {database} owner {postgresql.OWNER}")
        service.migrate(self.java, service.settings(self.postgres, database, SECRET))
        return population.Loader(self.postgres, self.spoken, self.issued, self.say)

    # --- Serving

    def serve(self, database):
        instance = service.Service(self.java, self.postgres, database, SECRET, os.path.join(self.directory, f"{database}.log"))
        self.stack.callback(instance.stop)
        instance.await_ready()
        return instance

    def http(self, case, address, user, session, fresh):
        """A whole request, with everything filled in."""
        text = traffic.request(case, address).replace("@T@", self.token(user))
        return population.filled(text, population.user(user), population.session(session), fresh).encode()

    def capture(self, case, instance):
        """What the service sends for this case, as a template."""
        user, session, fresh = 0, 0, random.randint(*population.FRESH)
        with self.postgres.transactions(postgresql.LOGIN) as sent, service.Connection(instance.address) as connection:
            status, body = connection.ask(self.http(case, instance.address, user, session, fresh))
        if status != case.status:
            sys.exit(f"{case.name}: {status} {body[:500]!r}")
        numbers = {population.user(user): "@U@", population.session(session): "@S@", str(fresh): "@N@"}
        # What does not differ from request to request must not in pgbench either.
        numbers = {number: mark for number, mark in numbers.items() if mark == "@U@" or mark in case.path + (case.body or "")}

        def template(value):
            for number, mark in numbers.items():
                value = value and value.replace(number, mark)
            return value

        # The jobs of the service have transactions as well; those of the request name its user.
        statements = [(sql, [template(value) for value in parameters]) for transaction in sent
                      if any(population.user(user) in (value or "") for _, values in transaction for value in values)
                      for sql, parameters in transaction]
        if not statements:
            sys.exit(f"{case.name}: no transaction of the request was logged")
        return statements

    def written_by_hand(self, case, sent):
        """As the expert would send it: with the beginning and the end of the service's transaction."""
        message = json.loads(case.body)["message"] if case.name == "append" else None
        statements = by_hand.statements(case, population.USER_ID, PAGE, message)
        if statements is None:
            return None
        taken_on = [each for each in sent if "set_config" in each[0]]
        return traffic.Script(self.postgres, RUN, [sent[0], *taken_on, *statements, sent[-1]])

    def check(self, case, instance):
        """The service answers with the rows that are stored, and writes store what they should, on both sides."""
        user, session = case.users - 1, case.sessions - 1
        before = self.rows() if case.writes else None
        with service.Connection(instance.address) as connection:
            status, body = connection.ask(self.http(case, instance.address, user, session, random.randint(*population.FRESH)))
        if status != case.status:
            sys.exit(f"{case.name}: {status} {body[:500]!r}")
        if not case.writes:
            self.check_rows(case, json.loads(body), user, session)
            return
        if case.path.endswith("sync") and json.loads(body)["results"]["synced"] != 1:
            sys.exit(f"{case.name}: {body[:500]!r}")
        self.expect_growth(case, before, 1, "the service")
        for script in filter(None, (case.script, case.by_hand)):
            before = self.rows()
            traffic.Pgbench(self.postgres, RUN).once(case, script)
            self.expect_growth(case, before, 1, "pgbench")

    def check_rows(self, case, answer, user, session):
        """By plain SQL, beyond the statements of the service."""
        owner = population.filled(population.USER_ID, population.user(user))
        if "sessions" in answer:
            limit = f"limit {PAGE}" if case.name == "list" else ""
            ids = self.postgres.sql(RUN, f"""select json_agg(id order by updated_at desc) from (select id, updated_at
                from chat_sessions where user_id = '{owner}' order by updated_at desc {limit}) s""")
            found = [each["id"] for each in answer["sessions"]]
        else:
            name = population.filled(population.SESSION_ID, population.user(user), population.session(session))
            ids = self.postgres.sql(RUN, f"""select json_agg(id order by message_timestamp)
                from chat_messages where user_id = '{owner}' and session_id = '{name}'""")
            found = [each["id"] for each in answer["messages"]]
        if found != json.loads(ids) or not found:
            sys.exit(f"{case.name}: the answer has {len(found)} rows, and not those that are stored")

    def rows(self):
        found = self.postgres.sql(RUN, "select (select count(*) from chat_sessions), (select count(*) from chat_messages)")
        return tuple(map(int, found.split("|")))

    def expect_growth(self, case, before, requests, who):
        sessions, messages = (now - then for now, then in zip(self.rows(), before))
        if (sessions, messages) != (requests * case.sessions_added, requests * case.messages_added):
            sys.exit(f"{case.name}: {who} had {requests} requests answered, which stored {sessions} sessions and"
                     f" {messages} messages")

    # --- The service beside pgbench

    def compare(self):
        options = self.options
        chosen = [case for case in cases(options, self.spoken) if case.name in options.cases]

        instance = self.serve(RUN)
        for case in chosen:
            sent = self.capture(case, instance)
            case.script = traffic.Script(self.postgres, RUN, sent)
            case.by_hand = self.written_by_hand(case, sent)
        if options.server_url:
            instance.stop()
            instance = self.other_server()
        wrk = traffic.Wrk(instance.address, self.tokens, self.directory)
        pgbench = traffic.Pgbench(self.postgres, RUN)
        self.postgres.sql(RUN, *by_hand.RIGHTS)
        for case in chosen:
            self.say(f"Checking and warming up: {case.title}")
            self.check(case, instance)
            self.warm_up(case, instance, wrk)

        results = []
        for case in chosen:
            self.postgres.sql(RUN, "checkpoint")
            for connections in options.connections:
                runs = {"pgbench": lambda: pgbench.run(case, case.script, connections, options.seconds),
                        "by hand": lambda: pgbench.run(case, case.by_hand, connections, options.seconds),
                        "service": lambda: wrk.run(case, connections, options.seconds, instance, self.postgres)}
                if not case.by_hand:
                    del runs["by hand"]
                sides = {side: [] for side in runs}
                for number in range(options.rounds):
                    for side, run in runs.items():
                        self.say(f"{case.title}, {connections} connections, round {number + 1}: {side}", passing=True)
                        before = self.rows() if case.writes else None
                        sides[side].append(run())
                        if case.writes:
                            self.expect_growth(case, before, sides[side][-1].requests, side)
                resident, highest = measures.memory_kib(instance.pid)
                results.append(self.summary(case, connections, sides, resident, highest))
                self.say(report.progress(results[-1]))
        counted, stored = map(int, self.postgres.sql(RUN, """select (select sum(message_count) from chat_sessions),
            (select count(*) from chat_messages where error_message is null)""").split("|"))
        if counted != stored:
            sys.exit(f"The sessions count {counted} messages, and {stored} are stored.")
        statements = {case.name: [sql for sql, _, _ in case.script.statements] for case in chosen}
        return {"results": results, "stored_messages": stored, "statements": statements}, instance

    def warm_up(self, case, instance, wrk):
        """Until the JVM compiles next to nothing any more, or the time for it is over."""
        spent = 0
        while spent < self.options.warm_up:
            compiling, working = measures.compiler_seconds(instance.pid), measures.processor_seconds(instance.pid)
            wrk.run(case, min(16, self.options.connections[-1]), WARM_SECONDS, instance, self.postgres)
            spent += WARM_SECONDS
            compiling = measures.compiler_seconds(instance.pid) - compiling
            if compiling < WARM_SHARE * (measures.processor_seconds(instance.pid) - working):
                return
        if spent:
            self.say(f"  the JVM was still compiling after {spent} s")

    def other_server(self):
        """Waits for the server that the options name."""
        print(f"The database is postgresql://127.0.0.1:{self.postgres.port}/{RUN}, its login {postgresql.LOGIN} (owner"
              f" {postgresql.OWNER}), both with the password {self.postgres.password}; tokens are signed with HS256 and the"
              f" secret {SECRET}.\nWaiting for {self.options.server_url} ...", flush=True)
        end = time.monotonic() + OTHER_SERVER_SECONDS
        while not (pid := measures.listener(urlsplit(self.options.server_url).port)):
            if time.monotonic() > end:
                sys.exit(f"Nothing that can be seen listens at {self.options.server_url}")
            time.sleep(1)
        return service.OtherServer(self.options.server_address, pid)

    def summary(self, case, connections, sides, resident, highest):
        def medians(runs):
            return {field.name: statistics.median(getattr(run, field.name) for run in runs)
                    for field in dataclasses.fields(traffic.Run)}

        def ratios(other):
            return [served.rate / bare.rate for served, bare in zip(sides["service"], sides.get(other, []))]

        return {"case": case.name, "title": case.title, "connections": connections,
                **{side: medians(runs) for side, runs in sides.items()},
                "ratio": statistics.median(ratios("pgbench")), "ratios": ratios("pgbench"),
                "goal": case.goal if connections == 32 else None,
                "hand_ratios": ratios("by hand"), "hand_goal": case.hand_goal if connections == 32 else None, "resident_kib": resident, "highest_kib": highest,
                "rounds": {side: [dataclasses.asdict(run) for run in runs] for side, runs in sides.items()}}

    # --- Starts

    def starts(self):
        """Seconds from the start of the process to the first answer to a user, with the schema up to date."""
        user = 0
        self.postgres.sql(RUN, "checkpoint")
        read = Case("list", "list a session", "GET", "/api/chat/sessions?limit=1", 200)
        results = []
        for name, options in (("no cache", []), *service.startup_caches(self.java)):
            self.say(f"Starting {STARTS} times: {name}")
            took, resident = [], []
            for _ in range(STARTS):
                began = time.monotonic()
                instance = service.Service([*self.java, *options], self.postgres, RUN, SECRET,
                                           os.path.join(self.directory, "start.log"))
                self.stack.callback(instance.stop)
                instance.await_answer(self.http(read, instance.address, user, 0, 0))
                took.append(time.monotonic() - began)
                resident.append(measures.memory_kib(instance.pid)[0])
                instance.stop()
            results.append({"cache": name, "seconds": took, "resident_kib": statistics.median(resident)})
        return results

    # --- Growth

    def growth(self, instance):
        questions, _ = self.spoken
        message = population.message("@N@_@U@", 0, population.LATER, [population.typical(questions)], None)
        append = Case("append", "append a message", "POST", "/api/chat/messages", 201,
                      json.dumps({"sessionId": population.SESSION_ID, "message": message}, ensure_ascii=False))
        read = Case("read", f"read the first {ONE_PAGE} messages", "GET",
                    f"/api/chat/messages?session_id={population.SESSION_ID}&limit={ONE_PAGE}", 200)
        list_ = Case("list", f"list the newest {ONE_PAGE} sessions", "GET", f"/api/chat/sessions?limit={ONE_PAGE}", 200)
        instance = instance or self.serve(RUN)

        def places_of_size(first, sessions):
            return [(size, instance.address, users_of_size(first, index), sessions(size)) for index, size in enumerate(SIZES)]

        ordinary = range(self.options.users), self.options.sessions
        results = [self.grow("messages of a session", case, places_of_size(LARGE_USERS, lambda size: SESSIONS_OF_SIZE), ordinary)
                   for case in (list_, read, append)]
        results += [self.grow("sessions of a user", case, places_of_size(MANY_USERS, lambda size: size), ordinary)
                    for case in (list_, read, append)]
        instance.stop()
        places = [(total, self.serve(database).address, range(min(MOST_TOKENS, total // MESSAGES_OF_USER)), SESSIONS_OF_USER)
                  for total, database in self.total_databases()]
        results += [self.grow("messages in all", case, places) for case in (list_, read, append)]
        return results

    def total_databases(self):
        """A database for each size: the largest grows step by step, and the others are copies of it on the way."""
        loader, there, found = self.create(GROWTH), 0, []
        totals = [total for total in TOTALS if total <= self.options.largest]
        for total in totals:
            self.say(f"Loading {total:,} messages in all")
            users = total // MESSAGES_OF_USER
            loader.load(GROWTH, range(there, users), SESSIONS_OF_USER, MESSAGES_OF_USER // SESSIONS_OF_USER)
            loader.settle(GROWTH)
            there = users
            database = GROWTH if total == totals[-1] else f"{GROWTH}_{total}"
            if database != GROWTH:
                self.postgres.copy(GROWTH, database)
            found.append((total, database))
        return found

    def grow(self, dimension, case, places, ordinary=None):
        """One request to each place in turn, so that all of them see the same noise.

        places: size, address, users and sessions of each; ordinary: users and sessions of each to warm up with instead.
        """
        self.say(f"Growth with the {dimension}: {case.title}")
        took = [[] for _ in places]
        tokens = functools.cache(self.token)
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(service.Connection(address)) for _, address, _, _ in places]
            for number in range(-WARM_REQUESTS, self.options.growth_requests):
                for index, (size, address, users, sessions) in enumerate(places):
                    if number < 0 and ordinary:
                        # Warming up must not make small sessions large.
                        users, sessions = ordinary
                    user = random.choice(users)
                    request = population.filled(
                        traffic.request(case, address).replace("@T@", tokens(user)), population.user(user),
                        population.session(random.randrange(sessions)), random.randint(*population.FRESH)).encode()
                    began = time.perf_counter()
                    status, body = connections[index].ask(request)
                    seconds = time.perf_counter() - began
                    if status != case.status:
                        sys.exit(f"{case.title}, {size}: {status} {body[:300]!r}")
                    if number >= 0:
                        took[index].append(seconds * 1e3)
        figures = [{"size": size, "p50": measures.percentile(values, 50), "p99": measures.percentile(values, 99)}
                   for (size, _, _, _), values in zip(places, took)]
        for figure in figures:
            figure["ratio"] = figure["p50"] / figures[0]["p50"]
        return {"dimension": dimension, "case": case.name, "title": case.title, "requests": self.options.growth_requests,
                "sizes": figures}

    def run(self):
        self.loaded()
        if self.options.data:
            self.say("Copying the loaded database")
            self.postgres.copy(LOADED, RUN)
        else:
            self.postgres.sql("postgres", f"alter database {LOADED} rename to {RUN}")
        instance, outcome = None, {}
        if self.options.only in (None, "compare"):
            outcome, instance = self.compare()
        if self.options.only in (None, "uploads") and not self.options.server_url:
            instance = instance or self.serve(RUN)
            outcome["uploads"] = uploads.Uploads(self.postgres, RUN, instance, self.token(0), self.spoken, self.say).measure()
        if self.options.only in (None, "growth"):
            outcome["growth"] = self.growth(instance)
        elif instance:
            instance.stop()
        if self.options.only in (None, "start") and not self.options.server_url:
            outcome["starts"] = self.starts()
        return outcome


def without_paths(arguments):
    """What was asked for, without where that is on this machine."""
    kept, skip = [], False
    for argument in arguments:
        name = argument.split("=")[0]
        if not skip and name not in PATHS:
            kept.append(argument)
        skip = name in PATHS and "=" not in argument
    return kept


def interrupted(number, _):
    raise SystemExit(128 + number)


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, interrupted)
    say = Progress()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        if options.data:
            directory = os.path.abspath(options.data)
            os.makedirs(directory, exist_ok=True)
        else:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="chatkeep-benchmark-"))
        os.chmod(directory, 0o711)  # as root, PostgreSQL's user passes through it
        benchmark = Benchmark(options, say, stack, directory)
        outcome = benchmark.run()
        outcome["machine"] = report.machine(benchmark.postgres, benchmark.java)
        settings = ("shared_buffers", "fsync", "synchronous_commit", "max_wal_size")
        outcome["postgres_settings"] = {name: benchmark.postgres.sql(RUN, f"show {name}") for name in settings}
    outcome["parameters"] = {name: value for name, value in vars(options).items()}
    outcome["command"] = shlex.join(["python3", "src/test/load/benchmark.py", *without_paths(sys.argv[1:])])
    outcome["minutes"] = (time.monotonic() - began) / 60
    report.write(outcome, pathlib.Path(options.out), options.docs)
    print(report.text(outcome))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
