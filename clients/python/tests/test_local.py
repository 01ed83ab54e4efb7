"""What the client does by itself, against servers of these tests."""

from __future__ import annotations

import inspect
import json
import pathlib
import re
import socket
import threading
import unittest
from typing import Any, Callable

import chatkeep
from chatkeep import AsyncClient, ChatkeepConnectionError, ChatkeepProblem, Client

from .both import CLIENTS
from .server import Handler, Server

DESCRIPTION = pathlib.Path(__file__).resolve().parents[2] / "openapi.json"
SESSIONS = {"sessions": [], "count": 0, "next_cursor": None}
DONE = {
    "response": "One two",
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    "timestamp": "2026-11-01T08:00:00.000Z",
    "elapsed_time": 1,
    "model": "m",
    "stream_id": "msg_1",
}
PROBLEM = {"status": 503, "title": "Service Unavailable", "detail": "Later.", "code": "too_busy", "error": "Later."}
STREAM = {"X_Stream_Id": "msg_1", "Transfer_Encoding": "chunked"}


def event(number: int, name: str, data: Any) -> str:
    return f"id: msg_1:{number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


class EveryOperation(unittest.TestCase):
    def test_has_a_method(self) -> None:
        description = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
        # The text stream says what createAnswer says in events, which this client reads.
        operations = [operation["operationId"] for path in description["paths"].values() for operation in path.values()
                      if operation["operationId"] != "streamAnswer"]
        names = [re.sub("([a-z])([A-Z])", r"\1_\2", name).lower().replace("open_ai", "openai") for name in operations]

        self.assertGreater(len(names), 40)
        for client in (Client, AsyncClient):
            self.assertEqual([name for name in names if not hasattr(client, name)], [])

    def test_is_there_for_asyncio_too(self) -> None:
        def methods(client: type) -> dict[str, list[str]]:
            return {name: list(inspect.signature(method).parameters)
                    for name, method in inspect.getmembers(client, inspect.isfunction) if not name.startswith("_")}

        self.assertEqual(methods(Client), methods(AsyncClient))

    def test_says_the_version_of_the_description(self) -> None:
        description = json.loads(DESCRIPTION.read_text(encoding="utf-8"))

        self.assertEqual(chatkeep.__version__, description["info"]["version"])


class Local:
    """The tests of both clients."""

    make: Callable[..., Any]
    assertEqual: Any
    assertRaises: Any
    assertRegex: Any
    addCleanup: Any
    subTest: Any
    assertTrue: Any

    def client(self, handler: Callable[[Handler], None], **settings: Any) -> Any:
        server = Server(handler)
        self.addCleanup(server.close)
        client = self.make(server.url, settings.pop("token", "a-token"), **{"retry_delay": 0.001, **settings})
        self.addCleanup(client.close)
        return client

    def test_what_passes_is_tried_again_after_what_retry_after_says(self) -> None:
        for status in (429, 502, 503, 504):
            with self.subTest(status):
                client = self.client(
                    lambda request: request.json(status, PROBLEM, Retry_After="0") if request.count < 3
                    else request.json(200, SESSIONS))

                self.assertEqual(client.list_sessions(), SESSIONS)

    def test_what_the_service_wants_to_have_waited_long_for_is_not_tried_again(self) -> None:
        requests = []

        def handler(request: Handler) -> None:
            requests.append(request)
            request.json(429, {**PROBLEM, "status": 429, "code": "quota_exceeded"}, Retry_After="3600")

        with self.assertRaises(ChatkeepProblem) as raised:
            self.client(handler).list_sessions()

        self.assertEqual((raised.exception.code, raised.exception.retry_after), ("quota_exceeded", 3600))
        self.assertEqual(len(requests), 1)

    def test_tries_end(self) -> None:
        requests = []

        def handler(request: Handler) -> None:
            requests.append(request)
            request.json(503, PROBLEM)

        with self.assertRaises(ChatkeepProblem) as raised:
            self.client(handler, max_retries=2).list_sessions()

        self.assertEqual((raised.exception.status, raised.exception.code, str(raised.exception)), (503, "too_busy", "Later."))
        self.assertEqual(len(requests), 3)

    def test_a_page_of_a_proxy_is_a_problem_too(self) -> None:
        def handler(request: Handler) -> None:
            request.head(404, "text/html")
            request.wfile.write(b"<html>")

        with self.assertRaises(ChatkeepProblem) as raised:
            self.client(handler).list_sessions()

        self.assertEqual((raised.exception.status, raised.exception.code), (404, "unknown"))

    def test_a_broken_connection_is_tried_again(self) -> None:
        def handler(request: Handler) -> None:
            if request.count < 3:
                request.connection.shutdown(socket.SHUT_RDWR)
            else:
                request.json(200, SESSIONS)

        self.assertEqual(self.client(handler).list_sessions(), SESSIONS)

    def test_a_service_that_is_not_there_is_a_connection_error(self) -> None:
        server = Server(lambda request: None)
        server.close()
        client = self.make(server.url, "t", retry_delay=0.001, max_retries=1)
        self.addCleanup(client.close)

        with self.assertRaises(ChatkeepConnectionError) as raised:
            client.list_sessions()

        self.assertTrue(raised.exception.__cause__)

    def test_a_question_is_sent_again_under_its_key(self) -> None:
        keys = []

        def handler(request: Handler) -> None:
            keys.append(request.headers["Idempotency-Key"])
            if request.count == 1:
                request.json(503, PROBLEM)
            elif request.count == 2:
                request.connection.shutdown(socket.SHUT_RDWR)
            else:
                request.json(200, {"data": DONE, "timestamp": DONE["timestamp"]})

        client = self.client(handler)
        client.create_answer({"message": "Hi"})
        client.create_answer({"message": "Hi"})
        client.create_answer({"message": "Hi"}, idempotency_key="mine")

        self.assertEqual(len(keys), 5)
        self.assertEqual(len(set(keys[:3])), 1)
        self.assertEqual(len(set(keys[2:])), 3)
        self.assertEqual(keys[4], "mine")

    def test_what_could_be_done_twice_is_sent_once(self) -> None:
        requests = []

        def handler(request: Handler) -> None:
            requests.append(request)
            request.json(503, {"error": {"message": "Later.", "type": "server_error", "param": None, "code": "too_busy"}})

        with self.assertRaises(ChatkeepProblem) as raised:
            self.client(handler).create_chat_completion({"messages": []})

        self.assertEqual((raised.exception.code, str(raised.exception)), ("too_busy", "Later."))
        self.assertEqual(len(requests), 1)

    def test_a_token_that_is_a_function_is_asked_before_each_try(self) -> None:
        tokens = []
        made = iter(("token-1", "token-2"))

        def handler(request: Handler) -> None:
            tokens.append(request.headers["Authorization"])
            request.json(503, PROBLEM) if request.count == 1 else request.json(200, SESSIONS)

        self.client(handler, token=lambda: next(made)).list_sessions()

        self.assertEqual(tokens, ["Bearer token-1", "Bearer token-2"])

    def test_parameters_travel_encoded_and_what_is_left_out_does_not(self) -> None:
        paths = []

        def handler(request: Handler) -> None:
            paths.append(request.path)
            request.json(200, SESSIONS)

        client = self.client(handler)
        client.get_model_access("openai/gpt 4")
        client.get_message("a/b?c")
        client.list_messages(session_id="ä&b", limit=5)
        client.list_model_access(active=True)

        self.assertEqual(paths, ["/api/models/openai/gpt%204/access", "/api/chat/messages/a%2Fb%3Fc",
                                 "/api/chat/messages?session_id=%C3%A4%26b&limit=5", "/api/admin/models?active=true"])

    def test_a_stream_that_breaks_off_goes_on_after_the_last_event(self) -> None:
        requests = []

        def handler(request: Handler) -> None:
            requests.append((request.command, request.path, request.headers["Last-Event-ID"]))
            if request.count == 2:
                return request.json(503, PROBLEM)
            request.head(200, "text/event-stream", **STREAM)
            if request.count == 1:
                request.chunk(": \n\n" + event(1, "delta", {"content": "One "}) + 'id: msg_1:2\ndata: {"con')
            else:
                request.chunk(event(2, "delta", {"content": "two"}) + event(3, "done", DONE))
                request.chunk("")

        events = list(self.client(handler).answer_stream({"message": "Hi"}))

        self.assertEqual([each.event for each in events], ["delta", "delta", "done"])
        self.assertEqual([each.content for each in events[:2]], ["One ", "two"])
        self.assertEqual(events[2].data, DONE)
        again = ("GET", "/api/chat/streams/msg_1", "msg_1:1")
        self.assertEqual(requests, [("POST", "/api/chat", None), again, again])

    def test_a_stream_that_falls_silent_counts_as_broken(self) -> None:
        silent = threading.Event()
        self.addCleanup(silent.set)

        def handler(request: Handler) -> None:
            request.head(200, "text/event-stream", **STREAM)
            request.chunk(event(1, "delta", {"content": "One"}))
            if request.count == 1:
                silent.wait()
                return
            request.chunk(event(2, "done", DONE))
            request.chunk("")

        events = list(self.client(handler, idle_timeout=1).answer_stream({"message": "Hi"}))

        # A machine that is slow may see the others as silent, too.
        self.assertRegex(",".join(each.event for each in events), "^delta(,delta)+,done$")

    def test_an_answer_that_fails_is_raised_and_not_asked_for_again(self) -> None:
        requests = []

        def handler(request: Handler) -> None:
            requests.append(request)
            request.head(200, "text/event-stream", **STREAM)
            request.chunk(event(1, "delta", {"content": "One"}) + event(2, "error", {**PROBLEM, "code": "provider_timeout"}))
            request.chunk("")

        with self.assertRaises(ChatkeepProblem) as raised:
            list(self.client(handler).answer_stream({"message": "Hi"}))

        self.assertEqual(raised.exception.code, "provider_timeout")
        self.assertEqual(len(requests), 1)

    def test_a_completion_in_openais_shape_that_fails_or_breaks_off_is_raised(self) -> None:
        error = {"message": "Gone.", "type": "server_error", "param": None, "code": "provider_broke_off"}

        def handler(request: Handler) -> None:
            request.head(200, "text/event-stream", **STREAM)
            request.chunk('data: {"choices": []}\n\n')
            if request.count == 1:
                request.chunk(f"data: {json.dumps({'error': error})}\n\n")
            request.chunk("")

        client = self.client(handler)
        with self.assertRaises(ChatkeepProblem) as raised:
            list(client.chat_completion_stream({"messages": []}))
        with self.assertRaises(ChatkeepConnectionError):
            list(client.chat_completion_stream({"messages": []}))

        self.assertEqual((raised.exception.code, str(raised.exception)), ("provider_broke_off", "Gone."))

    def test_a_question_that_another_instance_answers_is_followed_there(self) -> None:
        def handler(request: Handler) -> None:
            if request.count == 1:
                request.json(409, {**PROBLEM, "status": 409, "code": "answer_in_progress", "stream_id": "msg_1"})
            elif request.count == 2:
                request.json(409, {**PROBLEM, "status": 409, "code": "stream_elsewhere"}, Retry_After="0")
            else:
                request.head(200, "text/event-stream", **STREAM)
                request.chunk(event(1, "done", DONE))
                request.chunk("")

        answer = self.client(handler).create_answer({"message": "Hi"})

        self.assertEqual(answer["data"], DONE)

    def test_events_come_in_any_pieces_and_with_any_end_of_line(self) -> None:
        text = '\ufeffid: msg_1:1\r\nevent:delta\rdata: {"content":\r\ndata: "Grüße 🙂"}\n\n' + event(2, "done", DONE)

        def handler(request: Handler) -> None:
            request.head(200, "text/event-stream", **STREAM)
            for byte in text.encode():
                request.chunk(bytes([byte]))
            request.chunk("")

        events = list(self.client(handler).follow_answer("msg_1"))

        self.assertEqual([(each.id, each.data) for each in events],
                         [("msg_1:1", {"content": "Grüße 🙂"}), ("msg_1:2", DONE)])

    def test_who_reads_no_further_closes_the_connection(self) -> None:
        closed = threading.Event()

        def handler(request: Handler) -> None:
            request.head(200, "text/event-stream", **STREAM)
            request.chunk(event(1, "delta", {"content": "One"}))
            if request.rfile.read(1) == b"":
                closed.set()

        stream = self.client(handler).answer_stream({"message": "Hi"})
        self.assertEqual(next(stream).event, "delta")
        stream.close()

        self.assertTrue(closed.wait(120))

    def test_pages_follow_their_cursors(self) -> None:
        def handler(request: Handler) -> None:
            page = int(request.path.partition("cursor=")[2].partition("&")[0] or 0)
            request.json(200, {"sessions": [{"id": f"s{page}"}], "count": 1,
                               "next_cursor": str(page + 1) if page < 2 else None})

        ids = [session["id"] for session in self.client(handler).iterate_sessions(limit=1)]

        self.assertEqual(ids, ["s0", "s1", "s2"])


class LocalClient(Local, unittest.TestCase):
    make = staticmethod(CLIENTS["Client"])


class LocalAsyncClient(Local, unittest.TestCase):
    make = staticmethod(CLIENTS["AsyncClient"])

    def test_a_token_may_come_later(self) -> None:
        async def token() -> str:
            return "later"

        tokens = []

        def handler(request: Handler) -> None:
            tokens.append(request.headers["Authorization"])
            request.json(200, SESSIONS)

        self.client(handler, token=token).list_sessions()

        self.assertEqual(tokens, ["Bearer later"])


if __name__ == "__main__":
    unittest.main()
