"""The client with a service: CHATKEEP_URL says where, CHATKEEP_TOKEN is that of a user."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import pathlib
import re
import unittest
import uuid
from typing import Any, Callable
from urllib.parse import urlsplit

from chatkeep import ChatkeepProblem, Done

from .both import CLIENTS
from .server import Handler, Server

URL = os.environ.get("CHATKEEP_URL", "")
TOKEN = os.environ.get("CHATKEEP_TOKEN", "")


def name() -> str:
    return f"conv_{uuid.uuid4()}"


def text(events: list[Any]) -> str:
    return "".join(event.content for event in events if event.event == "delta")


class Service:
    """The tests of both clients."""

    make: Callable[..., Any]
    client: Any
    assertEqual: Any
    assertRaises: Any
    assertTrue: Any
    assertGreater: Any
    assertIn: Any
    assertIsNone: Any
    assertNotIn: Any
    addCleanup: Any

    def setUp(self) -> None:
        self.client = self.make(URL, lambda: TOKEN)
        self.addCleanup(self.client.close)

    def test_a_session_is_created_listed_renamed_and_deleted(self) -> None:
        id = name()

        created = self.client.create_session({"id": id, "title": "First"})
        renamed = self.client.rename_session({"id": id, "title": "Second"})
        listed = self.client.list_sessions()
        deleted = self.client.delete_session(id=id)

        self.assertEqual(created["session"]["title"], "First")
        self.assertIsNone(created["session"]["last_model"])
        self.assertEqual(renamed["session"]["title"], "Second")
        self.assertIn((id, "Second"), [(session["id"], session["title"]) for session in listed["sessions"]])
        self.assertTrue(deleted["success"])
        self.assertNotIn(id, [session["id"] for session in self.client.list_sessions()["sessions"]])

    def test_sessions_and_messages_come_page_by_page(self) -> None:
        id = name()
        texts = ["One", "Two", "Three", "Four", "Five"]
        self.client.create_session({"id": id})
        for i, content in enumerate(texts):
            message = {"id": f"{id}_{i}", "role": "user", "content": content}
            self.client.store_message({"sessionId": id, "message": message})

        pages = list(self.client.iterate_messages_pages(session_id=id, limit=2))
        messages = list(self.client.iterate_messages(session_id=id, limit=2))
        sessions = list(self.client.iterate_sessions(limit=1))

        self.assertEqual([page["count"] for page in pages], [2, 2, 1])
        self.assertEqual([message["content"] for message in messages], texts)
        self.assertIn((id, 5), [(session["id"], session["message_count"]) for session in sessions])

    def test_a_message_is_read_changed_and_deleted(self) -> None:
        session = name()
        id = f"{session}/a?b"
        self.client.create_session({"id": session})
        self.client.store_message({"sessionId": session, "message": {"id": id, "role": "user", "content": "Grüße 🙂"}})

        read = self.client.get_message(id)
        changed = self.client.update_message(id, {"content": "Hello"})
        self.client.delete_message(id)

        self.assertEqual(read["message"]["content"], "Grüße 🙂")
        self.assertEqual(changed["message"]["content"], "Hello")
        self.assertEqual(self.client.list_messages(session_id=session)["messages"], [])

    def test_conversations_go_up_and_down(self) -> None:
        id = name()
        messages = [{"id": f"{id}_1", "role": "user", "content": "Hi"}]

        up = self.client.upload_conversations({"conversations": [{"id": id, "title": "Up", "messages": messages}]})
        down = self.client.download_conversations()

        self.assertEqual(up["results"]["synced"], 1)
        self.assertIn((id, ["Hi"]), [(conversation["id"], [message["content"] for message in conversation["messages"]])
                                     for conversation in down["conversations"]])

    def test_an_answer_comes_whole_and_once_for_a_key(self) -> None:
        session = name()
        key = str(uuid.uuid4())
        question = {"sessionId": session, "message": "Three words here"}

        first = self.client.create_answer(question, idempotency_key=key)
        again = self.client.create_answer(question, idempotency_key=key)

        self.assertEqual(first["data"]["response"], "Three words here")
        self.assertEqual(again["data"]["stream_id"], first["data"]["stream_id"])
        self.assertEqual(self.client.list_messages(session_id=session)["count"], 2)

    def test_an_answer_comes_as_it_is_written(self) -> None:
        events = list(self.client.answer_stream({"sessionId": name(), "message": "One two three"}))

        self.assertEqual(text(events), "One two three")
        self.assertTrue(isinstance(events[-1], Done))
        self.assertEqual(events[-1].data["response"], "One two three")

    def test_a_stream_that_breaks_off_goes_on_where_it_was(self) -> None:
        requests: list[tuple[str, str | None]] = []
        proxy = Server(breaking_proxy(requests))
        self.addCleanup(proxy.close)
        client = self.make(proxy.url, TOKEN, retry_delay=0.01)
        self.addCleanup(client.close)

        events = list(client.answer_stream({"sessionId": name(), "message": "One two three four five"}))

        self.assertEqual(text(events), "One two three four five")
        self.assertEqual([event.event for event in events].count("done"), 1)
        self.assertEqual([request[0] for request in requests], ["POST", "GET"])
        self.assertEqual(requests[1][1], events[0].id)

    def test_an_answer_is_followed_again(self) -> None:
        first, *_, done = self.client.answer_stream({"sessionId": name(), "message": "One two three"})

        whole = list(self.client.follow_answer(done.data["stream_id"]))
        rest = list(self.client.follow_answer(done.data["stream_id"], last_event_id=first.id))

        self.assertEqual(text(whole), "One two three")
        self.assertEqual(text([first, *rest]), "One two three")

    def test_a_field_that_is_wrong_is_named(self) -> None:
        with self.assertRaises(ChatkeepProblem) as raised:
            self.client.create_session({"id": ""})

        self.assertEqual((raised.exception.status, raised.exception.code), (422, "invalid_field"))
        self.assertEqual(raised.exception.errors, [{"field": "id", "message": "must not be empty"}])

    def test_what_is_not_there_is_a_problem(self) -> None:
        with self.assertRaises(ChatkeepProblem) as session:
            self.client.list_messages(session_id=name())
        with self.assertRaises(ChatkeepProblem) as model:
            self.client.get_openai_model("no/model")

        self.assertEqual((session.exception.status, session.exception.code), (404, "session_not_found"))
        self.assertEqual((model.exception.status, model.exception.code), (404, "model_not_found"))

    def test_a_token_that_is_wrong_is_a_problem(self) -> None:
        stranger = self.make(URL, "no-token")
        self.addCleanup(stranger.close)

        with self.assertRaises(ChatkeepProblem) as whole:
            stranger.get_user_data()
        with self.assertRaises(ChatkeepProblem) as streamed:
            list(stranger.answer_stream({"message": "Hi"}))

        self.assertEqual((whole.exception.status, whole.exception.code), (401, "invalid_token"))
        self.assertEqual((streamed.exception.status, streamed.exception.code), (401, "invalid_token"))

    def test_openais_completions_come_whole_and_streamed(self) -> None:
        model = self.client.list_models()["models"][0]["id"]
        request = {"model": model, "messages": [{"role": "user", "content": "One two"}]}

        whole = self.client.create_chat_completion(request, session_id=name())
        chunks = list(self.client.chat_completion_stream(request))

        self.assertTrue(self.client.get_model_access(model)["allowed"])
        self.assertEqual(self.client.get_openai_model(model)["id"], model)
        self.assertIn("One two", str(whole))
        self.assertGreater(len(chunks), 1)

    def test_everything_about_the_user_comes_whole_and_in_lines(self) -> None:
        self.client.create_session({"id": name()})

        whole = self.client.export_user_data()
        lines = list(self.client.export_lines())

        self.assertTrue(whole["conversations"])
        self.assertIn("conversation", {line["type"] for line in lines})

    def test_preferences_and_usage_are_read_and_changed(self) -> None:
        changed = self.client.update_preferences({"ui": {"theme": "dark"}, "model": {"temperature": 0.5}})
        usage = self.client.get_usage_summary()

        self.assertEqual(changed["preferences"]["ui"]["theme"], "dark")
        self.assertTrue(usage["today"]["total_tokens"] >= 0)


def breaking_proxy(requests: list[tuple[str, str | None]]) -> Callable[[Handler], None]:
    """In front of the service: breaks an answer off after its first event."""

    def handler(request: Handler) -> None:
        requests.append((request.command, request.headers["Last-Event-ID"]))
        target = urlsplit(URL)
        upstream = http.client.HTTPConnection(target.hostname or "", target.port)
        headers = {key: value for key, value in request.headers.items() if key.lower() != "connection"}
        upstream.request(request.command, request.path, request.body or None, headers)
        response = upstream.getresponse()
        request.head(response.status, "text/event-stream", Transfer_Encoding="chunked",
                     X_Stream_Id=response.headers["X-Stream-Id"])
        broken = False
        event = b""
        for line in response:
            event += line
            if line == b"\n" and not broken:
                request.chunk(event)
                broken = request.command == "POST" and b"event: delta" in event
                event = b""
                if broken:
                    request.connection.shutdown(2)
        if not broken:
            request.chunk("")
        upstream.close()

    return handler


@unittest.skipIf(URL == "", "CHATKEEP_URL names no service")
class Readme(unittest.TestCase):
    def test_its_example_works(self) -> None:
        readme = (pathlib.Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
        example = re.findall("```python\n(.*?)```", readme, re.DOTALL)[0].replace("http://localhost:8080", URL)
        out = io.StringIO()

        with contextlib.redirect_stdout(out):
            exec(compile(example, "README.md", "exec"), {})

        self.assertRegex(out.getvalue(), r"^Where do we start\?\n\d+ tokens\nuser Where do we start\?\n"
                                         r"assistant Where do we start\?\n422 invalid_field")


@unittest.skipIf(URL == "", "CHATKEEP_URL names no service")
class ServiceClient(Service, unittest.TestCase):
    make = staticmethod(CLIENTS["Client"])


@unittest.skipIf(URL == "", "CHATKEEP_URL names no service")
class ServiceAsyncClient(Service, unittest.TestCase):
    make = staticmethod(CLIENTS["AsyncClient"])
