"""Chance on which tests may rely."""

from collections import Counter

from tests.support.dice import Dice

CHANCES = {"lost": 0.04, "twice": 0.10}


def test_each_hundred_throws_show_each_outcome_as_often_as_its_chance_says() -> None:
    dice = Dice(1)
    for _ in range(3):
        thrown = [dice.happens(CHANCES) for _ in range(100)]
        assert Counter(thrown) == {"lost": 4, "twice": 10, None: 86}
    assert dice.happened == {"lost": 12, "twice": 30}


def test_throws_for_other_chances_do_not_count() -> None:
    dice = Dice(1)
    thrown = [(dice.happens(CHANCES), dice.happens({"late": 0.5})) for _ in range(100)]

    assert Counter(first for first, _ in thrown) == {"lost": 4, "twice": 10, None: 86}
    assert Counter(second for _, second in thrown) == {"late": 50, None: 50}


def test_the_same_seed_throws_the_same() -> None:
    one, other = Dice(7), Dice(7)

    assert [one.happens(CHANCES) for _ in range(250)] == [
        other.happens(CHANCES) for _ in range(250)
    ]
