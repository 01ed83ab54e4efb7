"""Large uploads: one conversation through the service, beside a bare insert of the rows that it became."""

import json
import re
import statistics
import sys
import time
import types

import population
import service
import traffic
from postgres import literal

SIZES = (100, 1_000, 10_000)
WARM_UPLOADS, MEASURED = 8, 5
GOALS = {10_000: 3.0}   # the most times of the bare insert
# What an insert says; the rest is the table's own.
COLUMNS = ("user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,"
           " content_type, elapsed_ms, completion_id, message_timestamp, metadata, extras")


class Uploads:
    """Of a conversation that is new, the same again, and the insert, in turn for each size."""

    def __init__(self, postgres, database, instance, token, spoken, say):
        self.postgres, self.database, self.instance = postgres, database, instance
        self.token, self.spoken, self.say = token, spoken, say
        self.user, self.count = 0, 0

    def measure(self):
        results = []
        for size in SIZES:
            self.say(f"Uploading conversations of {size:,} messages")
            for _ in range(WARM_UPLOADS):
                self._round(size)
            rounds = [self._round(size) for _ in range(MEASURED)]
            medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
            results.append({"messages": size, "goal": GOALS.get(size), **medians, "rounds": rounds,
                            "ratio": statistics.median(each["new_ms"] / each["insert_ms"] for each in rounds)})
        return results

    def _round(self, size):
        mark = population.session(1_000_000 + self.count)
        self.count += 1
        conversation = population.filled(json.dumps(population.conversation(mark, 0, size, self.spoken), ensure_ascii=False),
                                         population.user(self.user))
        new, database, bytes_ = self._upload(conversation)
        self._expect(mark, size)
        same, _, _ = self._upload(conversation)
        self._expect(mark, size)
        return {"bytes": bytes_, "new_ms": new, "database_cpu": database, "same_ms": same, "insert_ms": self._insert(mark, size)}

    def _upload(self, conversation):
        case = types.SimpleNamespace(method="POST", path="/api/chat/sync", body=f'{{"conversations": [{conversation}]}}')
        request = traffic.request(case, self.instance.address).replace("@T@", self.token, 1).encode()
        with service.Connection(self.instance.address) as connection:
            processor, began = self.postgres.processor_seconds(), time.perf_counter()
            status, answer = connection.ask(request)
            took = time.perf_counter() - began
        if status != 200 or json.loads(answer)["results"]["synced"] != 1:
            sys.exit(f"upload: {status} {answer[:500]!r}")
        return took * 1e3, (self.postgres.processor_seconds() - processor) * 1e3, len(request)

    def _session(self, mark):
        return population.filled("conv_" + mark + "_@U@", population.user(self.user))

    def _expect(self, mark, size):
        stored = int(self.postgres.sql(self.database, "select count(*) from chat_messages where session_id = "
                                       + literal(self._session(mark))))
        if stored != size:
            sys.exit(f"upload: {stored} messages are stored of {size}")

    def _insert(self, mark, size):
        """Milliseconds of the statement alone: with the table's triggers, foreign key and indexes, and its commit."""
        session, copy = literal(self._session(mark)), literal(f"bare_{mark}")
        owner = literal(population.filled(population.USER_ID, population.user(self.user)))
        printed = self.postgres.psql(self.database, f"""
            create temp table bare as select {COLUMNS} from chat_messages where session_id = {session} order by ordinal;
            update bare set session_id = {copy}, id = 'bare_' || id, user_message_id = 'bare_' || user_message_id;
            insert into chat_sessions (user_id, id, title) values ({owner}, {copy}, 'bare');
            vacuum bare;
            \\timing on
            insert into chat_messages ({COLUMNS}) select {COLUMNS} from bare;
            \\timing off
            delete from chat_sessions where id = {copy};""")
        return float(re.search(r"Time: ([\d.]+) ms", printed).group(1))
