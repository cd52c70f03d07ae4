"""`make chart-values`: prints the photos' mount as values of Immich's Helm chart, and nothing else."""

import yaml

from clients.kubernetes import Ref
from components import chart_values, immich_mount, immich_server
from observe.cluster import workloads
from ops.command import CommandError, Stack, main, say
from preflight import workload_rules


def values(stack: Stack) -> str:
    """Render them as YAML, for the chart's version and the containers that the cluster has.

    Raises:
        CommandError: when no workload runs Immich's server, or it is unclear which container does.
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    immich = stack.settings.immich
    found = workloads(stack.api, immich.namespace)
    for finding in workload_rules.of_workloads(immich, found):
        raise CommandError(str(finding))
    server = immich_server.servers(immich, found)[0]
    live = next(one for one in found if Ref.of(one) == server.ref)
    entries = immich_mount.fragment(immich, stack.settings.storage, server, stack.ownership)
    return yaml.safe_dump(chart_values.values(entries, live), sort_keys=False, width=10_000).rstrip()


if __name__ == "__main__":
    main(lambda stack, _: say(values(stack)))
