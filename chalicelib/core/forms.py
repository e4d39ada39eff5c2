"""Texts of one form: refused in words, and documented as a pattern."""

import re
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from chalicelib.core.values import dataclass


@dataclass(frozen=True)
class Form:
    """The form of a text, for `Annotated`: ``pattern`` matches all of it, ``rule`` is it in words.

    ``rule`` continues the name of the field: "must be a machine serial, such as GM001".
    """

    pattern: str
    rule: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^({self.pattern})$"}

    def matches(self, text: str) -> bool:
        """Return whether ``text`` has the form."""
        return re.fullmatch(self.pattern, text, re.ASCII) is not None

    def check(self, text: str) -> str:
        """Return ``text`` when it has the form. Raises ValueError."""
        if not self.matches(text):
            raise ValueError(self.rule)
        return text
