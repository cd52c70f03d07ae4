"""What is never imported, as importing is most of what a preview costs (`make bench` measures it).

Each in a process of its own: in this one all of it is loaded.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Cloudflare's SDK makes its models where its resources are imported: requests need none of them.
MODELS = {"cloudflare.resources", "cloudflare.types.zero_trust"}
PROGRAM = MODELS | {"apprise", "pulumi_cloudflare", "lab", "ops"}
PROVIDER = PROGRAM | {"components", "observe", "preflight", "pulumi_kubernetes"}


@pytest.mark.parametrize(
    ("imported", "unwanted"),
    [
        ("components.photo_stack, preflight, settings", PROGRAM),
        ("components.cloudflare", MODELS | {"pulumi_cloudflare.zone", "pulumi_cloudflare.worker"}),
        ("providers.fragment", PROVIDER),
        ("providers.disk_identity", PROVIDER),
        ("providers.tunnel_rules, providers.tunnel_file_rule", PROVIDER),
        ("providers.immich_library, providers.immich_settings", PROVIDER),
    ],
)
def test_what_is_not_needed_is_not_imported(imported: str, unwanted: set[str]) -> None:
    program = f"import sys, {imported}; print(*sorted({unwanted!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not ran.stdout.split()
