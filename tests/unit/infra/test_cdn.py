"""CloudFront before the API: it keeps what never changes and nothing that a caller may not see."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
from chalice.test import Client

from app import app
from chalicelib.web import files
from infra import page_files, reference, templates

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


def test_the_page_s_files_come_from_the_bucket_and_from_the_api_what_is_not_there() -> None:
    [group] = _DISTRIBUTION["OriginGroups"]["Items"]
    origins = {each["Id"]: each for each in _DISTRIBUTION["Origins"]}
    missing = {403, 404}  # S3 says 403 to whom may not list

    for file in files.bundles().names:
        found = behavior(f"/{page_files.FOLDER}/{files.bundles().version}/{file}")
        assert found["TargetOriginId"] == group["Id"]
        assert found.get("AllowedMethods", ["GET", "HEAD"]) == ["GET", "HEAD"]
    assert behavior("/web/app.js")["TargetOriginId"] == "api"
    assert [each["OriginId"] for each in group["Members"]["Items"]] == ["bucket", "api"]
    assert missing <= set(group["FailoverCriteria"]["StatusCodes"]["Items"])
    assert origins.keys() == {"api", "bucket"}


def test_the_bucket_is_the_deployer_s_and_read_by_signed_requests_alone() -> None:
    [origin] = [each for each in _DISTRIBUTION["Origins"] if each["Id"] == "bucket"]
    access = MERGED.resources["CdnAccess"]["Properties"]["OriginAccessControlConfig"]

    assert origin["DomainName"]["Fn::Sub"].startswith(
        "backroom-deploy-${AWS::AccountId}-${AWS::Region}.s3."
    )
    assert origin["OriginAccessControlId"] == {"Ref": "CdnAccess"}
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    assert MERGED.overlay["Outputs"][page_files.OUTPUT]["Condition"] == "HasCdn"


def test_a_file_of_the_bucket_has_the_headers_of_one_that_a_function_answers() -> None:
    bundles = files.bundles()
    with Client(app) as client:
        answered = client.http.get(f"/web/{bundles.version}/app.js").headers
    config = MERGED.resources["CdnHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    told = config["SecurityHeadersConfig"]
    [shared] = config["CustomHeadersConfig"]["Items"]

    assert told["ReferrerPolicy"]["ReferrerPolicy"] == answered["Referrer-Policy"]
    assert shared["Value"] == answered[shared["Header"]]
    assert "ContentTypeOptions" in told
    assert "nosniff" in answered["X-Content-Type-Options"]


def test_a_file_is_cached_as_long_as_it_says_for_any_caller() -> None:
    policy = MERGED.resources["CdnFiles"]["Properties"]["CachePolicyConfig"]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]

    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 0, 31_536_000)
    assert {key[f"{kind}Config"][f"{one}Behavior"] for kind, one in KINDS} == {"none"}


KINDS = (("Cookies", "Cookie"), ("Headers", "Header"), ("QueryStrings", "QueryString"))


def test_there_is_none_unless_it_is_requested() -> None:
    overlay = MERGED.overlay

    assert overlay["Parameters"]["Cdn"]["Default"] == "false"
    for name in ("CdnDistribution", "CdnFiles", "CdnAccess", "CdnHeaders"):
        assert overlay["Resources"][name]["Condition"] == "HasCdn"
    assert overlay["Outputs"]["Cdn"]["Condition"] == "HasCdn"
    assert "CdnDistribution" not in templates.merged(local=True).resources
