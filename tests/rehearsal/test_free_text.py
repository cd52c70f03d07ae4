"""Text that Go, JSON and YAML each write in their own way arrives as it was meant, and is known again."""

from typing import Any

from components.photo_disk import MARK
from tests.rehearsal.conftest import DEPLOYMENT, INGRESS, Bench, changed, stated

PHOTOS = True

TEXT = "фото 📷 & <b> \u2028 \"'\\u0444 e\u0301"
PATH = f"/external/{TEXT}"
FOLDER = "icloud-фото & 📷 $$(MARK)"
ALBUMS = ["📷 Fotos", "A & <B>", "\u2028 ".strip() + "日本"]


def test_any_text_is_deployed_known_again_and_removed(bench: Bench) -> None:
    def change(settings: dict[str, Any]) -> None:
        settings["immich"] = {"mount": {"path": PATH}}
        settings["route"]["annotations"]["example.com/text"] = TEXT
        settings["photoSync"]["accounts"][0]["albums"] = ALBUMS
        settings["storage"]["path"] = f"/var/mnt/{FOLDER}"
        del settings["immichApiKey"]

    found = stated(bench.get(DEPLOYMENT))
    bench.set(change)
    bench.up()
    assert PATH in [mount["mountPath"] for mount in bench.pod()["containers"][0]["volumeMounts"]]
    assert bench.get(INGRESS)["metadata"]["annotations"]["example.com/text"] == TEXT

    assert (bench.home / "disk" / "var" / "mnt" / FOLDER / MARK).is_file()

    assert changed(bench.up()) == []

    bench.destroy()
    assert stated(bench.get(DEPLOYMENT)) == found
