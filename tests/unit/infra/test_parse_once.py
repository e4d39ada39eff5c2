"""The embedded AWS parses an expression once, however many items a query looks at."""

from types import SimpleNamespace

from infra.local.parse_once import parse_once


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
