"""Stands for the cloudflared of the world `reference`, which connects its tunnel and sends Cloudflare the file's rules.

The real one does both when it starts, and reads its file then only: so does this one, for each pod that is new.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import yaml
from kubernetes import client
from urllib3.exceptions import HTTPError

from lab.cloudflare.world import new_uuid, now
from lab.cluster import connect

_NAMESPACE = "cloudflared"
_POLL_SECONDS = 0.5


@contextmanager
def following(kubeconfig: Path, cloudflare: str) -> Iterator[None]:
    """Follow the pods for as long as something else runs: what restarts them waits for their connections."""
    ended = threading.Event()

    def work() -> None:
        with httpx.Client(trust_env=False) as lab:  # to make one takes 30 ms of processor time
            while not ended.wait(_POLL_SECONDS):
                with suppress(HTTPError, client.ApiException, httpx.HTTPError):
                    _follow(kubeconfig, cloudflare, lab)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def follow(kubeconfig: Path, cloudflare: str) -> None:
    """Do what the world's pods of cloudflared have done meanwhile; `cloudflare` is the stand-in's base URL."""
    with httpx.Client(trust_env=False) as lab:
        _follow(kubeconfig, cloudflare, lab)


def _follow(kubeconfig: Path, cloudflare: str, lab: httpx.Client) -> None:
    with connect(kubeconfig) as api:
        core = client.CoreV1Api(api)
        holder = core.read_namespaced_config_map("cloudflared-config", _NAMESPACE)
        pods = core.list_namespaced_pod(_NAMESPACE, label_selector="app=cloudflared").items
    document = yaml.safe_load(holder.data["config.yaml"])
    running = [pod.metadata.uid for pod in pods if pod.metadata.deletion_timestamp is None]
    tunnel = f"{cloudflare.replace('/client/v4', '/lab')}/tunnels/{document['tunnel']}"
    told = lab.get(f"{tunnel}/connections").raise_for_status().json()["result"]
    known = {one["id"]: one for one in told}
    if known.keys() == set(running):
        return
    lab.put(f"{tunnel}/sent", json={"ingress": document["ingress"]}).raise_for_status()
    lab.put(f"{tunnel}/connections", json=[known.get(uid) or _connector(uid) for uid in running]).raise_for_status()


def _connector(id_: str) -> dict[str, Any]:
    since = now()
    connection = {"id": new_uuid(), "client_id": id_, "colo_name": "yyz01", "opened_at": since}
    return {"id": id_, "version": "2026.7.3", "arch": "linux_amd64", "run_at": since, "conns": [connection]}
