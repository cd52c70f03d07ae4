"""`make chart-values`: prints the photos' mount as values of the chart that deploys Immich, and nothing else."""

import argparse
import sys
from collections.abc import Sequence
from typing import get_args

import yaml

from clients.kubernetes import Manifest, Ref
from components import chart_values, immich_mount, immich_server
from components.chart_forms import Form, formed, release
from observe.cluster import workloads
from ops.command import CommandError, Stack, main, say
from preflight import workload_rules


def values(stack: Stack, form: Form = "values") -> str:
    """Render them as YAML, for the chart and the containers that the cluster has; one document a Helm release.

    Raises:
        CommandError: when no workload runs Immich's server, it's unclear which container does, or the chart is unknown.
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    immich = stack.settings.immich
    found = workloads(stack.api, immich.namespace)
    for finding in workload_rules.of_workloads(immich, found):
        raise CommandError(str(finding))
    workload = {Ref.of(one): one for one in found}
    releases: dict[tuple[str, str], tuple[Manifest, Manifest]] = {}
    for server in immich_server.servers(immich, found):
        live = workload[server.ref]
        entries = immich_mount.fragment(immich, stack.settings.storage, server, stack.ownership)
        first, so_far = releases.get(release(live), (live, {}))
        releases[release(live)] = first, chart_values.together(so_far, _of_chart(entries, live))
    documents = [formed(form, stated, live) for live, stated in releases.values()]
    return yaml.safe_dump_all(documents, sort_keys=False, width=10_000).rstrip()


def _of_chart(entries: Manifest, live: Manifest) -> Manifest:
    try:
        return chart_values.values(entries, live)
    except chart_values.UnknownChartError as error:
        raise CommandError(str(error)) from None


def _parsed(arguments: Sequence[str]) -> Form:
    parser = argparse.ArgumentParser(prog="make chart-values", description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument(
        "--form",
        choices=get_args(Form),
        default="values",
        help="a file of values, or what Flux or ArgoCD deploys the chart by, to be merged into the one in git",
    )
    form: Form = parser.parse_args(arguments).form
    return form


if __name__ == "__main__":
    wanted = _parsed(sys.argv[1:])
    main(lambda stack, _: say(values(stack, wanted)))
