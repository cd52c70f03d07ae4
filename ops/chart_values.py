"""`make chart-values`: prints the photos' mount as values of Immich's Helm chart, and nothing else."""

import yaml

from clients.kubernetes import Ref
from components import chart_values, immich_mount
from observe.planned import container_for
from ops.command import CommandError, Stack, main, say


def values(stack: Stack) -> str:
    """Render them as YAML, for the chart's version and the container that the cluster has.

    Raises:
        CommandError: when Immich's Deployment does not exist.
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    immich = stack.settings.immich
    ref = Ref("apps/v1", "Deployment", immich.deployment, immich.namespace)
    live = stack.api.get(ref)
    if live is None:
        raise CommandError(f"{ref} does not exist. Deploy Immich first")
    container = container_for(immich.mount, live)
    entries = immich_mount.fragment(immich, stack.settings.storage, container, stack.ownership)
    return yaml.safe_dump(chart_values.values(entries, live), sort_keys=False, width=10_000).rstrip()


if __name__ == "__main__":
    main(lambda stack, _: say(values(stack)))
