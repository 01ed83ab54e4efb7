#!/usr/bin/env python3
"""What does an answer lose on its way through the service?

Plays the provider itself: a scripted one on a loopback port, which speaks OpenAI's streaming chat completions and
writes into each token when it was sent. Then it asks for many answers at once, in turn from the provider directly,
through POST /v1/chat/completions and through POST /api/chat, and prints how late requests and tokens come each way.

    CHATKEEP_PROVIDER_BASE_URL=http://127.0.0.1:9900/v1 CHATKEEP_PROVIDER_MAX_CONCURRENT_CALLS_PER_USER=1000 ...
                                                                     # the service, started by you
    streams-under-load.py --url http://127.0.0.1:8080 --token-file .chatkeep/token --model qwen/qwen3-8b
    streams-under-load.py ... --memory --pid 4711 --seconds 60       # does the service grow while it streams?
    streams-under-load.py ... --abort                                # how soon does a hang-up reach the provider?
    streams-under-load.py --paths direct                             # only how good the tool itself is

What it needs:
  - Python 3.9 on Linux; nothing else.
  - The service, with this provider as its own (--provider-port) and --model open to the user, without a limit that the
    run would reach: it asks for streams x laps x (rounds + 1) answers on each way.
  - --token-file: the token of a user. It must outlive the run.
  - --memory: --pid of the service, run by the same user.

How it measures:
  - Each of the --streams asks for --laps answers one after the other, over a new connection each, which is open before
    the time starts. They begin evenly spread over the length of one answer, with --burst all at once.
  - "request": from sending the request until the provider has it. "first token": from sending the request until the
    first token is here, less the --first-ms that the provider waits. "each token": from when the provider sent it.
  - A first round of all ways warms up and is not counted; its failures are.
  - Tool and service share the machine. "CPU %" is what the tool took of one processor; above 80 the figures are its
    own. With --burst it also takes a while to send all requests, which "request" and "first token" contain.
  - --sessions: each answer of /api/chat goes into a session of its own; they are deleted in the end. Usage stays
    counted.
  - --memory: answers of both ways at once, "first" is before they begin, "after" when all have ended.
  - --abort: the provider goes on until somebody hangs up. Clients do at random moments within the length of one answer,
    half of them with a reset; "unasked" are those that were gone before the provider was asked. A call that the
    provider still answers 10 s after the last hang-up of a round is left open.

It talks to this machine only, and it is bounded: at most 1,000 streams, 20 rounds, 20 laps, 2,000 tokens and 120 s for
an answer, 10,000,000 tokens for a way, 600 s of --memory. The exit status is 0 if every answer was exactly what the
provider sent, came from one call of the provider and ended as it should, and no call was left open; 1 otherwise (2 for
wrong arguments).
"""

import argparse
import array
import asyncio
import collections
import gc
import json
import os
import random
import re
import resource
import socket
import struct
import sys
import time
import uuid
from urllib.parse import urlsplit

from measures import percentile

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
NAMES = {"direct": "direct", "v1": "/v1/chat/completions", "chat": "/api/chat"}
MOST_ANSWER_SECONDS = 120
MOST_TOKENS = 10_000_000
MOST_CPU = 80
PATIENCE_SECONDS = 30  # beyond the length of an answer
SETTLE_SECONDS = 10
CALLS_AT_ONCE = 8
MARK = re.compile(rb"mark-[0-9a-f]{32}")
ENDLESS = sys.maxsize


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--token-file")
    parser.add_argument("--model")
    parser.add_argument("--paths", default="direct,v1,chat", help="the ways to measure, some of direct,v1,chat")
    parser.add_argument("--streams", type=int, help="answers at once; 50, with --memory 200")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way has its turn")
    parser.add_argument("--laps", type=int, default=3, help="answers of a stream, one after the other, in a round")
    parser.add_argument("--burst", action="store_true", help="begin all streams at once")
    parser.add_argument("--sessions", action="store_true", help="a session for each answer of /api/chat")
    parser.add_argument("--provider-port", type=int, default=9900)
    parser.add_argument("--first-ms", type=int, default=50, help="time that the provider takes to the first token")
    parser.add_argument("--tokens", type=int, default=50, help="tokens of an answer")
    parser.add_argument("--gap-ms", type=int, default=20, help="time from one token to the next")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--memory", action="store_true", help="watch the process of the service instead")
    mode.add_argument("--abort", action="store_true", help="hang up instead")
    parser.add_argument("--pid", type=int, help="the process of the service, for --memory")
    parser.add_argument("--seconds", type=int, default=60, help="how long --memory asks for answers")
    options = parser.parse_args()
    if options.streams is None:
        options.streams = 200 if options.memory else 50
    for name, least, most in (("streams", 1, 1_000), ("rounds", 1, 20), ("laps", 1, 20), ("seconds", 1, 600),
                              ("provider_port", 1_024, 65_535), ("first_ms", 0, 60_000), ("tokens", 1, 2_000),
                              ("gap_ms", 1, 10_000)):
        if not least <= getattr(options, name) <= most:
            parser.error(f"--{name.replace('_', '-')} must be from {least} to {most}")
    options.length = (options.first_ms + (options.tokens - 1) * options.gap_ms) / 1e3
    if options.length > MOST_ANSWER_SECONDS:
        parser.error(f"an answer would take {options.length:.0f} s, at most {MOST_ANSWER_SECONDS} are allowed")
    if options.streams * options.laps * options.rounds * options.tokens > MOST_TOKENS:
        parser.error(f"streams x laps x rounds x tokens must be at most {MOST_TOKENS}")

    asked = options.paths.split(",")
    if not set(asked) <= set(NAMES):
        parser.error("--paths must be some of direct,v1,chat")
    options.paths = [path for path in NAMES if path in asked]
    service = [path for path in options.paths if path != "direct"]
    if options.memory:
        options.paths = service
        if not service or options.pid is None or options.pid < 1:
            parser.error("--memory needs --pid and a way through the service")
    if service and not (options.token_file and options.model):
        parser.error("the service needs --token-file and --model")

    try:
        address = urlsplit(options.url)
        options.host, options.port = address.hostname, address.port or 80
    except ValueError as error:
        parser.error(f"--url: {error}")
    if options.host not in LOOPBACK:
        parser.error("the service must be on this machine")
    if address.scheme != "http":
        parser.error("--url must begin with http://")
    options.base = address.path.rstrip("/")

    # Each stream is a connection of a client and one that the provider accepted.
    needed, (soft, hard) = 3 * options.streams + 100, resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            parser.error(f"{options.streams} streams need {needed} open files, the limit is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return options


def token(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


# --- HTTP, as much of it as both sides need


def head(buffer):
    """Takes first line and headers out of what a connection received; None while they are not complete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    del buffer[:end + 4]
    pairs = (line.partition(":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}


class Body:
    """Takes the body of one request or answer out of what a connection received."""

    def __init__(self, headers, otherwise):
        self.chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        self.left = 0 if self.chunked else int(headers.get("content-length", otherwise))
        self.last = False
        self.complete = not self.chunked and self.left == 0

    def take(self, buffer):
        if not self.chunked:
            part = self.cut(buffer)
            self.complete = self.left == 0
            return part
        parts = []
        while buffer and not self.complete:
            if self.left:
                parts.append(self.cut(buffer))
                continue
            end = buffer.find(b"\r\n")
            if end < 0:
                break
            line = bytes(buffer[:end])
            del buffer[:end + 2]
            if self.last:  # trailers, until a line is empty
                self.complete = not line
            elif line:  # an empty one is the end of the chunk before
                self.left = int(line.partition(b";")[0], 16)
                self.last = self.left == 0
        return b"".join(parts)

    def cut(self, buffer):
        part = bytes(buffer[:self.left])
        del buffer[:self.left]
        self.left -= len(part)
        return part


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(content):
    return chunk(b"data: " + content + b"\n\n")


# --- The provider


class Call:
    """One answer of the provider: what it sent of it, and when it began and ended."""

    __slots__ = ("began", "ended", "hung_up", "length", "sent")

    def __init__(self, length):
        self.began = time.monotonic_ns()
        self.ended = None
        self.hung_up = False
        self.length = length
        self.sent = []


class Provider:
    """Answers each question with tokens that say when they were sent, and keeps what it sent by the mark in it."""

    def __init__(self, options):
        self.first, self.gap, self.length = options.first_ms / 1e3, options.gap_ms / 1e3, options.tokens
        self.calls = {}
        self.open = {}  # calls that are being answered, with their connections
        self.most_open = 0
        self.unmarked = 0

    def begin(self, connection, content):
        call = Call(self.length)
        marks = MARK.findall(content)
        if marks:
            self.calls.setdefault(marks[-1].decode(), []).append(call)
        else:
            self.unmarked += 1
        self.open[call] = connection
        self.most_open = max(self.most_open, len(self.open))
        return call

    def end(self, call, hung_up):
        call.ended = time.monotonic_ns()
        call.hung_up = hung_up
        self.open.pop(call, None)

    async def settle(self):
        """Waits until no call has been open for a moment. Those that stay open are cut off; returns how many."""
        deadline = time.monotonic() + SETTLE_SECONDS
        quiet = 0
        while quiet < 5 and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            quiet = 0 if self.open else quiet + 1
        left = list(self.open.values())
        for connection in left:
            connection.transport.abort()
        return len(left)


class ProviderConnection(asyncio.Protocol):
    """A connection to the provider, which is kept from one call to the next."""

    HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")

    def __init__(self, provider):
        self.provider = provider
        self.loop = asyncio.get_running_loop()
        self.buffer = bytearray()
        self.body = self.call = self.timer = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while self.call is None and self.buffer and not self.transport.is_closing():
            if self.body is None:
                start = head(self.buffer)
                if start is None:
                    return
                self.line, headers = start
                self.body, self.content = Body(headers, 0), bytearray()
            self.content += self.body.take(self.buffer)
            if not self.body.complete:
                return
            self.body = None
            self.answer(*self.line.split(" ")[:2])

    def answer(self, method, target):
        if method == "GET" and target.endswith("/models"):
            self.reply("200 OK", {"object": "list", "data": []})
        elif method != "POST" or not target.endswith("/chat/completions"):
            self.reply("404 Not Found", {"error": {"message": "Nothing here.", "type": "invalid_request_error"}})
        else:
            question = json.loads(self.content)
            if question.get("stream"):
                self.begin(question)
            else:
                self.reply("400 Bad Request", {"error": {"message": "Only streams.", "type": "invalid_request_error"}})

    def reply(self, status, answer):
        content = json.dumps(answer).encode()
        self.transport.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                             f"Content-Length: {len(content)}\r\n\r\n".encode() + content)

    def begin(self, question):
        self.call = self.provider.begin(self, self.content)
        usage = (question.get("stream_options") or {}).get("include_usage", False)
        common = {"id": "chatcmpl-" + uuid.uuid4().hex, "object": "chat.completion.chunk", "created": int(time.time()),
                  "model": question.get("model")}

        def piece(delta, finish=None):
            answer = common | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            return json.dumps(answer | ({"usage": None} if usage else {}), separators=(",", ":")).encode()

        self.before, self.after = piece({"content": "@"}).split(b"@")
        self.opening = self.HEAD + event(piece({"role": "assistant", "content": ""}))
        self.closing = event(piece({}, "stop"))
        if usage:
            count = self.call.length
            self.closing += event(json.dumps(common | {"choices": [], "usage": {
                "prompt_tokens": 10, "completion_tokens": count, "total_tokens": 10 + count}}).encode())
        self.closing += event(b"[DONE]") + chunk(b"")
        self.due = self.loop.time() + self.provider.first
        self.timer = self.loop.call_at(self.due, self.send)

    def send(self):
        """Sends the next token, with the first one what comes before and with the last one what comes after."""
        call = self.call
        word = f"{len(call.sent)}:{time.monotonic_ns()} "
        data = event(self.before + word.encode() + self.after)
        if not call.sent:
            data = self.opening + data
        call.sent.append(word)
        if len(call.sent) < call.length:
            self.transport.write(data)
            self.due += self.provider.gap
            self.timer = self.loop.call_at(self.due, self.send)
            return
        self.transport.write(data + self.closing)
        self.over(False)
        self.data_received(b"")

    def over(self, hung_up):
        if self.call is not None:
            self.timer.cancel()
            self.provider.end(self.call, hung_up)
            self.call = None

    def eof_received(self):
        self.over(True)

    def connection_lost(self, error):
        self.over(True)


# --- The clients


class Answer(asyncio.Protocol):
    """One request over a connection of its own; done is set when its answer is complete or cannot be."""

    def __init__(self):
        self.done = asyncio.get_running_loop().create_future()
        self.buffer = bytearray()
        self.status = 0
        self.body = None
        self.failure = None
        self.content = bytearray()

    def connection_made(self, transport):
        self.transport = transport

    def send(self, request):
        self.sent = time.monotonic_ns()
        self.transport.write(request)

    def data_received(self, data):
        now = time.monotonic_ns()
        if self.done.done():
            return
        self.buffer += data
        try:
            if self.body is None:
                start = head(self.buffer)
                if start is None:
                    return
                self.status = int(start[0].split(" ")[1])
                self.body = Body(start[1], 0 if self.status == 204 else ENDLESS)
            self.piece(self.body.take(self.buffer), now)
            if self.body.complete:
                self.finish(None)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.finish(f"cannot be read: {error!r} in {data[:200].decode(errors='replace')}")

    def piece(self, data, now):
        self.content += data

    def connection_lost(self, error):
        until_close = self.body is not None and not self.body.chunked and self.body.left > ENDLESS // 2
        whole = until_close and error is None
        self.finish(None if whole else f"connection lost: {error or 'closed by the other side'}")

    def finish(self, failure):
        if not self.done.done():
            self.failure = self.failure or failure
            self.done.set_result(None)

    async def hear(self, seconds):
        try:
            await asyncio.wait_for(asyncio.shield(self.done), seconds)
        except asyncio.TimeoutError:
            self.finish(f"no end after {seconds:.0f} s")
        finally:
            self.transport.abort()


class Stream(Answer):
    """An answer that comes as events: when each of its tokens came, and what was wrong with it."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.unread, self.name, self.lines = b"", "", []
        self.texts, self.rest = [], ""
        self.first = self.hung_up = None
        self.late = array.array("q")
        self.ended = self.stopped = False

    def piece(self, data, now):
        if self.status != 200:
            self.content += data[:1_000 - len(self.content)]
            return
        *lines, self.unread = (self.unread + data).split(b"\n")
        for line in lines:
            line = line[:-1] if line.endswith(b"\r") else line
            if not line:
                if self.lines:
                    self.take(self.name, b"\n".join(self.lines), now)
                self.name, self.lines = "", []
                continue
            field, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if field == b"data":
                self.lines.append(value)
            elif field == b"event":
                self.name = value.decode()

    def take(self, name, data, now):
        """What one event says."""
        if self.path == "chat":
            if name == "delta":
                self.text(json.loads(data)["content"], now)
            elif name == "done":
                self.ended = self.stopped = True
            elif name == "error":
                self.failure = self.failure or f"event: error {data[:200].decode(errors='replace')}"
        elif data == b"[DONE]":
            self.ended = True
        else:
            answer = json.loads(data)
            if answer.get("error"):
                self.failure = self.failure or f"error in the stream: {data[:200].decode(errors='replace')}"
            for choice in answer.get("choices") or ():
                content = (choice.get("delta") or {}).get("content")
                if content:
                    self.text(content, now)
                self.stopped = self.stopped or choice.get("finish_reason") == "stop"

    def text(self, content, now):
        self.texts.append(content)
        *words, self.rest = (self.rest + content).split(" ")
        for word in words:
            if self.first is None:
                self.first = now - self.sent
            self.late.append(now - int(word.partition(":")[2]))

    def problem(self, calls):
        """What is wrong with an answer that should be complete, or None."""
        if self.status not in (0, 200):
            return f"{self.status} {self.content[:200].decode(errors='replace')}"
        if self.failure:
            return self.failure
        if not calls:
            return "the provider was not asked"
        if len(calls) > 1:
            return f"the provider was asked {len(calls)} times"
        if "".join(self.texts) != "".join(calls[0].sent):
            return "the text is not what the provider sent"
        if calls[0].hung_up:
            return "the provider's answer was cut off"
        if not (self.ended and self.stopped):
            return "the stream has no proper end"
        return None


class Clients:
    """Asks for answers on each way and judges them."""

    def __init__(self, options, provider):
        self.options, self.provider = options, provider
        self.failures = collections.Counter()
        self.sessions = []
        self.jwt = token(options.token_file) if options.token_file else ""
        self.host = options.host
        self.patience = options.length + PATIENCE_SECONDS

    async def reach(self):
        """Finds the address that the service answers at, so that no name is looked up while the time runs."""
        problem = None
        for *_, address in socket.getaddrinfo(self.options.host, self.options.port, type=socket.SOCK_STREAM):
            try:
                _, writer = await asyncio.open_connection(address[0], self.options.port)
                writer.close()
                self.host = address[0]
                return
            except OSError as error:
                problem = error
        sys.exit(f"{self.options.url}: {problem}")

    def request(self, method, path, body, accept="application/json"):
        content = b"" if body is None else json.dumps(body).encode()
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{method} {self.options.base}{path} HTTP/1.1\r\nHost: {host}:{self.options.port}\r\n"
                f"Authorization: Bearer {self.jwt}\r\nAccept: {accept}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n").encode() + content

    def question(self, path, mark, session):
        """The request for an answer; what OpenAI's own clients accept is JSON, also when they ask for a stream."""
        words, model = f"Tell me something long about {mark}", self.options.model or "scripted"
        if path == "chat":
            body = {"message": words, "model": model} | ({"sessionId": session} if session else {})
            return self.request("POST", "/api/chat", body, "text/event-stream")
        return self.request("POST", "/v1/chat/completions", {
            "model": model, "messages": [{"role": "user", "content": words}], "stream": True,
            "stream_options": {"include_usage": True}})

    async def connect(self, path, protocol):
        at = ("127.0.0.1", self.options.provider_port) if path == "direct" else (self.host, self.options.port)
        await asyncio.wait_for(asyncio.get_running_loop().create_connection(lambda: protocol, *at), PATIENCE_SECONDS)
        return protocol

    async def call(self, method, path, body=None):
        answer = Answer()
        try:
            await self.connect("service", answer)
        except (OSError, asyncio.TimeoutError) as error:
            return 0, str(error)
        answer.send(self.request(method, path, body))
        await answer.hear(PATIENCE_SECONDS)
        return (0 if answer.failure else answer.status), answer.failure or answer.content[:200].decode(errors="replace")

    async def session(self, path):
        """A new session where there should be one; else None."""
        if path != "chat" or not self.options.sessions:
            return None
        session = "load_" + uuid.uuid4().hex
        status, answer = await self.call("POST", "/api/chat/sessions", {"id": session, "title": "Streams under load"})
        if status not in (200, 201):
            self.failures[f"POST /api/chat/sessions: {status} {answer}"] += 1
            return None
        self.sessions.append(session)
        return session

    async def clean_up(self):
        """Deletes the sessions, a few at a time."""
        async def work():
            while self.sessions:
                session = self.sessions.pop()
                status, answer = await self.call("DELETE", "/api/chat/sessions?id=" + session)
                if status not in (200, 204):
                    print(f"The session {session} was not deleted: {status} {answer}", file=sys.stderr)

        await asyncio.gather(*(work() for _ in range(CALLS_AT_ONCE)))

    def failed(self, path, problem):
        self.failures[f"{NAMES[path]}: {problem}"] += 1

    async def ask(self, path, session=None):
        """One answer; returns the stream, or None if it was not as it should be, and the provider's call."""
        stream, mark = Stream(path), "mark-" + uuid.uuid4().hex
        try:
            await self.connect(path, stream)
        except (OSError, asyncio.TimeoutError) as error:
            self.failed(path, f"no connection: {error or 'timed out'}")
            return None, None
        stream.send(self.question(path, mark, session))
        await stream.hear(self.patience)
        calls = self.provider.calls.pop(mark, [])
        problem = stream.problem(calls)
        if problem:
            self.failed(path, problem)
            return None, None
        return stream, calls[0]

    async def probe(self):
        """One answer on each way, so that a run that cannot succeed ends at once."""
        for path in self.options.paths:
            await self.ask(path, await self.session(path))
        if self.failures:
            hint = ("\nIs the service's CHATKEEP_PROVIDER_BASE_URL "
                    f"http://127.0.0.1:{self.options.provider_port}/v1?" if not self.provider.most_open else "")
            sys.exit("\n".join(self.failures) + hint)

    async def spread(self, work):
        """Does the work of each stream, which is given its number, begun as the options say."""
        async def later(number):
            if not self.options.burst:
                await asyncio.sleep(number * self.options.length / self.options.streams)
            await work(number)

        await asyncio.gather(*(later(number) for number in range(self.options.streams)))


# --- The three measurements


class Way:
    """What was measured on one way, in nanoseconds."""

    def __init__(self):
        self.answers = self.failed = self.most_open = 0
        self.cpu = self.wall = 0.0
        self.request, self.first, self.late = array.array("q"), array.array("q"), array.array("q")


async def measure(options, provider, clients):
    """How late requests and tokens are on each way."""
    ways = {path: Way() for path in options.paths}
    left = 0
    for number in range(options.rounds + 1):
        print(f"Round {number} of {options.rounds} ..." if number else "Warming up ...", flush=True)
        for path in options.paths:
            way = ways[path] if number else Way()
            laps = range(options.laps)
            sessions = [await clients.session(path) for _ in range(options.streams * options.laps)]

            async def one(stream, lap):
                answer, call = await clients.ask(path, sessions[stream * options.laps + lap])
                way.answers += 1
                if answer is None:
                    way.failed += 1
                    return
                way.request.append(call.began - answer.sent)
                way.first.append(answer.first - options.first_ms * 1_000_000)
                way.late.extend(answer.late)

            async def all_laps(stream):
                for lap in laps:
                    await one(stream, lap)

            provider.most_open = 0
            wall, cpu = time.perf_counter(), time.process_time()
            if options.burst:
                for lap in laps:
                    await clients.spread(lambda stream: one(stream, lap))
            else:
                await clients.spread(all_laps)
            way.wall += time.perf_counter() - wall
            way.cpu += time.process_time() - cpu
            way.most_open = max(way.most_open, provider.most_open)
            left += await provider.settle()

    kinds = (("request ms", "request"), ("first token ms", "first"), ("each token ms", "late"))
    print(f"{'':21}{'answers':>8}{'failed':>7}{'at once':>8}{'CPU %':>6}"
          + "".join(f"{title:>24}" for title, _ in kinds))
    print(f"{'':50}" + "".join(f"{'p' + str(share):>8}" for share in (50, 90, 99)) * len(kinds))
    figures = {}
    for path, way in ways.items():
        share = 100 * way.cpu / way.wall
        figures[path] = [[percentile(getattr(way, kind), share) / 1e6 for share in (50, 90, 99)] for _, kind in kinds]
        print(f"{NAMES[path]:21}{way.answers:>8}{way.failed:>7}{way.most_open:>8}{share:>6.0f}"
              + "".join(f"{value:>8.2f}" for row in figures[path] for value in row))
        if path != "direct" and "direct" in figures:
            print(f"{'  more than direct':50}" + "".join(
                "".join(f"{value - base:>8.2f}" for value, base in list(zip(row, bases))[:2]) + f"{'':8}"
                for row, bases in zip(figures[path], figures["direct"])).rstrip())
        if share > MOST_CPU:
            print(f"{NAMES[path]}: the tool took {share:.0f} % of a processor, the figures may be its own.",
                  file=sys.stderr)
    return left


def process(pid):
    """Resident memory in KiB, open files and threads of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line)
    return int(lines["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(lines["Threads"])


async def memory(options, provider, clients):
    """What the service takes while it streams."""
    def sample():
        return process(options.pid) + (len(provider.open),)

    end = time.monotonic() + options.seconds
    answered = 0

    async def work(number):
        nonlocal answered
        path = options.paths[number % len(options.paths)]
        while time.monotonic() < end:
            answer, _ = await clients.ask(path, await clients.session(path))
            if answer is None:
                await asyncio.sleep(max(1.0, options.length))
            else:
                answered += 1

    try:
        samples = [sample()]
        print(f"Streaming for {options.seconds} s ...", flush=True)
        streams = asyncio.ensure_future(clients.spread(work))
        try:
            due = time.monotonic()
            while due + 1 <= end and not streams.done():
                due += 1
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                samples.append(sample())
            await streams
        finally:
            streams.cancel()
        left = await provider.settle()
        after = sample()
    except (OSError, KeyError) as error:
        clients.failures[f"The process {options.pid} cannot be read: {error!r}"] += 1
        return await provider.settle()

    print(f"{answered} answers, {answered * options.tokens} tokens, {len(samples)} samples")
    print(f"{'':22}" + "".join(f"{title:>10}" for title in ("first", "median", "last", "max", "after")))
    for index, (title, unit, digits) in enumerate((("resident memory MiB", 1_024, 1), ("open files", 1, 0),
                                                   ("threads", 1, 0), ("calls of the provider", 1, 0))):
        values = [each[index] / unit for each in samples]
        row = (values[0], percentile(values, 50), values[-1], max(values), after[index] / unit)
        print(f"{title:22}" + "".join(f"{value:>10.{digits}f}" for value in row))
    return left


async def abort(options, provider, clients):
    """How soon the provider sees that a client hung up."""
    provider.length = ENDLESS
    seen = {path: [] for path in options.paths}
    unasked, open_by = collections.Counter(), collections.Counter()
    hung = collections.Counter()
    for number in range(options.rounds):
        print(f"Round {number + 1} of {options.rounds} ...", flush=True)
        for path in options.paths:
            sessions = [await clients.session(path) for _ in range(options.streams)]
            gone = []

            async def work(index):
                stream, mark = Stream(path), "mark-" + uuid.uuid4().hex
                try:
                    await clients.connect(path, stream)
                except (OSError, asyncio.TimeoutError) as error:
                    clients.failed(path, f"no connection: {error or 'timed out'}")
                    return
                stream.send(clients.question(path, mark, sessions[index]))
                await asyncio.wait([stream.done], timeout=random.uniform(0, options.length))
                if stream.done.done():
                    clients.failed(path, stream.problem(provider.calls.get(mark, [])) or "ended by itself")
                if random.random() < 0.5 and not stream.transport.is_closing():
                    stream.transport.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                gone.append((mark, stream, stream.done.done()))
                stream.finish(None)
                stream.transport.abort()
                # The socket itself is closed in the next turn of the loop, which is when the other side can know.
                await asyncio.sleep(0)
                stream.hung_up = time.monotonic_ns()

            await clients.spread(work)
            open_by[path] += await provider.settle()
            for mark, stream, early in gone:
                calls = provider.calls.pop(mark, [])
                if early:
                    continue
                hung[path] += 1
                if stream.failure:
                    clients.failed(path, stream.failure)
                elif not calls:
                    unasked[path] += 1
                elif len(calls) > 1:
                    clients.failed(path, f"the provider was asked {len(calls)} times")
                elif not "".join(calls[0].sent).startswith("".join(stream.texts)):
                    clients.failed(path, "the text is not what the provider sent")
                elif calls[0].ended is not None:
                    seen[path].append(max(0, calls[0].ended - stream.hung_up) / 1e6)

    print(f"{'':21}{'hang-ups':>9}{'unasked':>9}{'left open':>11}{'seen':>7}{'after ms p50':>14}{'p90':>9}{'max':>9}")
    for path, times in seen.items():
        row = (percentile(times, share) for share in (50, 90, 100))
        print(f"{NAMES[path]:21}{hung[path]:>9}{unasked[path]:>9}{open_by[path]:>11}{len(times):>7}"
              + "".join(f"{value:>{width}.2f}" for value, width in zip(row, (14, 9, 9))))
    return sum(open_by.values())


async def run(options):
    provider = Provider(options)
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: ProviderConnection(provider), "127.0.0.1", options.provider_port, backlog=1_024)
    except OSError as error:
        sys.exit(f"The provider cannot listen: {error}")
    clients = Clients(options, provider)
    if options.paths != ["direct"]:
        await clients.reach()
    if options.memory:
        try:
            process(options.pid)
        except (OSError, KeyError) as error:
            sys.exit(f"The process {options.pid} cannot be read: {error!r}")
    try:
        await clients.probe()
        gc.collect()
        gc.freeze()
        left = await (memory if options.memory else abort if options.abort else measure)(options, provider, clients)
    finally:
        await clients.clean_up()
        server.close()
    if provider.unmarked:
        print(f"{provider.unmarked} calls of the provider belonged to none of the questions.", file=sys.stderr)
    for failure, count in clients.failures.most_common(10):
        print(f"{count} x {failure}", file=sys.stderr)
    failed = sum(clients.failures.values())
    ok = not failed and not left
    right = "All texts were as they should be" if options.abort else "All answers were as they should be"
    print(f"{right}, and no call was left open." if ok else f"{failed} failures, {left} calls left open.")
    return 0 if ok else 1


def main():
    return asyncio.run(run(arguments()))


if __name__ == "__main__":
    sys.exit(main())
