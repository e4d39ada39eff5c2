"""The ledger: a retry posts nothing twice, a floor holds, and every balance can be proven."""

from uuid import uuid4

from backroom.core import show
from backroom.core.errors import ApiError
from backroom.demo.story import Story
from backroom.ledger import audit
from backroom.ledger.api import LedgerApi, LedgerHeaders


def play(story: Story) -> str:
    """Tell the chapter; return the account that it ends with, as JSON."""
    account = str(uuid4())
    with story.here.api(LedgerApi) as api:
        _post_twice(story, api, account)
        _hold_the_floor(story, api, account)
        story.made.append(("accounts", account))
        return _prove(story, api, account)


def _post_twice(story: Story, api: LedgerApi, account: str) -> None:
    first = str(uuid4())
    command = f"ledger post {account} 4 --id {first}"
    story.step("A client posts 4, gets no response, and posts it again.", command, command)
    for _ in range(2):
        story.say(_posted(*_post(api, account, 4, first)))


def _hold_the_floor(story: Story, api: LedgerApi, account: str) -> None:
    story.step(
        "3 come off; 3 more would take the balance under 0, and are refused.",
        f"ledger post {account} --floor 0 -- -3",
    )
    story.say(_posted(*_post(api, account, -3, str(uuid4()))))
    try:
        _post(api, account, -3, str(uuid4()))
    except ApiError as refused:
        story.say(refused.detail)


def _prove(story: Story, api: LedgerApi, account: str) -> str:
    story.step(
        "Everybody can work the balance out again, entry by entry, hash by hash.",
        f"ledger account {account}",
        "ledger verify",
    )
    answer, headers = api.account(account)
    story.say(f"The balance is {answer.value.balance}, after {headers.sequence} entries.")
    finding = audit.verify(api, lambda _: None)
    entries = show.plural(finding.entries, "entry", "entries")
    story.say(f"{entries} of {show.plural(finding.accounts, 'account')} add up.")
    return answer.text


def _post(
    api: LedgerApi, account: str, amount: int, transaction_id: str
) -> tuple[int, LedgerHeaders]:
    answer, headers = api.post(account, amount, transaction_id=transaction_id, floor=0)
    return answer.value.amount, headers


def _posted(amount: int, headers: LedgerHeaders) -> str:
    verb = "already posted" if headers.replayed else "posted"
    return f"{amount:+} {verb}: the balance is {headers.balance}, entry {headers.sequence}."
