"""Users, their tokens, sessions and messages: the same in SQL, in requests and in pgbench's scripts.

Everything that differs from one request to the next is a number of fixed width, which templates name: @U@ the user, @S@ the
session, @N@ one that was not there before. So a request, a statement's parameter and a row can be made from one text.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

from postgres import SUPERUSER, literal

FIRST_USER = 100_000_000_001       # twelve digits: the end of a UUID
FIRST_SESSION = 1_700_000_000_001  # as the clients that make ids from the time
FRESH = (10**14, 10**15 - 1)       # so many that a random one is new
USER_ID = "00000000-0000-4000-8000-@U@"
SESSION_ID = "conv_@S@_@U@"
TOKEN_DAYS = 1
MESSAGES_A_CALL = 2_000
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
LATER = "2026-06-01T12:00:00.000Z"  # of a message that is appended: after all that were loaded


def user(number):
    """The number of the user in templates, counted from 0."""
    return str(FIRST_USER + number)


def session(number):
    return str(FIRST_SESSION + number)


def filled(template, user_number=None, session_number=None, fresh=None):
    for mark, value in (("@U@", user_number), ("@S@", session_number), ("@N@", fresh)):
        if value is not None:
            template = template.replace(mark, str(value))
    return template


# --- Who calls


def claims(issued):
    """The payload of a token, as Supabase Auth fills it; a template with @U@."""
    return json.dumps({
        "iss": "https://issuer.example/auth/v1", "sub": USER_ID, "aud": "authenticated", "exp": issued + TOKEN_DAYS * 86_400,
        "iat": issued, "email": "@U@@people.example", "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"email": "@U@@people.example", "email_verified": True, "full_name": "Person @U@",
                          "phone_verified": False, "sub": USER_ID},
        "role": "authenticated", "aal": "aal1", "amr": [{"method": "password", "timestamp": issued}],
        "session_id": "5d8f6a1e-4b1c-4c56-9a5b-0c7a3f3f2b11", "is_anonymous": False}, separators=(",", ":"))


def token(payload, secret):
    """An HS256 token with that payload."""
    def encoded(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=")
    signed = encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + encoded(payload.encode())
    return (signed + b"." + encoded(hmac.new(secret.encode(), signed, hashlib.sha256).digest())).decode()


# --- What they said


def texts(path):
    """Role and content of all messages in files of conversations: one of JSON lines, or a directory of documents."""
    path = pathlib.Path(path)
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    conversations = []
    for file in files:
        content = file.read_text(encoding="utf-8")
        conversations += [json.loads(content)] if path.is_dir() else [json.loads(line) for line in content.splitlines() if line]
    found = [(message["role"], message["content"]) for conversation in conversations
             for message in conversation["messages"] if message["role"] in ("user", "assistant")]
    # Marks in what somebody said would be taken for ours.
    found = [(role, re.sub("@([USN])@", r"(\1)", content)) for role, content in found]
    questions = [content for role, content in found if role == "user"]
    answers = [content for role, content in found if role == "assistant"]
    if not questions or not answers:
        sys.exit(f"{path} holds no questions and answers")
    return questions, answers


def typical(contents):
    """The one of median length."""
    return sorted(contents, key=len)[len(contents) // 2]


def instant(time_):
    return time_.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message(identity, position, at, questions, answers, first=0):
    """Question or answer, with what clients send beside the text."""
    turn = first + position // 2
    if position % 2 == 0:
        content = questions[turn % len(questions)]
        return {"id": f"msg_{identity}_{position:05}", "role": "user", "content": content, "timestamp": at,
                "input_tokens": len(content) // 4 + 1, "total_tokens": len(content) // 4 + 1}
    content = answers[turn % len(answers)]
    return {"id": f"msg_{identity}_{position:05}", "role": "assistant", "content": content, "timestamp": at,
            "model": "openai/gpt-4o-mini", "output_tokens": len(content) // 4 + 1, "total_tokens": len(content) // 4 + 1,
            "user_message_id": f"msg_{identity}_{position - 1:05}", "contentType": "markdown", "elapsed_time": 1.53}


def conversation(mark, number, size, spoken):
    """One conversation as clients upload it; mark is @S@'s number or @N@."""
    began = START + datetime.timedelta(minutes=10 * number)
    times = [instant(began + datetime.timedelta(milliseconds=1_700 * position)) for position in range(size)]
    return {"id": f"conv_{mark}_@U@", "title": f"Conversation {number + 1}", "createdAt": instant(began),
            "updatedAt": times[-1] if times else instant(began),
            "messages": [message(f"{mark}_@U@", position, times[position], *spoken, first=number * size // 2)
                         for position in range(size)]}


# --- Loading


class Loader:
    """Stores users with their conversations through the function that the service calls, so whatever is counted is exact."""

    def __init__(self, postgres, spoken, issued, say):
        self.postgres, self.spoken, self.issued, self.say = postgres, spoken, issued, say

    def load(self, database, users, sessions, messages):
        """users: a range of numbers; each gets as many sessions with as many messages."""
        a_call = max(1, MESSAGES_A_CALL // max(1, messages))
        calls = range(0, sessions, a_call)
        self._copy(database, (json.dumps([conversation(session(number), number, messages, self.spoken)
                                          for number in range(first, min(first + a_call, sessions))], ensure_ascii=False)
                              for first in calls))
        lanes = min(os.cpu_count(), len(users))
        stored, failures, began = [0] * lanes, [], time.monotonic()

        def work(lane):
            script = ["set synchronous_commit = off;"]
            for number in users[lane::lanes]:
                payload = filled(claims(self.issued), user(number))
                script += [f"select set_config('request.jwt.claims', {literal(payload)}, false) \\g /dev/null"]
                # One transaction for a call; otherwise one user of 10,000 sessions would be one transaction.
                script += [f"select r ->> 'synced' || '/' || (r ->> 'errors') from (select public.sync_user_conversations("
                           f"'{filled(USER_ID, user(number))}', replace(payload, '@U@', '{user(number)}')::jsonb) as r"
                           f" from public.benchmark_payload where id = {index}) s;" for index in range(len(calls))]
            process = subprocess.Popen(
                self.postgres.command("psql", database, SUPERUSER, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.postgres.environment())
            feeder = threading.Thread(target=lambda: (process.stdin.write("\n".join(script) + "\n"), process.stdin.close()))
            feeder.start()
            for line in process.stdout:
                synced, errors = map(int, line.split("/"))
                stored[lane] += synced * messages
                if errors:
                    failures.append(f"{errors} conversations were refused")
            feeder.join()
            if process.wait():
                failures.append(process.stderr.read().strip())

        threads = [threading.Thread(target=work, args=(lane,), daemon=True) for lane in range(lanes)]
        for thread in threads:
            thread.start()
        total = len(users) * sessions * messages
        while any(thread.is_alive() for thread in threads):
            next((thread for thread in threads if thread.is_alive()), threads[0]).join(2)
            done, seconds = sum(stored), time.monotonic() - began
            self.say(f"  {done:>9,} of {total:,} messages, {done / seconds:,.0f} a second", passing=True)
        # Whoever is loaded next should meet plans that know of these.
        self.postgres.sql(database, "drop table public.benchmark_payload", "analyze")
        if failures:
            sys.exit("\n".join(failures[:5]))
        self.say(f"  {total:>9,} messages in {time.monotonic() - began:.0f} s")

    def _copy(self, database, payloads):
        """What each user is loaded from, one payload a call."""
        self.postgres.sql(database, "create unlogged table public.benchmark_payload (id int, payload text)")
        with subprocess.Popen(self.postgres.command("psql", database, SUPERUSER, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c",
                                                    "copy public.benchmark_payload from stdin"),
                              stdin=subprocess.PIPE, text=True, encoding="utf-8", env=self.postgres.environment()) as process:
            for index, payload in enumerate(payloads):
                # JSON has no raw tabs and line feeds, only escaped ones.
                process.stdin.write(f"{index}\t{payload}\n".replace("\\", "\\\\"))
        if process.returncode:
            sys.exit("The conversations could not be copied into the database")

    def settle(self, database):
        """What a server that has run for a while has done: statistics, visibility maps, no dirty pages."""
        self.postgres.sql(database, "vacuum (analyze)", "checkpoint")
