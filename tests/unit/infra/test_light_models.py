"""MiniStack names the type of an answer by the metadata of a service's description."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from infra.local.light_models import metadata, read_metadata_only

SERVICES = (
    *(
        "apigateway",
        "cloudformation",
        "dynamodb",
        "events",
        "iam",
        "lambda",
        "logs",
        "mediapackage",
    ),
    *("s3", "secretsmanager", "sesv2", "sqs", "sts"),
)
SCRIPT = """
def _expected_envelope_content_type(service, emitted, overrides):
    model = _service_model(service)
    return model and model.{member}.get("protocol")
"""


def whole(service: str) -> Any:
    raise AssertionError(f"the whole description of {service} is loaded")


def responses(member: str, folder: Path) -> Any:
    """Return a module that uses a member of a service's description."""
    (folder / "responses.py").write_text(SCRIPT.format(member=member))
    found = run_path(str(folder / "responses.py"))
    names = {"monitoring": "cloudwatch"}
    function = found["_expected_envelope_content_type"]
    function.__globals__["_service_model"] = whole
    return SimpleNamespace(
        _expected_envelope_content_type=function, _service_model=whole, _BOTOCORE_NAME=names
    )


@pytest.mark.parametrize("service", SERVICES)
def test_metadata_is_what_botocore_reads(service: str) -> None:
    assert metadata(service) == botocore.session.get_session().get_service_model(service).metadata


def test_a_service_that_botocore_does_not_know_has_none() -> None:
    assert metadata("pigeons") is None


def test_the_type_of_an_answer_takes_the_metadata_alone(tmp_path: Path) -> None:
    patched = responses("metadata", tmp_path)

    read_metadata_only(patched)

    protocol = patched._expected_envelope_content_type
    assert protocol("dynamodb", "", {}) == "json"
    assert protocol("monitoring", "", {}) == metadata("cloudwatch")["protocol"]  # type: ignore[index]
    assert protocol("pigeons", "", {}) is None
    assert patched._service_model is whole


def test_a_ministack_that_uses_more_is_not_patched(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="in another way"):
        read_metadata_only(responses("operation_names", tmp_path))
