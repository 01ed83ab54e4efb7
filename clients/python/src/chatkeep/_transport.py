"""How requests travel: tokens, other tries, problems."""

from __future__ import annotations

import asyncio
import inspect
import random
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, AsyncGenerator, Awaitable, Callable, Generator, Mapping, Union
from urllib.parse import quote

import httpx

from .problem import ChatkeepConnectionError, ChatkeepProblem

PASSING = {429, 502, 503, 504}

# The same request again would be answered the same, or be charged again.
FINAL = {"answer_too_large", "interrupted", "provider_broke_off"}

LONGEST_BACKOFF = 8.0

Token = Union[str, Callable[[], str]]
AsyncToken = Union[str, Callable[[], Union[str, Awaitable[str]]]]


def segment(value: str) -> str:
    """A part of a path."""
    return quote(value, safe="")


def segments(value: str) -> str:
    """Parts of a path, such as a model's id."""
    return quote(value, safe="/")


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = None
    #: An Idempotency-Key makes it repeatable.
    keyed: bool = False
    #: False: it is sent once.
    repeatable: bool = True

    def with_key(self) -> Call:
        """With the key that makes it the same when it is sent again."""
        if not self.keyed or self.headers.get("Idempotency-Key") is not None:
            return self
        return replace(self, headers={**self.headers, "Idempotency-Key": uuid.uuid4().hex})


@dataclass(frozen=True)
class Settings:
    base_url: str
    max_retries: int
    retry_delay: float
    max_retry_delay: float
    timeout: float
    idle_timeout: float

    def delay(self, error: Exception, tries: int) -> float | None:
        """Seconds to wait before another try, of which so many were made before; None: it would not help."""
        backoff: float = min(self.retry_delay * 2**tries, LONGEST_BACKOFF) * random.uniform(0.5, 1)
        if isinstance(error, ChatkeepConnectionError):
            return backoff
        if not isinstance(error, ChatkeepProblem) or error.code in FINAL:
            return None
        if error.status not in PASSING and not (error.status == 409 and error.retry_after is not None):
            return None
        delay = backoff if error.retry_after is None else error.retry_after
        return None if delay > self.max_retry_delay else delay

    def delay_of(self, call: Call, error: Exception, tries: int) -> float | None:
        if not call.repeatable or tries >= self.max_retries:
            return None
        return self.delay(error, tries)

    def expect_pieces(self, response: httpx.Response) -> None:
        """Has a stream that has begun count as broken sooner than a response that is waited for: that may take long."""
        timeout = response.request.extensions.get("timeout")
        if isinstance(timeout, dict):
            timeout["read"] = self.idle_timeout

    def request(self, client: httpx.Client | httpx.AsyncClient, call: Call, token: str, accept: str) -> httpx.Request:
        headers = {"Accept": accept, "Authorization": f"Bearer {token}"}
        headers.update({name: value for name, value in call.headers.items() if value is not None})
        query = {name: str(value).lower() if isinstance(value, bool) else str(value)
                 for name, value in call.query.items() if value is not None}
        return client.build_request(
            call.method,
            self.base_url + call.path,
            params=query or None,
            headers=headers,
            json=call.body,
            timeout=httpx.Timeout(self.timeout, connect=min(10.0, self.timeout)),
        )


def settings(
    base_url: str, max_retries: int, retry_delay: float, max_retry_delay: float, timeout: float, idle_timeout: float
) -> Settings:
    return Settings(base_url.rstrip("/"), max_retries, retry_delay, max_retry_delay, timeout, idle_timeout)


def broken(error: Exception) -> ChatkeepConnectionError:
    return ChatkeepConnectionError(f"The service could not be reached, or the connection broke off: {error!r}")


class Transport:
    """
    :param base_url: where the service is, such as `https://chat.example.org`
    :param token: of the user; a function is asked before each request
    :param max_retries: how often a request is sent again after a failure that may pass
    :param retry_delay: seconds before the first of these, twice as long before each other
    :param max_retry_delay: the longest time in seconds that is waited before another try. What the service wants to have
        waited longer for is not tried again
    :param timeout: seconds that the service may be silent before it responds
    :param idle_timeout: seconds without a byte after which a stream counts as broken
    :param http: a client of httpx to use; it is not closed
    """

    def __init__(
        self,
        base_url: str,
        token: Token,
        *,
        max_retries: int = 3,
        retry_delay: float = 0.5,
        max_retry_delay: float = 30.0,
        timeout: float = 600.0,
        idle_timeout: float = 60.0,
        http: httpx.Client | None = None,
    ) -> None:
        self._settings = settings(base_url, max_retries, retry_delay, max_retry_delay, timeout, idle_timeout)
        self._token = token
        self._own = http is None
        self._http = http or httpx.Client()

    def close(self) -> None:
        if self._own:
            self._http.close()

    def _call(self, call: Call) -> Any:
        response = self._send(call, "application/json")
        return response.json()

    def _send(self, call: Call, accept: str, stream: bool = False) -> httpx.Response:
        call = call.with_key()
        tries = 0
        while True:
            try:
                return self._attempt(call, accept, stream)
            except (ChatkeepProblem, ChatkeepConnectionError) as error:
                delay = self._settings.delay_of(call, error, tries)
                if delay is None:
                    raise
            tries += 1
            time.sleep(delay)

    def _attempt(self, call: Call, accept: str, stream: bool) -> httpx.Response:
        token = self._token() if callable(self._token) else self._token
        try:
            response = self._http.send(self._settings.request(self._http, call, token, accept), stream=stream)
            if not response.is_success:
                try:
                    response.read()
                finally:
                    response.close()
        except httpx.TransportError as error:
            raise broken(error) from error
        if not response.is_success:
            raise ChatkeepProblem.of(response.status_code, response.content, response.headers)
        self._settings.expect_pieces(response)
        return response

    @staticmethod
    def _chunks(response: httpx.Response) -> Generator[bytes, None, None]:
        try:
            yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise broken(error) from error
        finally:
            response.close()


class AsyncTransport:
    """
    :param base_url: where the service is, such as `https://chat.example.org`
    :param token: of the user; a function, asynchronous or not, is asked before each request
    :param max_retries: how often a request is sent again after a failure that may pass
    :param retry_delay: seconds before the first of these, twice as long before each other
    :param max_retry_delay: the longest time in seconds that is waited before another try. What the service wants to have
        waited longer for is not tried again
    :param timeout: seconds that the service may be silent before it responds
    :param idle_timeout: seconds without a byte after which a stream counts as broken
    :param http: a client of httpx to use; it is not closed
    """

    def __init__(
        self,
        base_url: str,
        token: AsyncToken,
        *,
        max_retries: int = 3,
        retry_delay: float = 0.5,
        max_retry_delay: float = 30.0,
        timeout: float = 600.0,
        idle_timeout: float = 60.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._settings = settings(base_url, max_retries, retry_delay, max_retry_delay, timeout, idle_timeout)
        self._token = token
        self._own = http is None
        self._http = http or httpx.AsyncClient()

    async def close(self) -> None:
        if self._own:
            await self._http.aclose()

    async def _call(self, call: Call) -> Any:
        response = await self._send(call, "application/json")
        return response.json()

    async def _send(self, call: Call, accept: str, stream: bool = False) -> httpx.Response:
        call = call.with_key()
        tries = 0
        while True:
            try:
                return await self._attempt(call, accept, stream)
            except (ChatkeepProblem, ChatkeepConnectionError) as error:
                delay = self._settings.delay_of(call, error, tries)
                if delay is None:
                    raise
            tries += 1
            await asyncio.sleep(delay)

    async def _attempt(self, call: Call, accept: str, stream: bool) -> httpx.Response:
        token = self._token() if callable(self._token) else self._token
        if inspect.isawaitable(token):
            token = await token
        try:
            response = await self._http.send(self._settings.request(self._http, call, token, accept), stream=stream)
            if not response.is_success:
                try:
                    await response.aread()
                finally:
                    await response.aclose()
        except httpx.TransportError as error:
            raise broken(error) from error
        if not response.is_success:
            raise ChatkeepProblem.of(response.status_code, response.content, response.headers)
        self._settings.expect_pieces(response)
        return response

    @staticmethod
    async def _chunks(response: httpx.Response) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        except httpx.TransportError as error:
            raise broken(error) from error
        finally:
            await response.aclose()
