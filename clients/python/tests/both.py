"""Lets tests of the synchronous client run with the asynchronous one as well."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Callable, Iterator

from chatkeep import AsyncClient, Client


class Blocking:
    """The asynchronous client, as if it were the other one."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncClient(*arguments, **settings)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            result = method(*arguments, **keywords)
            return self._loop.run_until_complete(result) if inspect.isawaitable(result) else self._iterate(result)

        return call

    def _iterate(self, items: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    item = self._loop.run_until_complete(items.__anext__())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self._loop.run_until_complete(items.aclose())

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        for task in asyncio.all_tasks(self._loop):
            self._loop.run_until_complete(task)
        self._loop.close()


CLIENTS: dict[str, Callable[..., Any]] = {"Client": Client, "AsyncClient": Blocking}

