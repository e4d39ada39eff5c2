"""What the client's tests talk to: canned answers, or the real app over services in memory."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

import httpx
from typer import testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from backroom.cli import app
from backroom.core.session import Session

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SAMPLE = "tests/data/transactions.txt"
Answer = Callable[[httpx.Request], httpx.Response]

# The parser of the command is built once, and not for each run: a process of its own has one run.
testing._get_command = cache(get_command)  # type: ignore[attr-defined]


def problem(status: int, detail: str, title: str = "Refused", **facts: Any) -> httpx.Response:
    """Return a problem document as the API writes it."""
    document = {"type": "/problems/x", "title": title, "status": status, "detail": detail, **facts}
    return httpx.Response(
        status, json=document, headers={"Content-Type": "application/problem+json"}
    )


def file(file_id: int = 12, state: str = "processed", **fields: Any) -> dict[str, Any]:
    """Return a file as the API answers it."""
    return {
        "id": file_id,
        "name": "T0001.GM001.2018-09-21_093448.zip",
        "original_name": "log.txt",
        "machine": "GM001",
        "technician": "T0001",
        "downloaded_at": "2018-09-21T09:34:48",
        "state": state,
        "uploaded_at": "2018-09-21T15:00:00Z",
        "rows_kept": 345,
        "rows_known": 45,
        "rows_refused": 0,
        "judged": state in {"processed", "suspect"},
        **fields,
    }


def machine(serial: str = "GM001", state: str = "healthy", **fields: Any) -> dict[str, Any]:
    """Return a machine as the API answers it."""
    counts = dict.fromkeys(
        ("under", "over", "gumballs", "unserved_cents", "given_away_cents"), 0
    ) | dict.fromkeys(("corrupt_lines", "suspected_duplicates"), 0)
    return {
        "serial": serial,
        "state": state,
        "transactions": 345,
        "credits_cents": 8625,
        **counts,
        "verdicts": [],
        "overdue": False,
        **fields,
    }


def fleet(*machines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a fleet's report as the API answers it."""
    names = ("transactions", "gumballs", "credits_cents", "unserved_cents", "given_away_cents")
    sums = {name: sum(each[name] for each in machines) for name in names}
    return {
        "machines": list(machines),
        "fleet_gaps": [],
        "totals": {"machines": len(machines), **sums},
        "window_days": 90,
        "up_to_date": True,
        **fields,
    }


@dataclass
class Desk:
    """Answers as configured, and records requests and their timeouts.

    The last answer to a request is given again and again.
    """

    requests: list[httpx.Request] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    browsed: list[str] = field(default_factory=list)
    _answers: dict[tuple[str, str], list[Answer]] = field(default_factory=lambda: defaultdict(list))

    def on(
        self, method: str, path: str, *answers: object, status: int = 200, **headers: str
    ) -> "Desk":
        """Answer JSON, text as it is, or a response; return the desk."""
        for answer in answers:
            self._answers[method, path].append(_answer(answer, status, headers))
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        waiting = self._answers.get((request.method, request.url.path))
        if not waiting and request.url.path.endswith("/days"):
            return httpx.Response(200, json=[])  # what is drawn beside a machine
        if not waiting:
            return problem(404, f"The desk knows nothing of {request.method} {request.url.path}.")
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return answer(request)

    def run(
        self,
        *args: object,
        says: list[str] | None = None,
        browser: bool = True,
        width: int = 100,
    ) -> Result:
        """Run the command; ``says`` is what the person answers, None when nobody is there."""

        def ask(question: str) -> str:
            self.questions.append(question)
            if not says:
                raise EOFError
            return says.pop(0)

        def browse(address: str) -> bool:
            self.browsed.append(address)
            return browser

        return run(
            *args,
            session=Session(
                transport=httpx.MockTransport(self),
                ask=None if says is None else ask,
                now=lambda: NOW,
                sleep=self.slept_s.append,
                browse=browse,
            ),
            width=width,
        )

    def sent(self, method: str, path: str) -> list[httpx.Request]:
        """Return the requests of one kind."""
        return [each for each in self.requests if (each.method, each.url.path) == (method, path)]


def run(*args: object, session: Session | None = None, width: int = 100) -> Result:
    """Run the command on ``args``."""
    env = {"COLUMNS": str(width), "NO_COLOR": "1", "TERMINAL_WIDTH": str(width), "TZ": "UTC"}
    nobody = Session(transport=httpx.MockTransport(_silence), now=lambda: NOW, sleep=lambda _: None)
    return CliRunner(env=env).invoke(app, [str(arg) for arg in args], obj=session or nobody)


def _silence(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("[Errno 111] Connection refused", request=request)


def _answer(answer: object, status: int, headers: dict[str, str]) -> Answer:
    if callable(answer):
        return answer
    if isinstance(answer, httpx.Response):
        return lambda _: httpx.Response(
            answer.status_code, content=answer.content, headers=answer.headers
        )
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return lambda _: httpx.Response(status, text=text, headers=headers)


def words(result: Result, stream: Literal["stdout", "stderr"] = "stdout") -> str:
    """Return what was printed, without the frames of Typer, and each run of blanks as one."""
    text = result.stdout if stream == "stdout" else result.stderr
    return " ".join(text.replace("│", " ").split())


def hours_ago(hours: float) -> str:
    """Return an instant as the API writes it."""
    return f"{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
