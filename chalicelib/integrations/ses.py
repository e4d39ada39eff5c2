"""Mail through Amazon SES, API version 2, with one try and no more.

SES gives every letter a Message-ID of its own, so the effect travels in a header beside it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.values import dataclass
from chalicelib.integrations.mail import Letter, anonymous, checked_address, checked_subject

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

_LATER = {"LimitExceededException", "TooManyRequestsException", "Throttling", "ThrottlingException"}
_POISON = {"BadRequestException", "MessageRejected", "ValidationException"}
_FIRST_SERVER_ERROR = 500


@dataclass(frozen=True)
class SesMail:
    """Mail from one verified identity."""

    client: Callable[[], "SESV2Client"]
    sender: str

    def send(self, letter: Letter) -> str:
        """Send a letter and return SES's id of it."""
        to, subject = checked_address(letter.to), checked_subject(letter.subject)
        simple = {
            "Subject": {"Data": subject, "Charset": "UTF-8"},
            "Body": {"Text": {"Data": letter.text, "Charset": "UTF-8"}},
            "Headers": [{"Name": "X-Backroom-Effect", "Value": letter.effect_id}],
        }
        try:
            sent = self.client().send_email(
                FromEmailAddress=self.sender,
                Destination={"ToAddresses": [to]},
                Content={"Simple": simple},  # type: ignore[typeddict-item]
            )
        except (ClientError, BotoCoreError) as failed:
            raise anonymous(_outcome(failed, self.sender), to) from None
        return sent["MessageId"]

    def check(self) -> None:
        """Return when SES lets this account send."""
        try:
            account = self.client().get_account()
        except (ClientError, BotoCoreError) as failed:
            raise _outcome(failed, self.sender) from None
        if not account.get("SendingEnabled", True):
            raise CredentialsError("SES: sending is switched off for this account")


def _outcome(failed: ClientError | BotoCoreError, sender: str) -> EffectError:
    """Return what a failed call means; what SES may have taken in is unsure.

    An identity that is not verified is the recipient's (in the sandbox), or ours.
    """
    if isinstance(failed, EndpointConnectionError | ConnectTimeoutError):
        return NotExecutedError(f"SES: {type(failed).__name__}; no connection")
    if isinstance(failed, NoCredentialsError):
        return CredentialsError("SES: there are no AWS credentials")
    if not isinstance(failed, ClientError):
        return OutcomeUnknownError(f"SES: {type(failed).__name__}")
    code = failed.response["Error"]["Code"]
    why = f"SES: {code} {failed.response['Error'].get('Message', '')[:200]}"
    if failed.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _FIRST_SERVER_ERROR:
        return OutcomeUnknownError(why)
    if code in _LATER:
        return NotExecutedError(why)
    ours = "not verified" in why and sender.lower() in why.lower()
    return RejectedError(why) if code in _POISON and not ours else CredentialsError(why)
