"""Lines and events out of the pieces that a body comes in."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Iterator

_END_OF_LINE = re.compile("\r\n|\n|\r")


class Lines:
    """The lines of a body. One that has no end is not there."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""

    def feed(self, chunk: bytes) -> list[str]:
        text = self._rest + self._decoder.decode(chunk)
        # A carriage return at the end may be the half of a line's end.
        whole = text[:-1] if text.endswith("\r") else text
        *lines, rest = _END_OF_LINE.split(whole)
        self._rest = rest + text[len(whole) :]
        return lines

    def end(self) -> list[str]:
        return [self._rest[:-1]] if self._rest.endswith("\r") else []


@dataclass
class ServerSentEvent:
    id: str
    event: str
    data: str


class Events:
    """The events of a stream (text/event-stream). One that its end cuts off is not there."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._id = ""
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        return self._read(self._lines.feed(chunk))

    def end(self) -> Iterator[ServerSentEvent]:
        return self._read(self._lines.end())

    def _read(self, lines: list[str]) -> Iterator[ServerSentEvent]:
        for line in lines:
            if line == "":
                event, data = self._event or "message", self._data
                self._event, self._data = "", []
                if data:
                    yield ServerSentEvent(self._id, event, "\n".join(data))
                continue
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "id":
                self._id = value
            elif field == "event":
                self._event = value
            elif field == "data":
                self._data.append(value)
