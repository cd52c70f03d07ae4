"""`python bench/empty.py PLACE CLI`: preview an empty program as the rehearsal does its own, without this project."""

import os
import sys
from pathlib import Path

from pulumi import automation


def main() -> None:
    """Preview it."""
    place, cli = Path(sys.argv[1]), sys.argv[2]
    (place / "state").mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "PATH": os.pathsep.join((cli, os.environ["PATH"])),
        "PULUMI_BACKEND_URL": f"{(place / 'state').resolve().as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": "empty",
        "PULUMI_HOME": str(place / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    automation.create_or_select_stack("empty", project_name="empty", program=lambda: None).preview()


if __name__ == "__main__":
    main()
