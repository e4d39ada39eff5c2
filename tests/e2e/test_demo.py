"""`backroom demo` against the deployed stack and the stand-ins of the vendors."""

import json

from backroom.core.session import Session
from tests.support.backroom.desk import run, words
from tests.support.deployed import Deployed


def test_the_demo_tells_every_chapter_and_can_be_repeated(stack: Deployed) -> None:
    for _ in range(2):
        told = run(
            *("--api", stack.aws.api, "demo", "--json", "--standins", stack.standins.url),
            session=Session(),
        )

        story = words(told, "stderr")
        assert told.exit_code == 0, story
        ended = json.loads(told.stdout)
        assert list(ended) == ["vending", "packages", "ledger", "warranties", "bakery"]
        assert ended["warranties"]["warranty_price"] == 20
        assert "by file" in story
        assert "is delivered; it was sent before" in story
        assert "already posted" in story
        assert "because missing eggs" in story
        assert "notified by slack" in story
        assert "access invited" in story
