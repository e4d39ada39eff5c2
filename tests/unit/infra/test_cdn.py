"""CloudFront before the API: it keeps what never changes and nothing that a caller may not see."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from app import app
from infra import reference, templates

MERGED = templates.merged()
_DISTRIBUTION = MERGED.resources["CdnDistribution"]["Properties"]["DistributionConfig"]
REST = _DISTRIBUTION["DefaultCacheBehavior"]
FILES = _DISTRIBUTION["CacheBehaviors"]
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


def behavior(path: str) -> Any:
    return next((each for each in FILES if fnmatchcase(path, each["PathPattern"])), REST)


@pytest.mark.parametrize("route", app.contracts(), ids=lambda each: f"{each.method} {each.path}")
def test_what_the_api_answers_is_never_cached_but_the_page_s_files(route: Any) -> None:
    found = behavior(route.path)

    if route.path.startswith("/web/"):
        assert (route.access, found["CachePolicyId"]) == ("public", {"Ref": "CdnFiles"})
    else:
        assert found["CachePolicyId"] == CACHING_DISABLED
        assert found["OriginRequestPolicyId"] == ALL_BUT_HOST  # the gateway knows its own alone
        assert {route.method, "HEAD", "OPTIONS"} <= set(found["AllowedMethods"])


def test_the_reference_is_cached() -> None:
    assert all(behavior(path) in FILES for path in reference.FILES)


def test_a_file_is_cached_as_long_as_it_says_for_any_caller() -> None:
    policy = MERGED.resources["CdnFiles"]["Properties"]["CachePolicyConfig"]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]

    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 0, 31_536_000)
    assert {key[f"{kind}Config"][f"{one}Behavior"] for kind, one in KINDS} == {"none"}


KINDS = (("Cookies", "Cookie"), ("Headers", "Header"), ("QueryStrings", "QueryString"))


def test_there_is_none_unless_it_is_requested() -> None:
    overlay = MERGED.overlay

    assert overlay["Parameters"]["Cdn"]["Default"] == "false"
    for name in ("CdnDistribution", "CdnFiles"):
        assert overlay["Resources"][name]["Condition"] == "HasCdn"
    assert overlay["Outputs"]["Cdn"]["Condition"] == "HasCdn"
    assert "CdnDistribution" not in templates.merged(local=True).resources
