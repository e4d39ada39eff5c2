"""Mail through SES: one try, and what each of its errors means."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from chalicelib.core import aws
from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.integrations.ses import SesMail
from tests.support.integrations.vendors import letter
from tests.support.moto_aws import mock_aws

SENDER = "bakery@backroom.example"


class Failing:
    """A client that fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def send_email(self, **_: Any) -> None:
        raise self._error

    get_account = send_email


def refused(code: str, status: int = 400) -> ClientError:
    metadata = {"HTTPStatusCode": status}
    return ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata},  # type: ignore[typeddict-item]
        "SendEmail",
    )


@pytest.fixture
def ses() -> Iterator[SesMail]:
    with mock_aws(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = aws.sesv2.__wrapped__("eu-central-1")
        client.create_email_identity(EmailIdentity=SENDER)
        yield SesMail(lambda: client, SENDER)


def test_b12_a_letter_is_taken_and_has_ses_s_id(ses: SesMail) -> None:
    assert ses.send(letter())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EndpointConnectionError(endpoint_url="https://x.test"), NotExecutedError),
        (ReadTimeoutError(endpoint_url="https://x.test"), OutcomeUnknownError),
        (NoCredentialsError(), CredentialsError),
        (refused("TooManyRequestsException", 429), NotExecutedError),
        (refused("InternalFailure", 500), OutcomeUnknownError),
        (refused("MessageRejected"), RejectedError),
        (refused("AccountSuspendedException"), CredentialsError),
        (refused("AccessDeniedException", 403), CredentialsError),
    ],
)
def test_b12_what_each_failure_means(
    error: BotoCoreError | ClientError, kind: type[EffectError]
) -> None:
    mail = SesMail(lambda: Failing(error), SENDER)  # type: ignore[arg-type, return-value]

    for call in (lambda: mail.send(letter()), mail.check):
        with pytest.raises(kind) as said:
            call()
        assert type(said.value) is kind


@pytest.mark.parametrize(
    ("identity", "kind"), [(SENDER, CredentialsError), ("mr_cakelover@gmail.com", RejectedError)]
)
def test_b12_an_identity_that_is_not_verified_is_ours_or_the_recipient_s(
    identity: str, kind: type[EffectError]
) -> None:
    error = refused("MessageRejected")
    failed = f"The following identities failed the check in region EU-CENTRAL-1: {identity}"
    error.response["Error"]["Message"] = f"Email address is not verified. {failed}"
    mail = SesMail(lambda: Failing(error), SENDER)  # type: ignore[arg-type, return-value]

    with pytest.raises(EffectError, match="not verified") as said:
        mail.send(letter())
    assert type(said.value) is kind
    assert "cakelover" not in str(said.value)


def test_b12_a_bad_address_never_reaches_ses() -> None:
    mail = SesMail(lambda: pytest.fail("asked"), SENDER)

    with pytest.raises(RejectedError):
        mail.send(letter(to="a@gmail.com\nBcc: b@gmail.com"))


def test_b12_ses_is_asked_once() -> None:
    config: Any = aws.sesv2.__wrapped__("eu-central-1").meta.config

    assert config.retries["total_max_attempts"] == 1
