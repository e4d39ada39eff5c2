"""Answering pages of lists whose members have ids."""

from typing import Any
from urllib.parse import urlencode

from chalice import Response

from chalicelib.core.http import json_list
from chalicelib.vending.models import PageQuery
from chalicelib.vending.service.listing import Listing


def page_of(path: str, asked: PageQuery, listing: Listing[Any]) -> Response:
    """Answer a page of the list at ``path``, with a link to the next one if there is one."""
    if listing.following is None:
        return json_list(listing.members)
    kept = asked.model_dump(mode="json", exclude_none=True)
    return json_list(
        listing.members,
        next_page=f"{path}?{urlencode({**kept, 'cursor': listing.following})}",
    )
