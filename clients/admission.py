"""An admission policy of this stack while what it demands changes."""

from clients.kubernetes import OBJECT_MANAGER, ClusterApi, Manifest, Ref


def widen(api: ClusterApi, policy: Manifest) -> None:
    """Let the policy in force also admit what `policy` admits.

    It still admits what it admitted before: whether the change succeeds, is rolled back, or is interrupted, the
    pods start. It gets narrow again with the next write of the policy, once the change is there.

    Args:
        api: the cluster.
        policy: the policy as it will be; its one expression uses no variables.

    Raises:
        ClusterError: when the API server can't be reached, or refuses.

    """
    live = api.get(Ref.of(policy))
    if live is None:
        return
    found, wanted = (one["spec"]["validations"] for one in (live, policy))
    expression, new = found[0]["expression"], wanted[0]["expression"]
    if new not in expression:
        validations = [{**found[0], "expression": f"({expression}) || ({new})"}]
        api.apply({**policy, "spec": {**live["spec"], "validations": validations}}, OBJECT_MANAGER, force=True)
