"""What the server says about itself, to everybody."""

from lab.immich import media
from lab.immich.routes import Route
from lab.immich.world import World
from lab.stand_in.answers import Json, Request
from lab.stand_in.routes import Ids


def _ping(_: World, __: Request, ___: Ids) -> Json:
    return {"res": "pong"}


def _version(world: World, _: Request, __: Ids) -> Json:
    major, minor, patch = (int(part) for part in world.version.split("."))
    return {"major": major, "minor": minor, "patch": patch, **({"prerelease": None} if world.since(3) else {})}


def _media_types(_: World, __: Request, ___: Ids) -> Json:
    return {"image": [*media.IMAGES], "sidecar": [*media.SIDECARS], "video": [*media.VIDEOS]}


def _features(world: World, _: Request, __: Ids) -> Json:
    config = world.configuration
    learning = config["machineLearning"]
    features = {
        "configFile": world.config_file,
        "duplicateDetection": learning["duplicateDetection"]["enabled"],
        "email": config["notifications"]["smtp"]["enabled"],
        "facialRecognition": learning["facialRecognition"]["enabled"],
        "importFaces": config["metadata"]["faces"]["import"],
        "map": config["map"]["enabled"],
        "oauth": config["oauth"]["enabled"],
        "oauthAutoLaunch": config["oauth"]["autoLaunch"],
        "ocr": learning["ocr"]["enabled"],
        "passwordLogin": config["passwordLogin"]["enabled"],
        "reverseGeocoding": config["reverseGeocoding"]["enabled"],
        "search": True,
        "sidecar": True,
        "smartSearch": learning["clip"]["enabled"],
        "trash": config["trash"]["enabled"],
    }
    return {**features, **({"realtimeTranscoding": config["ffmpeg"]["realtime"]["enabled"]} if world.since(3) else {})}


ROUTES = (
    Route("GET", "/server/ping", _ping),
    Route("GET", "/server/version", _version),
    Route("GET", "/server/features", _features),
    Route("GET", "/server/media-types", _media_types),
)
