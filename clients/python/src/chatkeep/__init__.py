"""A client of Chatkeep: sessions, messages, sync and answers of models."""

from . import types
from .client import AnswerEvent, AsyncClient, Client, Delta, Done
from .problem import ChatkeepConnectionError, ChatkeepProblem

__version__ = "0.1.0"

__all__ = [
    "AnswerEvent",
    "AsyncClient",
    "ChatkeepConnectionError",
    "ChatkeepProblem",
    "Client",
    "Delta",
    "Done",
    "types",
]
