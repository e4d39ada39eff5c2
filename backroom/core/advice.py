"""The next step after a refusal: which command mends what the API complains of."""

import re
from http import HTTPStatus

# What the API says, and the command that helps; groups of the pattern fill the braces.
_BY_DETAIL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), command)
    for pattern, command in (
        (r"There is no site ([\w.-]*\w)", "backroom sites put {0} --name NAME"),
        (r"There is no technician (T\d+)", "backroom technicians put {0} --name NAME"),
        (r"There is no machine (GM\d+)", "backroom machines put {0} --technician T0001"),
        (r"There is no file \d+ of (T\d+)", "backroom files list --technician {0}"),
        (r"There is no file \d+ of dispatcher", "backroom imports list"),
        (r"There is no file", "backroom files list --technician T0001, or backroom imports list"),
        (r"There is no dispatch", "backroom dispatch list"),
        (
            r"(GM\d+) is not assigned to (T\d+)",
            "backroom machines put {0} --technician {1}, to assign it",
        ),
        (r"is here already, as file (\d+)", "backroom files show {0}"),
        (r"Package (\S+) was sent before", "backroom packages show {0}"),
        (r"No package (\S+) was ever sent", "backroom packages send {0} --from ... --to ..."),
        (r"no verdict on message (\S+),", "wait a moment: backroom packages verdict {0}"),
        (r"Dispatch (\d+) to", "backroom dispatch close {0}"),
        (r"There is no warranty", "backroom warranties list"),
        (r"There is no account \S+ at", "backroom ledger list --account ID shows its transactions"),
        (r"There is no (account|transaction)", "backroom ledger list shows the newest"),
        (r"is half of the transfer ([^\s,]+), which", "backroom ledger reverse {0} --transfer"),
        (r"There is no transfer", "backroom ledger show TRANSACTION names the transfer"),
        (r"send a new transfer", "backroom ledger transfer FROM TO AMOUNT"),
        (r"(\S+) is itself a reversal", "backroom ledger post ACCOUNT AMOUNT"),
        (r"needs a new (id|key)", "run it with another --{0}, or with none"),
        (r"There is no effect", "backroom outbox list"),
        (r"There is no event", "backroom events list"),
        (r"There is no subscription", "backroom webhooks list"),
        (r"Subscription (\S+) is not active", "backroom webhooks change {0} --active"),
        (r"Subscription (\S+) has that URL", "backroom webhooks show {0}"),
        (r"A worker is at (\S+) until", "wait a minute: backroom outbox show {0}"),
        (r"Effect (\S+) is being processed right now", "backroom outbox show {0}"),
        (r"(\S+) is done, and nothing is done twice", "backroom outbox show {0}"),
        (r"There is no queue|dead letters of \S+ back", "backroom dlq list"),
        (r"under the floor", "backroom ledger account ID shows the balance"),
        (r"There is no cake (\S+) to order", "backroom cakes list"),
        (r"There is (no|a) cake", "backroom cakes list"),
        (r"[Oo]rder (\d+) (is ready|was cancelled)", "backroom orders show {0}"),
        (r"There is no order", "backroom orders list --status all"),
        (r"There is no batch", "backroom batches list"),
        (r"There is no employee", "backroom employees list"),
        (r"Employee (\d+) is", "backroom employees show {0}"),
        (r"takes a bearer token|bearer token was refused", "backroom login"),
        (r"takes a token with", "backroom whoami shows your scopes; your provider grants them"),
        (r"does not say whose", "ask for your technician number in the token (docs/auth.md)"),
    )
)
_BY_STATUS: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "correct what is named above, or add --help to the command",
    HTTPStatus.FORBIDDEN: "backroom technicians list shows which machine is assigned to whom",
    HTTPStatus.NOT_FOUND: "check the address (--api or BACKROOM_API): backroom status",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "send the log itself: text, alone or in a zip or gzip",
    HTTPStatus.UNPROCESSABLE_ENTITY: "download the log again and send that file",
    HTTPStatus.SERVICE_UNAVAILABLE: "try again in a moment; a repeat is safe",
}
_ON_OUR_SIDE = "make logs shows what happened"


def next_step_after(status: int, detail: str) -> str:
    """Return what to do after an answer with ``status`` and ``detail``."""
    for pattern, command in _BY_DETAIL:
        match = pattern.search(detail)
        if match:
            return command.format(*match.groups())
    ours = _ON_OUR_SIDE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
    return _BY_STATUS.get(status, ours)
