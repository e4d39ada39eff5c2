"""Exporter, Prometheus and node-exporter beside the local stack: ``make up MONITORING=1``.

Standard library only. They run with the configuration that docker-compose.yml mounts; only the
targets are others.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.local import ports
from infra.local.processes import Background

ROOT = Path(__file__).parent.parent.parent
CONFIGURATION = ROOT / "monitoring" / "prometheus"
HOW_TO_GET = "sh infra/local/get-prometheus.sh"
# Where get-prometheus.sh unpacks Debian's packages.
_UNPACKED = ROOT / ".monitoring" / "debian" / "usr" / "bin"


@dataclass(frozen=True)
class Ports:
    """Where each program answers, on this machine only."""

    exporter: int = ports.DEFAULTS["EXPORTER_PORT"]
    prometheus: int = ports.DEFAULTS["PROMETHEUS_PORT"]
    node: int = ports.DEFAULTS["NODE_EXPORTER_PORT"]

    @classmethod
    def from_environment(cls) -> "Ports":
        """Return the ports that the environment names."""
        return cls(
            exporter=ports.port("EXPORTER_PORT"),
            prometheus=ports.port("PROMETHEUS_PORT"),
            node=ports.port("NODE_EXPORTER_PORT"),
        )


@dataclass(frozen=True)
class Monitoring:
    """What watches the stack ``stack`` at ``endpoint``; its files live in ``home``."""

    home: Path
    python: Path
    endpoint: str = ""
    stack: str = "backroom-local"
    ports: Ports = field(default_factory=Ports)
    poll_s: float = 5

    def start(self) -> list[str]:
        """Start what is there and does not run; return the names of all that run now."""
        self.configure()
        for program in self.programs():
            program.start()
        return [program.name for program in self.programs()]

    def stop(self) -> list[str]:
        """Stop what runs; what was counted stays. Return the names."""
        return [program.name for program in self.programs() if program.stop()]

    def configure(self) -> None:
        """Write Prometheus' configuration: the shipped one, with the targets of this machine."""
        shutil.rmtree(self.home / "prometheus", ignore_errors=True)
        shutil.copytree(CONFIGURATION, self.home / "prometheus")
        for name, port in vars(self.ports).items():
            target = self.home / "prometheus" / "targets" / f"{name}.yml"
            target.write_text(f'- targets: ["127.0.0.1:{port}"]\n')

    def programs(self) -> Iterator[Background]:
        """Yield the programs that this machine can run."""
        yield self.exporter
        if binary := find("prometheus"):
            yield Background(
                self.home,
                "prometheus",
                [
                    *(binary, f"--config.file={self.home}/prometheus/prometheus.yml"),
                    f"--storage.tsdb.path={self.home}/prometheus-data",
                    f"--web.listen-address=127.0.0.1:{self.ports.prometheus}",
                ],
                mark=f"{self.home}/prometheus-data",
                ports={"PROMETHEUS_PORT": self.ports.prometheus},
            )
        if binary := find("prometheus-node-exporter") or find("node_exporter"):
            listen = f"--web.listen-address=127.0.0.1:{self.ports.node}"
            port = {"NODE_EXPORTER_PORT": self.ports.node}
            yield Background(self.home, "node-exporter", [binary, listen], listen, ports=port)

    @property
    def exporter(self) -> Background:
        """Return the exporter, which needs nothing but this checkout."""
        settings = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "EXPORTER_POLL_S": str(self.poll_s),
            "EXPORTER_PORT": str(self.ports.exporter),
            "EXPORTER_STACK": self.stack,
            "EXPORTER_STATE": str(self.home / "exporter.db"),
            "PYTHONPATH": str(ROOT),
        }
        return Background(
            self.home,
            "exporter",
            [str(self.python), "-m", "monitoring.exporter"],
            mark="monitoring.exporter",
            environment=settings,
            ports={"EXPORTER_PORT": self.ports.exporter},
        )


def find(program: str) -> str | None:
    """Return where a program is: on the path, or where get-prometheus.sh puts it."""
    return shutil.which(program) or shutil.which(program, path=str(_UNPACKED))
