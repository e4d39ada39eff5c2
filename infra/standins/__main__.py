"""Run the stand-ins until SIGTERM: ``python -m infra.standins HTTP_PORT SMTP_PORT HOME WEBHOOK``.

``WEBHOOK`` is where Jira's events go, and may be empty. In a container: ``--bind 0.0.0.0``, and
``--name`` for the host name by which functions find it.
"""

import argparse
import json
import logging
import signal
import threading
from pathlib import Path

from infra.standins.contracts import Contracts
from infra.standins.server import Standins


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m infra.standins")
    parser.add_argument("http_port", type=int)
    parser.add_argument("smtp_port", type=int)
    parser.add_argument("home", type=Path)
    parser.add_argument("webhook", nargs="?", default="")
    parser.add_argument("--bind", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--name", default="", help="the host name in the settings")
    parser.add_argument("--settings", type=Path, help="where to write the vendors' settings")
    options = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd scolds itself at each login
    over = threading.Event()
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, lambda *_: over.set())
    standins = Standins(
        options.home,
        http_port=options.http_port,
        smtp_port=options.smtp_port,
        contracts=Contracts.find(),
        webhook=options.webhook,
        bind=options.bind,
        name=options.name,
    ).start()
    if options.settings:
        part = options.settings.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(standins.settings(), sort_keys=True))
        part.replace(options.settings)
    over.wait()
    standins.stop()


if __name__ == "__main__":
    main()
