"""Servers of HTTP that answer as a test wants them to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable


class Handler(BaseHTTPRequestHandler):
    """One request. `count` says how many have come, this one included."""

    protocol_version = "HTTP/1.1"
    count = 0
    body = b""

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server: Any = self.server
        with server.lock:
            server.count += 1
            self.count = server.count
        self.close_connection = True
        server.handler(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def json(self, status: int, body: Any, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.head(status, "application/json", **headers)
        self.wfile.write(content)

    def head(self, status: int, content_type: str, **headers: str) -> None:
        """@param headers: with underscores for hyphens. The body ends with the connection, or is chunked if they say so."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def chunk(self, text: str | bytes) -> None:
        """A piece of a body with `Transfer_Encoding="chunked"`, which without an empty one breaks off."""
        data = text.encode() if isinstance(text, str) else text
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


class Server:
    def __init__(self, handler: Callable[[Handler], None]) -> None:
        self._server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handler = handler
        self._server.count = 0
        self._server.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
