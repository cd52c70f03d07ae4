"""Stack files at the bounds of what settings accept, and what they state as the API server is asked about it."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from clients.kubernetes import Manifest
from settings import Settings, SettingsError, parse
from tests.stack_files import VALID, as_text, document, places, secrets
from tests.stated import objects

# A definition of the Prometheus operator's, which no rehearsal has.
_UNKNOWN = {"PrometheusRule"}
_SUBDOMAIN = ".".join([*(["a" * 63] * 3), "a" * 61])
_LISTENERS = [{"gateway": "g", "gatewayNamespace": "n", "sectionName": f"s{number}"} for number in range(31)]
BOUNDS: tuple[Any, ...] = (
    "7", "0" * 63, "a" * 30, "a" * 63, "a" * 246, _SUBDOMAIN, "a." * 126 + "x", "0.0", "1-1", "a--b", "xn--a",
    "A.b_c-d", "x/" + "A" * 63, "a." * 126 + "x/y", "a..b/x", "a.-b/x", "a-.b/x", "/a/b/c", "/a b/$(X)/é",
    "/{{}}/x/y", "/*/*/*", "/var/mnt/" + "a" * 1000, "/a/\u2028b/c", "~/x", "a/b/..c", "...", "..a", "1Mi", "8191Pi",
    "9P", "0.001", "1m", "1024", "999999999Ti", "1Ki", "1k", "1%", "99%", "1Gi", "2000m", 1, 25, 256, 65535,
    10_000_000, 0, 2**31 - 1, "0 0 29 2 *", "*/59 * * * *", "59 23 31 12 6", "0 0 * * SUN",
    "*/99 */99 */99 */99 */99", "0,1,2,3-59/7 1-1 1-31/31 jan-dec sun-sat", "Etc/GMT+12", "Asia/Kathmandu", "GMT0",
    "EST5EDT", "W-SU", "a@b.c", "ü@ü.de", "a" * 248 + "@b.c", "a." * 125 + "xy", "b" * 63 + ".example.com",
    "https://[::1]:65535", "http://a_b:1", "[::1]:80", "1.1.1.1", "2001:db8::1", "{:%Y}", "none", "{:%A/%B}", "фото",
    "Ä" * 1024, "📷" * 1024, "$(HOME)", "$$", "%s", "yes", "null", "1e3", True, False, [], {}, "original", "quic",
    "ipv6", ["ReadWriteOnce"], ["ReadWriteOncePod"], ["ReadWriteMany", "ReadWriteMany"], "Directory", "", "rclone",
    "Issuer", "cn", "admission", "chart", "0.5", {"a/b": "c"}, {"a..b/c": "d"}, {"immich-icloud/stack": "x"},
    {"pulumi.com/patchForce": "true"}, {"x": "y" * 255_000}, _LISTENERS, ["📷" * 1024] * 256, ["a", "b"],
    {"requests": {"cpu": "0.1", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1024Mi"}},
    {"requests": {"memory": "1k"}, "limits": {"memory": "999999999Ti", "cpu": "1024"}},
)  # fmt: skip


@st.composite
def accepted(draw: st.DrawFn) -> Settings:
    """The settings of a right file in which several places have another value that is accepted, too."""
    file = draw(st.sampled_from(VALID))
    config, secret = document(file)["config"], secrets(file)
    settings = read(config, secret)
    assert settings
    for _ in range(12):
        other = deepcopy(config)
        if paths := list(places(other)):
            *above, last = draw(st.sampled_from(paths))
            at: Any = other
            for step in above:
                at = at[step]
            at[last] = deepcopy(draw(st.sampled_from(BOUNDS)))
            if found := read(other, secret):
                config, settings = other, found
    return settings


def read(config: dict[str, Any], secret: set[str]) -> Settings | None:
    """Read the settings; None where they are refused."""
    try:
        return parse(
            {key if ":" in key else f"immich-icloud:{key}": as_text(one) for key, one in config.items()}, secret
        )
    except SettingsError:
        return None


def asked(settings: Settings) -> Iterator[Manifest]:
    """What a stack states, in Immich's namespace and on its Deployment: a dry run makes none of the stack's own."""
    for stated in objects(settings):
        if stated["kind"] in _UNKNOWN:
            continue
        metadata = {"name": "any", **stated["metadata"]}
        metadata.pop("generateName", None)
        metadata.pop("ownerReferences", None)
        if "namespace" in metadata:
            metadata["namespace"] = "immich"
        if stated["kind"] == "Deployment" and "selector" not in stated["spec"]:
            metadata["name"] = "immich-server"
        yield {**stated, "metadata": metadata}
