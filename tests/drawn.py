"""Stacks as graphs, as Pulumi's mocks register them; `python -m tests.drawn` draws the one of README.md."""

import json
import re
from pathlib import Path

from clients.cloudflare import Tunnel, Zone
from components.connector import Origin
from components.plan import Found
from components.public_access import FoundAtCloudflare
from lab.cloudflare.world import found
from ops.diagram.flow import flow
from ops.diagram.graph import Graph
from ops.diagram.mermaid import mermaid
from ops.diagram.resources import Resource
from settings import PROJECT, parse
from tests.objects import SERVERS
from tests.stack_files import OWN, configuration, secrets
from tests.unit.recording import Recording, deployed

README = Path(__file__).parent.parent / "README.md"
EXAMPLE = next(file for file in OWN if file.name == "Pulumi.example.yaml")
LAB = next(file for file in OWN if file.name == "Pulumi.lab.yaml")
ORIGIN = Origin("ingress-nginx", {"app.kubernetes.io/name": "ingress-nginx"}, 80)
HOMELAB = next(iter(found().tunnels))


def of_lab() -> Graph:
    """What `make up` deploys."""
    tunnel = Tunnel(HOMELAB, "homelab", config_src="cloudflare", deleted=False)
    there = FoundAtCloudflare(Zone("zone", "coultonf.com", "account", "free"), tunnel)
    return of(deployed(parse(configuration(LAB), secrets(LAB)), Found(SERVERS, cloudflare=there)))


def of_example() -> Graph:
    """What `Pulumi.example.yaml` deploys once an account and Immich's API key are stored."""
    stated = configuration(EXAMPLE)
    sync = f"{PROJECT}:photoSync"
    stated |= {
        sync: json.dumps(json.loads(stated[sync]) | {"accounts": [{"name": "anna"}]}),
        f"{PROJECT}:icloudCredentials": '{"anna": {"appleId": "anna@example.com", "password": "x"}}',
        f"{PROJECT}:immichApiKey": "x" * 40,
    }
    hidden = {f"{PROJECT}:icloudCredentials", f"{PROJECT}:immichApiKey"}
    there = FoundAtCloudflare(Zone("zone", "example.com", "account", "free"))
    return of(deployed(parse(stated, hidden), Found(SERVERS, cloudflare=there, origin=ORIGIN)))


def in_readme(readme: str) -> str:
    """Put the example's picture in the place of the README's."""
    return re.sub(r"(?<=```mermaid\n).*?(?=```)", lambda _: mermaid(of_example()), readme, count=1, flags=re.DOTALL)


def of(stack: Recording) -> Graph:
    """Draw what was registered."""
    return flow(resources_of(stack))


def resources_of(stack: Recording) -> tuple[Resource, ...]:
    """What was registered, the stack with its outputs first."""
    whole = Resource("pulumi:pulumi:Stack", "immich-icloud-test", outputs=stack.outputs)
    return (whole, *(Resource(one.type, one.name, one.inputs) for one in stack.resources))


if __name__ == "__main__":
    README.write_text(in_readme(README.read_text()))
