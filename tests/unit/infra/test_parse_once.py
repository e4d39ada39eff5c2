"""The embedded AWS parses an expression once, however many items a query looks at."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.parse_once import compare_keys, parse_once, parse_policies_once


def service(parsed: list[str]) -> SimpleNamespace:
    """Return what stands for MiniStack's DynamoDB; it notes what it parses."""

    def tokenize(expression: str) -> list[tuple[str, str]]:
        parsed.append(expression)
        return [("IDENT", word) for word in expression.split()]

    def syntax_error(expression: str, slot: str) -> str | None:
        parsed.append(slot)
        return None if "=" in expression else f"Invalid {slot}"

    return SimpleNamespace(_tokenize=tokenize, _condition_syntax_error=syntax_error)


def test_an_expression_is_tokenized_and_checked_once() -> None:
    parsed: list[str] = []
    dynamodb = service(parsed)
    parse_once(dynamodb)

    for _ in range(3):
        assert dynamodb._tokenize("pk = :pk") == [("IDENT", each) for each in ("pk", "=", ":pk")]
        assert dynamodb._condition_syntax_error("pk", "FilterExpression") is not None
        assert dynamodb._condition_syntax_error("pk = :pk", "FilterExpression") is None

    assert parsed == ["pk = :pk", "FilterExpression", "FilterExpression"]


def test_a_caller_that_changes_its_tokens_changes_those_of_nobody_else() -> None:
    dynamodb = service([])
    parse_once(dynamodb)

    dynamodb._tokenize("a = :a").clear()

    assert len(dynamodb._tokenize("a = :a")) == 3


def test_a_policy_s_text_is_parsed_once_and_every_caller_has_a_list_of_its_own() -> None:
    parsed: list[object] = []

    def parse(document: object) -> list[str]:
        parsed.append(document)
        return [f"statement of {document}"]

    evaluator = SimpleNamespace(parse_policy_document=parse)
    parse_policies_once(evaluator)

    evaluator.parse_policy_document("{}").clear()

    assert evaluator.parse_policy_document("{}") == ["statement of {}"]
    for _ in range(2):
        assert evaluator.parse_policy_document({}) == ["statement of {}"]
    assert parsed == ["{}", {}, {}]


# --- key conditions -------------------------------------------------------------------------------


class Querying:
    """What stands for MiniStack's DynamoDB: it counts what it evaluates, by Python's own rules."""

    def __init__(self) -> None:
        self.evaluated = 0

    def _tokenize(self, expression: str) -> list[tuple[str, str]]:
        signs = {"=": "EQ", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE", "(": "LPAREN"}
        signs |= {")": "RPAREN", ",": "COMMA"}
        spaced = expression.replace("(", " ( ").replace(")", " ) ").replace(",", " , ")
        kinds = {":": "VALUE_REF", "#": "NAME_REF"}
        return [(signs.get(word) or kinds.get(word[0], "IDENT"), word) for word in spaced.split()]

    def _key_condition_clauses(self, tokens: Sequence[tuple[str, str]]) -> list[Any]:
        at = next(n for n, (_, word) in enumerate(tokens) if word == "AND")
        return [tokens[:at], tokens[at + 1 :]]

    def _evaluate_condition(
        self, expression: str, item: Any, values: Any, names: Any, slot: str = ""
    ) -> bool:
        self.evaluated += 1
        if "nonsense" in expression:
            raise ValueError(f"Invalid {slot}")
        key = next(iter(item[names.get("#sk", "sk")].values()))
        low, high = (next(iter(values[name].values())) for name in (":a", ":b"))
        _, _, condition = expression.partition(" AND ")
        if "begins_with" in condition:
            return str(key).startswith(low)
        if "BETWEEN" in condition:
            return bool(low <= key <= high)
        compared = {"=": key == low, "<": key < low, ">=": key >= low}
        return bool(compared[condition.split()[1]])


ROWS = [{"pk": {"S": "P"}, "sk": {"S": each}} for each in ("", "a", "ab", "b", "ba", "ü", "\ud7ff")]
VALUES = {":pk": {"S": "P"}, ":a": {"S": "ab"}, ":b": {"S": "ba"}}
NAMES = {"#sk": "sk"}


@pytest.mark.parametrize(
    "condition",
    [
        *("#sk = :a", "sk = :a", "sk < :a", "#sk >= :a"),
        *("sk BETWEEN :a AND :b", "begins_with(#sk, :a)"),
    ],
)
def test_a_key_condition_is_evaluated_once_and_compared_then(condition: str) -> None:
    dynamodb, alone = Querying(), Querying()
    compare_keys(dynamodb)
    expression = f"pk = :pk AND {condition}"

    asked = (expression, VALUES, NAMES)
    found = [evaluated(dynamodb, row, *asked) for row in ROWS]

    assert found == [evaluated(alone, row, *asked) for row in ROWS]
    assert (dynamodb.evaluated, alone.evaluated) == (1, len(ROWS))


def evaluated(dynamodb: Querying, row: Any, expression: str, values: Any, names: Any) -> bool:
    slot = "KeyConditionExpression"
    return dynamodb._evaluate_condition(expression, row, values, names, slot=slot)


def test_other_values_are_another_condition() -> None:
    dynamodb = Querying()
    compare_keys(dynamodb)
    expression, row = "pk = :pk AND sk = :a", ROWS[2]

    assert evaluated(dynamodb, row, expression, VALUES, NAMES)
    assert not evaluated(dynamodb, row, expression, {**VALUES, ":a": {"S": "x"}}, NAMES)
    assert evaluated(dynamodb, row, expression, VALUES, NAMES)


def test_what_is_no_comparison_of_texts_is_evaluated_for_each_item() -> None:
    dynamodb = Querying()
    compare_keys(dynamodb)
    rows = [{"pk": {"S": "P"}, "sk": {"N": number}} for number in "123"]

    found = [evaluated(dynamodb, row, "pk = :pk AND sk >= :a", NUMBERS, {}) for row in rows]

    assert (found, dynamodb.evaluated) == ([False, True, True], 3)


NUMBERS = {":pk": {"S": "P"}, ":a": {"N": "2"}, ":b": {"N": "3"}}


def test_other_expressions_and_faults_are_as_ever() -> None:
    dynamodb = Querying()
    compare_keys(dynamodb)

    for _ in range(2):
        assert dynamodb._evaluate_condition("pk = :pk AND sk = :a", ROWS[2], VALUES, {})
        with pytest.raises(ValueError, match="Invalid KeyConditionExpression"):
            evaluated(dynamodb, ROWS[2], "pk = :pk AND nonsense", VALUES, {})

    assert dynamodb.evaluated == 4
