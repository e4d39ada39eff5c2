"""Start LocalStack without Docker: ``python infra/localstack/server.py``, in its own environment.

Two of LocalStack's engines are exchanged, as both come with its image only: DynamoDB Local (a Java
program) by MiniStack's DynamoDB, behind LocalStack's own DynamoDB service; and containers by
processes (`environments`), behind LocalStack's own Lambda service. The gateway of the local target
is in front of it: one port is AWS, the other the API.

Settings: ``GATEWAY_LISTEN`` names both ports, AWS's first. ``BACKROOM_TABLES_PYTHON`` has
MiniStack, ``BACKROOM_RUNTIME_PYTHON`` has awslambdaric.
"""

import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from localstack import config
from localstack.runtime.server import hypercorn
from localstack.services.dynamodb.server import DynamodbServer
from localstack.services.lambda_.invocation import runtime_executor
from localstack.utils.common import TMP_THREADS, ShellCommandThread
from rolo.gateway.asgi import AsgiGateway

from infra.local.gateway import Gateway
from infra.localstack.environments import ProcessEnvironment

# The tag `_custom_id_` of the template gives the API this id.
API_ID = "backroom"
LOG = logging.getLogger("backroom")


def use_ministacks_tables() -> None:
    """Have MiniStack play DynamoDB Local, on its port."""

    def start(server: DynamodbServer) -> ShellCommandThread:
        folder = tempfile.mkdtemp(prefix="tables-")
        settings = {
            "AWS_DEFAULT_REGION": "us-east-1",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(server.port),
            "HOME": folder,
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "PERSIST_STATE": "0",
            "S3_DATA_DIR": folder,
            "SFTP_ENABLED": "0",
        }
        thread = ShellCommandThread(
            [os.environ["BACKROOM_TABLES_PYTHON"], "-m", "ministack"],
            env_vars=settings,
            log_listener=lambda line, **_: LOG.warning("tables: %s", line.rstrip()),
            name="tables",
        )
        TMP_THREADS.append(thread)
        thread.start()
        return thread

    DynamodbServer.do_start_thread = start


def run_functions_in_processes() -> None:
    """Have LocalStack's Lambda service run each environment as a process."""

    class Executors:
        """The registry of LocalStack's executors."""

        def exists(self, _: str) -> bool:
            return True

        def load(self, _: str) -> Any:
            return SimpleNamespace(load=lambda: ProcessEnvironment)

    runtime_executor.EXECUTOR_PLUGIN_MANAGER = Executors()


def stand_behind_the_gateway() -> None:
    """Lead requests as the local target's gateway does, foreign pages refused."""
    aws_port, api_port = (listen.port for listen in config.GATEWAY_LISTEN)

    def behind(gateway: Any, event_loop: asyncio.AbstractEventLoop) -> Gateway:
        aws = AsgiGateway(gateway, event_loop=event_loop)
        return Gateway(aws, aws_port, api_port, lambda *_: (API_ID, "api", ""))

    hypercorn.AsgiGateway = behind


if __name__ == "__main__":
    use_ministacks_tables()
    run_functions_in_processes()
    stand_behind_the_gateway()
    from localstack.runtime.main import main

    main()
