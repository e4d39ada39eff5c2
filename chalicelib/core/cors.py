"""Which pages of other origins may call the API from a browser (https://fetch.spec.whatwg.org).

None, unless ``CORS_ORIGINS`` lists their origins. Tokens go in a header and never in a cookie, so
a page that may call gets nothing that it could not send itself.
"""

from chalice import Response
from chalice.app import Request
from pydantic import BaseModel, ConfigDict

from chalicelib.core.settings import from_env

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_READABLE_ANYWAY = {"cache-control", "content-type"}
_PREFLIGHT_S = "600"


class CorsSettings(BaseModel):
    """What is read from the environment: the origins, separated by commas."""

    model_config = ConfigDict(frozen=True)

    cors_origins: str = ""

    @property
    def origins(self) -> frozenset[str]:
        """Return the origins as browsers send them."""
        return frozenset(each.strip() for each in self.cors_origins.split(",") if each.strip())


def headers(request: Request, response: Response) -> dict[str, str]:
    """Return the headers by which a browser lets a listed origin call, and read the answer."""
    allowed = from_env(CorsSettings).origins
    if not allowed:
        return {}
    vary = ", ".join(filter(None, [str(response.headers.get("Vary", "")), "Origin"]))
    origin = request.headers.get("origin", "")
    if origin not in allowed:
        return {"Vary": vary}
    headers = {"Access-Control-Allow-Origin": origin, "Vary": vary}
    if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
        requested = request.headers.get("access-control-request-headers", "")
        return headers | {
            "Access-Control-Allow-Methods": _METHODS,
            **({"Access-Control-Allow-Headers": requested} if requested else {}),
            "Access-Control-Max-Age": _PREFLIGHT_S,
        }
    readable = [name for name in response.headers if name.lower() not in _READABLE_ANYWAY]
    return headers | {"Access-Control-Expose-Headers": ", ".join(sorted(readable))}
