"""Every AWS client, created on first use and cached for the life of the process.

botocore is used without boto3's resource layer: the same clients, a fifth less cold start. An
endpoint other than AWS's (a local target) comes from ``AWS_ENDPOINT_URL``, which botocore reads.
"""

from functools import cache
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config
from pydantic import BaseModel, ConfigDict

from chalicelib.core import aws_json
from chalicelib.core.settings import from_env

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient

# One fixed user agent: botocore otherwise assembles it twice per call, a fifth of the CPU of a
# put. Parameters were validated by pydantic before they got here.
_CONFIG = Config(
    user_agent="backroom",
    parameter_validation=False,
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
)
# For services of AWS's JSON protocol.
_JSON_CONFIG = _CONFIG.merge(Config(signature_version=aws_json.SIGNATURE))
# For what an answer does not wait for: one try, and soon over.
_HASTY_CONFIG = _JSON_CONFIG.merge(
    Config(
        connect_timeout=0.5, read_timeout=0.5, retries={"mode": "standard", "total_max_attempts": 1}
    )
)
# For what must not happen twice: one try, and its caller decides.
_ONCE_CONFIG = _CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
# For what another function takes its time for: less than the gateway waits.
_PATIENT_CONFIG = _ONCE_CONFIG.merge(Config(read_timeout=25))
_S3_CONFIG = _CONFIG.merge(Config(signature_version="s3v4"))


class PresigningSettings(BaseModel):
    """Where callers reach S3, if not where functions do."""

    model_config = ConfigDict(frozen=True)

    presign_endpoint_url: str = ""


def new_session() -> botocore.session.Session:
    """Return a session whose clients find, and read, DynamoDB without its rules and its model."""
    session = botocore.session.get_session()
    session.register_component("data_loader", aws_json.DataLoader())
    session.register_component("response_parser_factory", aws_json.Parsers())
    return session


_session = cache(new_session)


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_JSON_CONFIG))


@cache
def fail_fast_dynamodb() -> "DynamoDBClient":
    """Return a DynamoDB client that tries once and gives up within a second."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_HASTY_CONFIG))


@cache
def s3() -> "S3Client":
    """Return the S3 client."""
    return cast("S3Client", _session().create_client("s3", config=_S3_CONFIG))


@cache
def presigning_s3() -> "S3Client":
    """Return the client that signs URLs for callers, with Signature Version 4.

    The address is part of what is signed, and with a local target callers have another one.
    """
    endpoint = from_env(PresigningSettings).presign_endpoint_url
    if not endpoint:
        return s3()
    client = _session().create_client("s3", endpoint_url=endpoint, config=_S3_CONFIG)
    return cast("S3Client", client)


@cache
def sqs() -> "SQSClient":
    """Return the SQS client."""
    return cast("SQSClient", _session().create_client("sqs", config=_JSON_CONFIG))


@cache
def functions() -> "LambdaClient":
    """Return the Lambda client; it tries once, and waits almost as long as the gateway does."""
    return cast("LambdaClient", _session().create_client("lambda", config=_PATIENT_CONFIG))


@cache
def secretsmanager() -> "SecretsManagerClient":
    """Return the Secrets Manager client."""
    return cast(
        "SecretsManagerClient", _session().create_client("secretsmanager", config=_JSON_CONFIG)
    )


@cache
def sesv2(region: str) -> "SESV2Client":
    """Return the client of SES in ``region``; it tries once."""
    return cast(
        "SESV2Client", _session().create_client("sesv2", region_name=region, config=_ONCE_CONFIG)
    )
