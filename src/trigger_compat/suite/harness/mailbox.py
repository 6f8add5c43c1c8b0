"""A mail server on this machine, for the mails that Airflow sends about a task."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Mailbox:
    """What has arrived, and the settings that make Airflow send it here."""

    port: int
    bodies: list[str] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def open(cls) -> Iterator[Mailbox]:
        """Serve until the end of the ``with`` block, on a port that is free."""
        mailbox = cls(port=_free_port())
        controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
        controller.start()
        try:
            yield mailbox
        finally:
            controller.stop()

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables: until 3.1 Airflow itself sends, later the SMTP provider does."""
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": self.port,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"},
        }
        return {
            "AIRFLOW__SMTP__SMTP_HOST": "127.0.0.1",
            "AIRFLOW__SMTP__SMTP_PORT": str(self.port),
            "AIRFLOW__SMTP__SMTP_STARTTLS": "False",
            "AIRFLOW__SMTP__SMTP_SSL": "False",
            "AIRFLOW__SMTP__SMTP_MAIL_FROM": "airflow@example.com",
            "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(connection),
        }

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = message.get_body(("html", "plain"))
        self.bodies.append(body.get_content() if body else "")
        return "250 OK"


def _free_port() -> int:
    """Return a port that nobody uses; the server cannot be asked to choose one itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
