"""The layer by hand: answers whose streams come back, and lines of exports."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, AsyncGenerator, Generator, Literal, Union, cast

import httpx

from . import types
from ._events import Events, Lines, ServerSentEvent
from ._operations import AsyncOperations, Operations
from ._transport import Call, Settings, segment
from .problem import ChatkeepConnectionError, ChatkeepProblem

EVENTS = "text/event-stream"
# Services that know lines only by the parameter refuse them as a type.
LINES = "application/x-ndjson, */*;q=0.5"

# How often an answer is asked for that another instance is receiving, `Retry-After` apart.
WAITS_FOR_ANOTHER_INSTANCE = 150


@dataclass(frozen=True)
class Delta:
    """A piece of the text. `id` is what `last_event_id` continues after."""

    id: str
    data: types.ChatDelta
    event: Literal["delta"] = "delta"

    @property
    def content(self) -> str:
        return self.data["content"]


@dataclass(frozen=True)
class Done:
    """The whole answer, at the end."""

    id: str
    data: types.ChatAnswer
    event: Literal["done"] = "done"


AnswerEvent = Union[Delta, Done]


class _Following:
    """What is known of a stream that may break off."""

    def __init__(self, settings: Settings, stream_id: str | None, last_event_id: str | None) -> None:
        self._settings = settings
        self._stream_id = stream_id
        self._last_event_id = last_event_id
        self._tries = 0
        self._waits = 0
        self._failed = False

    def call(self) -> Call:
        return Call(
            "GET",
            f"/api/chat/streams/{segment(self._stream_id or '')}",
            headers={"Last-Event-ID": self._last_event_id},
            repeatable=False,
        )

    def event(self, event: ServerSentEvent) -> AnswerEvent | None:
        self._tries = 0
        if self._stream_id is None and ":" in event.id:
            self._stream_id = event.id.rpartition(":")[0]
        data = json.loads(event.data)
        if event.event == "error":
            self._failed = True
            raise ChatkeepProblem(data["status"], data)
        if event.event == "delta":
            self._last_event_id = event.id
            return Delta(event.id, data)
        return Done(event.id, data) if event.event == "done" else None

    def delay(self, error: Exception) -> float:
        """Seconds before the stream is asked for again; raises the error if that would not help."""
        elsewhere = isinstance(error, ChatkeepProblem) and error.code == "stream_elsewhere"
        if elsewhere:
            self._waits += 1
            more = self._waits <= WAITS_FOR_ANOTHER_INSTANCE
        else:
            more = self._tries < self._settings.max_retries
        delay = self._settings.delay(error, self._tries) if more and self._stream_id and not self._failed else None
        if delay is None:
            raise error
        self._tries += 0 if elsewhere else 1
        return delay


def _running(problem: ChatkeepProblem) -> str:
    """The answer that another call gives to the same request; raises the problem if it is none of that kind."""
    if problem.status == 409 and problem.code in ("answer_in_progress", "already_answered") and problem.stream_id:
        return problem.stream_id
    raise problem


def _answer(body: types.ChatRequest, idempotency_key: str | None) -> Call:
    return Call(
        "POST",
        "/api/chat",
        headers={"Idempotency-Key": idempotency_key},
        body={**body, "stream": True},
        keyed=True,
    )


def _completion(body: types.ChatCompletionRequest, session_id: str | None) -> Call:
    return Call(
        "POST",
        "/v1/chat/completions",
        headers={"X-Session-Id": session_id},
        body={**body, "stream": True},
        repeatable=False,
    )


def _chunk(data: str) -> types.ChatCompletionChunk:
    chunk = cast(types.ChatCompletionChunk, json.loads(data))
    error = chunk.get("error")
    if error:
        raise ChatkeepProblem(200, {"code": error["code"] or error["type"], "detail": error["message"]})
    return chunk


_EXPORT = Call("GET", "/api/user/export", query={"format": "ndjson"})


class Client(Operations):
    """The API of a Chatkeep service.

    Closes its connections with `close()`, or as a context manager.
    """

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def create_answer(self, body: types.ChatRequest, *, idempotency_key: str | None = None) -> types.ChatResponse:
        """Asks a model and returns the whole answer."""
        try:
            return super().create_answer(body, idempotency_key=idempotency_key)
        except ChatkeepProblem as problem:
            stream_id = _running(problem)
        for event in self.follow_answer(stream_id):
            if isinstance(event, Done):
                return {"data": event.data, "timestamp": event.data["timestamp"]}
        raise AssertionError("A stream ends with done or an error.")

    def answer_stream(
        self, body: types.ChatRequest, *, idempotency_key: str | None = None
    ) -> Generator[AnswerEvent, None, None]:
        """Asks a model and gives its answer as it is written.

        A connection that breaks off is made again where the stream was. An answer that fails is raised as
        `ChatkeepProblem`.
        """
        try:
            response = self._send(_answer(body, idempotency_key), EVENTS, stream=True)
        except ChatkeepProblem as problem:
            stream_id = _running(problem)
        else:
            yield from self._resumed(response, response.headers.get("X-Stream-Id"), None)
            return
        yield from self.follow_answer(stream_id)

    def follow_answer(self, id: str, *, last_event_id: str | None = None) -> Generator[AnswerEvent, None, None]:
        """Follows an answer again: what came after `last_event_id`, or all of it."""
        yield from self._resumed(None, id, last_event_id)

    def chat_completion_stream(
        self, body: types.ChatCompletionRequest, *, session_id: str | None = None
    ) -> Generator[types.ChatCompletionChunk, None, None]:
        """A chat completion in OpenAI's shape as it is written. It is not sent again, and not resumed.

        One that fails in the middle is raised as `ChatkeepProblem` with the status of the response, 200.
        """
        response = self._send(_completion(body, session_id), EVENTS, stream=True)
        for event in self._events(response):
            if event.data == "[DONE]":
                return
            yield _chunk(event.data)
        raise ChatkeepConnectionError("The completion broke off.")

    def export_lines(self) -> Generator[types.ExportLine, None, None]:
        """Everything about the user, an item after the other.

        An export that breaks off is raised as `ChatkeepConnectionError`.
        """
        lines = Lines()
        for chunk in self._chunks(self._send(_EXPORT, LINES, stream=True)):
            for line in lines.feed(chunk):
                if line:
                    yield json.loads(line)

    def _events(self, response: httpx.Response) -> Generator[ServerSentEvent, None, None]:
        events = Events()
        for chunk in self._chunks(response):
            yield from events.feed(chunk)
        yield from events.end()

    def _resumed(
        self, response: httpx.Response | None, stream_id: str | None, last_event_id: str | None
    ) -> Generator[AnswerEvent, None, None]:
        following = _Following(self._settings, stream_id, last_event_id)
        while True:
            try:
                if response is None:
                    response = self._send(following.call(), EVENTS, stream=True)
                for event in self._events(response):
                    answer_event = following.event(event)
                    if answer_event is not None:
                        yield answer_event
                    if isinstance(answer_event, Done):
                        return
                raise ChatkeepConnectionError("The stream broke off.")
            except (ChatkeepProblem, ChatkeepConnectionError) as error:
                delay = following.delay(error)
            time.sleep(delay)
            response = None


class AsyncClient(AsyncOperations):
    """The API of a Chatkeep service, for asyncio.

    Closes its connections with `close()`, or as an asynchronous context manager.
    """

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def create_answer(
        self, body: types.ChatRequest, *, idempotency_key: str | None = None
    ) -> types.ChatResponse:
        """Asks a model and returns the whole answer."""
        try:
            return await super().create_answer(body, idempotency_key=idempotency_key)
        except ChatkeepProblem as problem:
            stream_id = _running(problem)
        async with aclosing(self.follow_answer(stream_id)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return {"data": event.data, "timestamp": event.data["timestamp"]}
        raise AssertionError("A stream ends with done or an error.")

    async def answer_stream(
        self, body: types.ChatRequest, *, idempotency_key: str | None = None
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Asks a model and gives its answer as it is written.

        A connection that breaks off is made again where the stream was. An answer that fails is raised as
        `ChatkeepProblem`.
        """
        response: httpx.Response | None = None
        try:
            response = await self._send(_answer(body, idempotency_key), EVENTS, stream=True)
            stream_id = response.headers.get("X-Stream-Id")
        except ChatkeepProblem as problem:
            stream_id = _running(problem)
        async with aclosing(self._resumed(response, stream_id, None)) as events:
            async for event in events:
                yield event

    async def follow_answer(
        self, id: str, *, last_event_id: str | None = None
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Follows an answer again: what came after `last_event_id`, or all of it."""
        async with aclosing(self._resumed(None, id, last_event_id)) as events:
            async for event in events:
                yield event

    async def chat_completion_stream(
        self, body: types.ChatCompletionRequest, *, session_id: str | None = None
    ) -> AsyncGenerator[types.ChatCompletionChunk, None]:
        """A chat completion in OpenAI's shape as it is written. It is not sent again, and not resumed.

        One that fails in the middle is raised as `ChatkeepProblem` with the status of the response, 200.
        """
        response = await self._send(_completion(body, session_id), EVENTS, stream=True)
        async with aclosing(self._events(response)) as events:
            async for event in events:
                if event.data == "[DONE]":
                    return
                yield _chunk(event.data)
        raise ChatkeepConnectionError("The completion broke off.")

    async def export_lines(self) -> AsyncGenerator[types.ExportLine, None]:
        """Everything about the user, an item after the other.

        An export that breaks off is raised as `ChatkeepConnectionError`.
        """
        lines = Lines()
        async with aclosing(self._chunks(await self._send(_EXPORT, LINES, stream=True))) as chunks:
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    if line:
                        yield json.loads(line)

    async def _events(self, response: httpx.Response) -> AsyncGenerator[ServerSentEvent, None]:
        events = Events()
        async with aclosing(self._chunks(response)) as chunks:
            async for chunk in chunks:
                for event in events.feed(chunk):
                    yield event
        for event in events.end():
            yield event

    async def _resumed(
        self, response: httpx.Response | None, stream_id: str | None, last_event_id: str | None
    ) -> AsyncGenerator[AnswerEvent, None]:
        following = _Following(self._settings, stream_id, last_event_id)
        while True:
            try:
                if response is None:
                    response = await self._send(following.call(), EVENTS, stream=True)
                async with aclosing(self._events(response)) as events:
                    async for event in events:
                        answer_event = following.event(event)
                        if answer_event is not None:
                            yield answer_event
                        if isinstance(answer_event, Done):
                            return
                raise ChatkeepConnectionError("The stream broke off.")
            except (ChatkeepProblem, ChatkeepConnectionError) as error:
                delay = following.delay(error)
            await asyncio.sleep(delay)
            response = None
