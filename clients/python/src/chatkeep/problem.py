"""What goes wrong."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any, Mapping

from .types import FieldError


class ChatkeepProblem(Exception):
    """What the service refused or could not do. `code` is stable and meant for programs."""

    def __init__(self, status: int, problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.get("detail") or problem.get("title") or f"The response has status {status}.")
        headers = headers or {}
        self.status = status
        #: `unknown` where the response is no problem document, such as that of a proxy.
        self.code: str = problem.get("code") or "unknown"
        #: The fields that are wrong.
        self.errors: list[FieldError] = problem.get("errors") or []
        #: Seconds after which another try makes sense.
        self.retry_after = retry_after(headers.get("Retry-After"))
        #: The answer that the problem is about.
        self.stream_id: str | None = problem.get("stream_id")
        #: The request's id in the log of the service.
        self.request_id: str | None = headers.get("X-Request-Id")
        self.problem = problem

    @classmethod
    def of(cls, status: int, body: bytes, headers: Mapping[str, str]) -> ChatkeepProblem:
        try:
            problem = json.loads(body)
        except ValueError:  # What stands between client and service answers in its own way.
            problem = None
        if not isinstance(problem, dict):
            return cls(status, {}, headers)
        openai = problem.get("error")
        if isinstance(openai, dict):
            problem = {**problem, "code": openai.get("code") or openai.get("type"), "detail": openai.get("message")}
        return cls(status, problem, headers)


class ChatkeepConnectionError(Exception):
    """The service could not be reached, or the connection broke off, and no other try helped. `__cause__` says how."""


def retry_after(value: str | None) -> float | None:
    """Seconds, of seconds or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
