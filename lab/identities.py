"""Who the control plane's programs are: certificates, keys and tokens, and the kubeconfigs that lead to it."""

import base64
import secrets
import shutil
from pathlib import Path
from typing import Final

import trustme
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_CONTEXT: Final = "lab"
# The node's, from the block for documentation.
_ADDRESS: Final = "192.0.2.10"
# All are administrators: what the rehearsal is about is the program's objects, not the control plane's own rights.
_USERS: Final = ("lab", "kube-controller-manager", "kube-scheduler", "node")


class Identities:
    """The identities of one rehearsal, in a folder that is there only when all of them are."""

    def __init__(self, place: Path, kubeconfig: Path) -> None:
        """Nothing is made yet; `kubeconfig` is to be the user's."""
        self._place, self._kubeconfig = place, kubeconfig

    def make(self, admission: object) -> None:
        """Make them once, beside the configuration of admission: either all is there or none."""
        if self._place.exists():
            return
        self._place.parent.mkdir(parents=True, exist_ok=True)
        draft = self._place.with_name(f"{self._place.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        authority = trustme.CA(organization_name="immich-icloud rehearsal")
        authority.cert_pem.write_to_path(str(draft / "ca.pem"))
        server = authority.issue_cert("127.0.0.1", "localhost", _ADDRESS, common_name="lab")
        server.private_key_and_cert_chain_pem.write_to_path(str(draft / "server.pem"))
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (draft / "service-account.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        (draft / "tokens.csv").write_text(
            "".join(f"{secrets.token_hex(16)},{user},{user},system:masters\n" for user in _USERS)
        )
        (draft / "admission.yaml").write_text(yaml.safe_dump(admission))
        draft.rename(self._place)

    @property
    def tokens(self) -> dict[str, str]:
        """Each user's token."""
        lines = (self._place / "tokens.csv").read_text().splitlines()
        return {user: token for token, user, *_ in (line.split(",") for line in lines)}

    def kubeconfig_of(self, user: str) -> Path:
        """Where a user's kubeconfig is."""
        return self._kubeconfig if user == "lab" else self._place / f"{user}.kubeconfig"

    def write_kubeconfigs(self, port: int) -> None:
        """Have every kubeconfig lead to the API server's port."""
        authority = base64.b64encode((self._place / "ca.pem").read_bytes()).decode()
        for user, token in self.tokens.items():
            content = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": _CONTEXT,
                        "cluster": {
                            "server": f"https://127.0.0.1:{port}",
                            "certificate-authority-data": authority,
                        },
                    }
                ],
                "users": [{"name": user, "user": {"token": token}}],
                "contexts": [{"name": _CONTEXT, "context": {"cluster": _CONTEXT, "user": user}}],
                "current-context": _CONTEXT,
            }
            path = self.kubeconfig_of(user)
            draft = path.with_name(f"{path.name}.new")
            draft.touch(mode=0o600)
            draft.write_text(yaml.safe_dump(content, sort_keys=False))
            draft.replace(path)
