"""Host names in the one form in which they are compared: lower case, IDNA 2008, without the root's dot."""

import fnmatch
import itertools
from collections.abc import Collection
from ipaddress import ip_address

import idna


def normal(name: str) -> str:
    """Return a name in its normal form; of one that can be none, the text in lower case."""
    return ".".join(map(_label, name.lower().removesuffix(".").replace("\u3002", ".").split(".")))


def _label(label: str) -> str:
    # ASCII as it is: wildcards and underscores are no host names, and still names of records.
    if label.isascii():
        return label
    try:
        return idna.encode(label, uts46=True).decode()
    except idna.IDNAError:
        return label


def lies_in(host: str, zone: str) -> bool:
    """Whether a host is a zone's apex, or lies below it; nothing lies in a zone without a name."""
    return bool(normal(zone)) and f".{normal(host)}".endswith(f".{normal(zone)}")


def is_address(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def below(host: str, zone: str) -> int:
    """Count the labels of a host in front of its zone's name; 0 for the apex, and for a host outside."""
    before = normal(host).removesuffix(normal(zone))
    return before.count(".") if lies_in(host, zone) else 0


def common(names: Collection[str]) -> str:
    """Return the longest domain that all names lie in; empty where there is none."""
    reversed_labels = [normal(name).split(".")[::-1] for name in names]
    shared = itertools.takewhile(lambda labels: len(set(labels)) == 1, zip(*reversed_labels, strict=False))
    return ".".join([labels[0] for labels in shared][::-1])


def is_wildcard_of(pattern: str, host: str) -> bool:
    """Whether a pattern with `*` in its labels matches a host; it never stands for a dot."""
    ours, theirs = normal(host).split("."), normal(pattern).split(".")
    return len(ours) == len(theirs) and all(map(fnmatch.fnmatchcase, ours, theirs))
