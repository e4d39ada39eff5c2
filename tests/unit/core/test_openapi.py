"""What the OpenAPI document says of fields."""

import json
import re

from chalicelib.core.openapi import document
from tests.support.routes import CONTRACTS


def test_bounds_of_numbers_are_named_as_json_schema_names_them() -> None:
    told = document(CONTRACTS, version="1")

    [limit] = [
        each["schema"]
        for each in told["paths"]["/warranties"]["get"]["parameters"]
        if each["name"] == "limit"
    ]
    assert (limit["minimum"], limit["maximum"]) == (1, 1_000)
    assert not re.findall(r'"(?:ge|gt|le|lt)":', json.dumps(told))
