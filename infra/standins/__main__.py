"""Run the stand-ins until SIGTERM: ``python -m infra.standins HTTP_PORT SMTP_PORT HOME WEBHOOK``.

``WEBHOOK`` is where Jira's events go, and may be empty.
"""

import logging
import signal
import sys
import threading
from pathlib import Path

from infra.standins.contracts import Contracts
from infra.standins.server import Standins


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    http_port, smtp_port, home = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd scolds itself at each login
    over = threading.Event()
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, lambda *_: over.set())
    standins = Standins(
        home,
        http_port=http_port,
        smtp_port=smtp_port,
        contracts=Contracts.find(),
        webhook=sys.argv[4],
    ).start()
    over.wait()
    standins.stop()


if __name__ == "__main__":
    main()
