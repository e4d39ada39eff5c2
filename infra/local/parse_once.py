"""Parses each DynamoDB expression once, which MiniStack does for every item that a query looks at.

A page of 50 rows out of 5,000 took 2.4 s by that. A key condition, which it evaluates for each item
of a partition, is a comparison of texts after the first. A role's policies, which it parses for
each request where it enforces IAM, are parsed once, too. Runs in MiniStack's own environment.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

_EXPRESSIONS = 1024  # the application has about a hundred; values are not part of them
_POLICIES = 256
_KEY_CONDITION = "KeyConditionExpression"
_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "EQ": operator.eq,
    "LT": operator.lt,
    "LE": operator.le,
    "GT": operator.gt,
    "GE": operator.ge,
}
Token = tuple[str, str]
Test = tuple[str, Callable[[str], bool]]
"""The name of a key, and whether a value of it is in the range."""


def parse_once(dynamodb: Any) -> None:
    """Have MiniStack's ``dynamodb`` service remember how an expression is tokenized and checked."""
    tokenize = dynamodb._tokenize

    @lru_cache(_EXPRESSIONS)
    def tokens_of(expression: str) -> tuple[Any, ...]:
        return tuple(tokenize(expression))

    # A list of its own for each caller, which may change it.
    dynamodb._tokenize = lambda expression: list(tokens_of(expression))
    dynamodb._condition_syntax_error = lru_cache(_EXPRESSIONS)(dynamodb._condition_syntax_error)


def parse_policies_once(evaluator: Any) -> None:
    """Have MiniStack's ``evaluator`` of IAM remember what a policy's text says."""
    parse = evaluator.parse_policy_document
    parsed = lru_cache(_POLICIES)(parse)
    # A list of its own for each caller, as above; of its statements nobody changes any.
    evaluator.parse_policy_document = lambda document: (
        list(parsed(document)) if isinstance(document, str) else parse(document)
    )


def compare_keys(dynamodb: Any) -> None:
    """Have MiniStack's ``dynamodb`` evaluate a query's key condition fully for one item alone."""
    evaluate = dynamodb._evaluate_condition
    last: tuple[Any, Any, Any, list[Test] | None] = ("", None, None, None)

    def evaluated(
        expression: Any, item: Any, values: Any, names: Any, slot: str = "ConditionExpression"
    ) -> Any:
        nonlocal last
        if slot != _KEY_CONDITION:
            return evaluate(expression, item, values, names, slot=slot)
        before, theirs, called, tests = last
        # The same objects, and not equal ones: one query asks for all items of a partition.
        if expression is before and values is theirs and names is called and tests is not None:
            answer = _holds(tests, item)
            if answer is not None:
                return answer
        answer = evaluate(expression, item, values, names, slot=slot)  # says what is wrong with it
        clauses = dynamodb._key_condition_clauses(dynamodb._tokenize(expression))
        last = (expression, values, names, _tests(clauses, values or {}, names or {}))
        return answer

    dynamodb._evaluate_condition = evaluated


def _tests(
    clauses: Sequence[Sequence[Token]], values: Mapping[str, Any], names: Mapping[str, str]
) -> list[Test] | None:
    """Return what a key condition compares, None if that is more than a key and texts."""

    def found() -> Iterator[Test]:
        for clause in clauses:
            sorts, words = zip(*clause, strict=True)
            texts = [values[word]["S"] for word in words if word.startswith(":")]
            if len(sorts) == 3 and sorts[1] in _COMPARISONS:
                yield _name(clause[0], names), _compares(_COMPARISONS[sorts[1]], *texts)
            elif len(sorts) == 5 and words[1].upper() == "BETWEEN":
                yield _name(clause[0], names), _is_between(*texts)
            elif words[0].lower() == "begins_with":
                yield _name(clause[2], names), _begins(*texts)
            else:
                raise KeyError(clause)

    try:
        return list(found())
    except (KeyError, TypeError):
        return None


def _holds(tests: Sequence[Test], item: Mapping[str, Mapping[str, str]]) -> bool | None:
    """Return whether an item passes, None where a key is no text."""
    for key, test in tests:
        value = item.get(key, {}).get("S")
        if value is None:
            return None
        if not test(value):
            return False
    return True


def _name(token: Token, names: Mapping[str, str]) -> str:
    return names[token[1]] if token[0] == "NAME_REF" else token[1]


def _compares(comparison: Callable[[str, str], bool], operand: str) -> Callable[[str], bool]:
    return lambda value: comparison(value, operand)


def _is_between(low: str, high: str) -> Callable[[str], bool]:
    return lambda value: low <= value <= high


def _begins(start: str) -> Callable[[str], bool]:
    return lambda value: value.startswith(start)
