"""What is never imported, as importing is most of what a preview costs (`make bench` measures it).

In processes of their own: in this one all of it is loaded.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Cloudflare's SDK makes its models where its resources are imported: requests need none of them.
MODELS = {"cloudflare.resources", "cloudflare.types.zero_trust"}
# `clients.lean_imports` leaves out what Kubernetes' client and httpx would import beside what is used.
LEFT_OUT = {"click", "kubernetes.client.api.apps_v1_api", "kubernetes.client.models.v1_scale", "kubernetes.dynamic"}
PROGRAM = MODELS | LEFT_OUT | {"apprise", "pulumi_cloudflare", "pulumi_kubernetes", "lab", "ops", "rich"}
PROVIDER = PROGRAM | {"components", "observe", "preflight"}


@pytest.mark.parametrize(
    "steps",
    [
        {
            "components.photo_stack, preflight, settings": PROGRAM,
            "components.cloudflare": MODELS | {"pulumi_cloudflare.zone", "pulumi_cloudflare.worker"},
        },
        {
            f"providers.{name}": PROVIDER
            for name in (
                "fragment", "disk_identity", "tunnel_rules", "tunnel_file_rule", "immich_library", "immich_settings",
            )
        },
        {"lab.commands": LEFT_OUT},
        {"lab.node.__main__": LEFT_OUT | {"pulumi", "pydantic", "settings"}},
        {"ops.verify": LEFT_OUT},
    ],
    ids=["program", "providers", "lab", "node", "verify"],
)  # fmt: skip
def test_what_is_not_needed_is_not_imported(steps: dict[str, set[str]]) -> None:
    """Step after step in one process."""
    program = "\n".join(
        f"import sys, {imported}; print({imported!r}, *sorted({unwanted!r} & set(sys.modules)))"
        for imported, unwanted in steps.items()
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [*steps]
