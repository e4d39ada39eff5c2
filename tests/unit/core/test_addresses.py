"""Which addresses are of the public internet: no other is ever called for a stranger."""

import pytest

from chalicelib.core.addresses import public, safe

PUBLIC = [
    *("8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"),
    *("2002:808:808::1", "64:ff9b::808:808"),
]
INSIDE = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254"),  # noqa: S104
    *("172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    "2001:db8::1",
    *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "2002:7f00:1::1", "2002:a00:1::"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2001:0:7f00:1::"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_public_internet_is_one(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_a_network_is_none_whatever_it_is_wrapped_in(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("text", ["", "localhost", "0177.0.0.1", "2130706433", "127.1"])
def test_what_is_no_address_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match="IP"):
        public(text)


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://example.com", True),
        ("http://localhost:1/x", True),
        ("http://127.0.0.1", True),
        ("http://standins.localhost:8001/jira", True),
        ("http://localhost.example.com/", False),
        ("http://a.localhost.example.com/", False),
        ("http://a.localhost@example.com/", False),
        ("http://notlocalhost/", False),
        ("http://example.com/", False),
        ("ftp://localhost/", False),
    ],
)
def test_plain_http_is_safe_on_this_machine_alone(url: str, is_safe: bool) -> None:
    assert safe(url) == is_safe
