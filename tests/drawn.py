"""The rehearsal's stack as a graph, without the rehearsal: what it registers, on Pulumi's mocks."""

from clients.cloudflare import Tunnel, Zone
from components.plan import Found
from components.public_access import FoundAtCloudflare
from lab.cloudflare.world import found
from ops.diagram.flow import flow
from ops.diagram.graph import Graph
from ops.diagram.resources import Resource
from settings import parse
from tests.objects import SERVERS
from tests.stack_files import OWN, configuration, secrets
from tests.unit.recording import Recording, deployed

LAB = next(file for file in OWN if file.name == "Pulumi.lab.yaml")
HOMELAB = next(iter(found().tunnels))


def of_lab() -> Graph:
    """What `make up` deploys."""
    tunnel = Tunnel(HOMELAB, "homelab", config_src="cloudflare", deleted=False)
    there = FoundAtCloudflare(Zone("zone", "coultonf.com", "account", "free"), tunnel)
    return of(deployed(parse(configuration(LAB), secrets(LAB)), Found(SERVERS, cloudflare=there)))


def of(stack: Recording) -> Graph:
    """Draw what was registered."""
    return flow(resources_of(stack))


def resources_of(stack: Recording) -> tuple[Resource, ...]:
    """What was registered, the stack with its outputs first."""
    whole = Resource("pulumi:pulumi:Stack", "immich-icloud-test", outputs=stack.outputs)
    return (whole, *(Resource(one.type, one.name, one.inputs) for one in stack.resources))
