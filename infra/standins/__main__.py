"""Run the stand-ins: ``python -m infra.standins HTTP_PORT SMTP_PORT HOME``, until SIGTERM."""

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
        home, http_port=http_port, smtp_port=smtp_port, contracts=Contracts.find()
    ).start()
    over.wait()
    standins.stop()


if __name__ == "__main__":
    main()
