"""Every AWS client, made on first use and kept for the life of the process.

botocore is used without boto3's resource layer: the same clients, a fifth less cold start. An
endpoint other than AWS's (a local target) comes from ``AWS_ENDPOINT_URL``, which botocore reads.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.httpsession import URLLib3Session

from chalicelib.core.direct import DirectDynamoDB

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_TIMEOUT_S = (2, 10)
"""For the connection, and for the answer."""

# One fixed user agent: botocore otherwise assembles it twice per call, a fifth of the CPU of a
# put. Parameters were validated by pydantic before they got here.
_CONFIG = Config(
    user_agent="backroom",
    parameter_validation=False,
    connect_timeout=_TIMEOUT_S[0],
    read_timeout=_TIMEOUT_S[1],
    retries={"mode": "standard", "total_max_attempts": 4},
)
# For what an answer does not wait for: one try, and soon over.
_HASTY_CONFIG = _CONFIG.merge(
    Config(
        connect_timeout=0.5, read_timeout=0.5, retries={"mode": "standard", "total_max_attempts": 1}
    )
)
_S3_CONFIG = _CONFIG.merge(Config(signature_version="s3v4"))


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_CONFIG))


@cache
def direct_dynamodb() -> "DynamoDBClient":
    """Return a DynamoDB client for a quarter of the CPU, which knows no binary values."""
    session = _session()
    verify = session.get_config_variable("ca_bundle") or True
    timeout: Any = _TIMEOUT_S  # a pair, as botocore itself passes
    http = URLLib3Session(verify=verify, timeout=timeout)
    direct = DirectDynamoDB(dynamodb(), session.get_credentials(), http)
    return cast("DynamoDBClient", direct)


@cache
def hasty_dynamodb() -> "DynamoDBClient":
    """Return a DynamoDB client that tries once and gives up within a second."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_HASTY_CONFIG))


@cache
def s3() -> "S3Client":
    """Return the S3 client; it signs presigned URLs with Signature Version 4."""
    return cast("S3Client", _session().create_client("s3", config=_S3_CONFIG))


@cache
def sqs() -> "SQSClient":
    """Return the SQS client."""
    return cast("SQSClient", _session().create_client("sqs", config=_CONFIG))
