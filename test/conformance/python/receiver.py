"""A server that takes what webhook endpoints are sent."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from system import PATIENCE_SECONDS


@dataclass(frozen=True)
class Delivery:
    """A body as it came, since the signature is over its bytes."""

    headers: dict[str, str]
    body: bytes


class Receiver:
    """Listens on loopback until it is closed."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        deliveries = self.deliveries

        class Handler(BaseHTTPRequestHandler):
            """Takes everything."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                deliveries.append(Delivery({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keeps silent: the tests speak."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where endpoints are to send to."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def delivery(self, event_type: str, job_id: str | None = None) -> Delivery:
        """Waits for a body of this type, and about this job if one is named."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            for delivery in list(self.deliveries):
                event = json.loads(delivery.body)
                if event["type"] == event_type and job_id in (None, event["data"]["id"]):
                    return delivery
            time.sleep(0.1)
        raise AssertionError(f"{event_type} was not delivered")

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
