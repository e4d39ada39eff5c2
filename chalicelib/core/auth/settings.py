"""What a stage says about its callers."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.core.addresses import safe


class AuthSettings(BaseModel):
    """What is read from the environment (upper-case names).

    By default a stage requires tokens: a forgotten setting opens no API.
    """

    model_config = ConfigDict(frozen=True)

    auth: Literal["jwt", "open"] = "jwt"
    auth_issuer: str = ""
    auth_audience: str = ""
    auth_client_id: str = ""
    auth_technician_claim: str = "technician"
    auth_scope_prefix: str = ""
    auth_sign_in_origin: Annotated[str, Field(pattern=r"^(https://[\w.:-]+)?$")] = ""

    @model_validator(mode="after")
    def _whole(self) -> "AuthSettings":
        if self.auth == "jwt" and not (safe(self.auth_issuer) and self.audiences):
            raise ValueError("AUTH=jwt takes AUTH_ISSUER, an https:// address, and AUTH_AUDIENCE")
        return self

    @property
    def sign_in_origins(self) -> tuple[str, ...]:
        """Return the origins that a page talks to to sign a user in."""
        if self.auth == "open":
            return ()
        issuer = urlsplit(self.auth_issuer)
        origins = (f"{issuer.scheme}://{issuer.netloc}", self.auth_sign_in_origin)
        return tuple(dict.fromkeys(filter(None, origins)))

    @property
    def audiences(self) -> tuple[str, ...]:
        """Return whom a token may be meant for; the setting separates them by commas."""
        return tuple(filter(None, map(str.strip, self.auth_audience.split(","))))
