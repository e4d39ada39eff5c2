"""Where requests may go: secrets encrypted or not off this machine, webhooks into no network."""

import ipaddress
import re

# No name server of the internet knows a name below localhost (RFC 6761 section 6.3); in
# docker-compose.yml one leads to the stand-ins.
_SAFE = re.compile(r"https://|http://(127\.0\.0\.1|([a-z0-9-]+\.)?localhost)(:\d+)?(/|$)")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
# What Python's tables, which differ by version, may take for public.
_NEVER = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("fec0::/10"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def safe(url: str) -> bool:
    """Return whether an address is an https:// one, or plain http:// to this machine."""
    return _SAFE.match(url) is not None


def public(address: str) -> bool:
    """Return whether an IP address is one of the public internet, whatever it is wrapped in.

    Private, shared, link-local (where clouds answer with credentials), loopback, multicast and
    reserved ones are not (IANA's special-purpose registries), nor are IPv6 addresses that lead to
    such an IPv4 address. Raises ValueError for what is none.
    """
    without_zone = address.partition("%")[0]
    return all(map(_public, _unwrapped(ipaddress.ip_address(without_zone))))


def _public(address: Address) -> bool:
    never = any(address in network for network in _NEVER)
    return address.is_global and not (never or address.is_multicast or address.is_reserved)


def _unwrapped(address: Address) -> list[Address]:
    """Return the addresses that traffic to this one may end at."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return [*address.teredo]
    if address in _NAT64 or address in _COMPATIBLE:
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [address]
