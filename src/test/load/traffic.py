"""The two generators of load: wrk asks the service, pgbench sends PostgreSQL the statements that the service sends."""

import array
import dataclasses
import glob
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

import measures
import population
from postgres import LOGIN

WARM_SECONDS = 1   # pgbench's connections are new each time, the service's are not
DRAIN_SECONDS = 2  # traffic.lua begins no request in wrk's last seconds
MARKS = re.compile("@([USNT])@")


@dataclasses.dataclass
class Run:
    """What one round of one side showed; times in milliseconds, processor times of one request."""
    rate: float
    p50: float
    p99: float
    database_cpu: float
    generator_cpu: float
    requests: int
    service_cpu: float = 0.0


def _children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def request(case, host):
    """The whole request as a template, with @T@ for the token."""
    head = (f"{case.method} {case.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer @T@\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: application/json\r\n")
    if case.body is None:
        return head + "\r\n"
    # The numbers have one width, so any of them tells the length.
    body = population.filled(case.body, population.user(0), population.session(0), population.FRESH[0])
    return head + f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n" + case.body


# --- wrk


class Wrk:
    def __init__(self, address, tokens, directory):
        self.address, self.directory = address, directory
        self.tokens = os.path.join(directory, "tokens")
        with open(self.tokens, "w", encoding="ascii") as file:
            file.write("\n".join(tokens) + "\n")
        self.script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traffic.lua")

    def run(self, case, connections, seconds, instance, postgres):
        pieces = os.path.join(self.directory, "request.lua")
        with open(pieces, "w", encoding="utf-8") as file:
            file.write("request_pieces = {" + ",".join(map(_lua, MARKS.split(request(case, self.address)))) + "}\n")
        threads = min(connections, os.cpu_count())
        service, database, generator = instance.processor_seconds(), postgres.processor_seconds(), _children_seconds()
        done = subprocess.run(
            ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{seconds + DRAIN_SECONDS}s", "--timeout", "30s",
             "-s", self.script, f"http://{self.address}", "--", pieces, self.tokens, str(seconds), str(case.users),
             str(case.sessions)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        try:
            figures = json.loads(done.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            sys.exit(f"wrk: {done.stdout.strip()}")
        count = figures["requests"]
        service = instance.processor_seconds() - service  # first: if it is not there any more, that is the news
        if figures["failed"] or not count:
            sys.exit(f"{case.name}: {figures['failed']} of {count} requests failed\n{done.stdout.strip()}")
        return Run(count / seconds, figures["p50"], figures["p99"],
                   (postgres.processor_seconds() - database) * 1e3 / count, (_children_seconds() - generator) * 1e3 / count,
                   count, service * 1e3 / count)


def _lua(text):
    """A Lua string of any text: bytes beyond printable ASCII as \\ddd."""
    return '"' + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03}"
                         for byte in text.encode()) + '"'


# --- pgbench


class Script:
    """A transaction of the service as pgbench sends it: in one flight, with prepared statements.

    pgbench can make up numbers only. So parameters that differ from request to request are put together by the server, with
    replace(); that takes it well under a microsecond each.
    """

    def __init__(self, postgres, database, transaction):
        self.values = []
        self.lines, self.statements = [], []
        for sql, parameters in transaction:
            types = _types(postgres, database, sql) if parameters else []
            self.statements.append((sql, parameters, types))
            self.lines.append(self._line(sql, parameters, types))

    def _line(self, sql, parameters, types):
        # pgbench takes :name for a variable, also in literals: those go on in the next line.
        sql = re.sub(r"(?<!:):(?=[A-Za-z_])", ":'\n'", sql)
        # Documents that the service sends on are bytes, which it takes in binary. pgbench takes all in text, where bytes are hexadecimal: twice as long, and work.
        sql = re.sub(r"(?s)^select convert_to\((.*), 'UTF8'\)( where .*)$", r"select \1\2", sql)
        return re.sub(r"\$(\d+)", lambda found: self._value(parameters[int(found.group(1)) - 1],
                                                            types[int(found.group(1)) - 1]), sql)

    def _value(self, value, type_):
        if value is None:
            return f"null::{type_}"
        if value == "":
            return f"''::{type_}"  # pgbench has no variables without a value
        if value not in self.values:
            self.values.append(value)
        expression = f":p{self.values.index(value)}"
        marks = sorted(set(MARKS.findall(value)))
        for mark in marks:
            expression = f"replace({expression}, '@{mark}@', :{mark.lower()}::text)"
        return f"{expression}::{type_}"

    def text(self, case):
        first, last = population.FIRST_USER, population.FIRST_USER + case.users - 1
        return "\n".join([
            f"\\set u random({first}, {last})",
            f"\\set s random({population.FIRST_SESSION}, {population.FIRST_SESSION + case.sessions - 1})",
            f"\\set n random({population.FRESH[0]}, {population.FRESH[1]})",
            "\\startpipeline", *(line + ";" for line in self.lines), "\\endpipeline", ""])

    def variables(self):
        return [argument for index, value in enumerate(self.values) for argument in ("-D", f"p{index}={value}")]


def _types(postgres, database, sql):
    found = postgres.sql(database, f"prepare s as {sql}",
                         "select array_to_json(parameter_types::text[]) from pg_prepared_statements where name = 's'")
    return json.loads(found)


class Pgbench:
    def __init__(self, postgres, database):
        self.postgres, self.database = postgres, database

    def command(self, script, path, *arguments):
        return self.postgres.command("pgbench", self.database, LOGIN, "-n", "-M", "prepared", "-f", path,
                                     *script.variables(), *arguments)

    def once(self, case, script):
        """One transaction; for the check of what it stores."""
        with tempfile.TemporaryDirectory() as directory:
            self._finish(case, subprocess.Popen(self.command(script, self._write(case, script, directory), "-t", "1"),
                                                **self._how()))

    def run(self, case, script, connections, seconds):
        with tempfile.TemporaryDirectory() as directory:
            threads = min(connections, os.cpu_count())
            began, generator = time.time(), _children_seconds()
            process = subprocess.Popen(
                self.command(script, self._write(case, script, directory), "-c", str(connections), "-j", str(threads), "-T",
                             str(seconds + WARM_SECONDS), "-l", "--log-prefix", os.path.join(directory, "log")),
                cwd=directory, **self._how())
            try:
                time.sleep(WARM_SECONDS)
                from_, database = time.time(), self.postgres.processor_seconds()
                count = self._finish(case, process)
            finally:
                process.kill()
                process.wait()
            until = time.time()
            database = self.postgres.processor_seconds() - database
            latencies = array.array("d")
            for path in glob.glob(os.path.join(directory, "log*")):
                with open(path, encoding="ascii") as file:
                    for line in file:
                        _, _, took, _, end, microseconds = line.split()[:6]
                        if int(end) + int(microseconds) / 1e6 >= from_:
                            latencies.append(int(took) / 1e3)
            measured = len(latencies)
            if not measured:
                sys.exit(f"{case.name}: pgbench did nothing within {seconds} s")
            return Run(measured / (until - from_), measures.percentile(latencies, 50), measures.percentile(latencies, 99),
                       database * 1e3 / measured, (_children_seconds() - generator) * 1e3 / count, count)

    def _write(self, case, script, directory):
        path = os.path.join(directory, "script.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script.text(case))
        return path

    def _how(self):
        # It prepares statements before the transaction in which they may name what the login may not see.
        return {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True,
                "env": self.postgres.environment() | {"PGOPTIONS": "-c role=authenticated"}}

    def _finish(self, case, process):
        output, _ = process.communicate()
        count = re.search(r"number of transactions actually processed: (\d+)", output)
        failed = re.search(r"number of failed transactions: (\d+)", output)
        if process.returncode or not count or not int(count.group(1)) or (failed and int(failed.group(1))):
            sys.exit(f"{case.name}: pgbench: {output.strip()}")
        return int(count.group(1))
