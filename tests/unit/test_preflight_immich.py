"""What preflight says of Immich itself: pure rules on facts."""

from dataclasses import replace
from typing import Any

from clients.immich import Library, User
from preflight import immich_rules
from preflight.immich_facts import ImmichFacts
from providers.immich_library import Trial, WantedLibrary
from providers.immich_settings import WantedSettings
from settings import Settings
from settings.model import Backend
from tests.unit.configured import ON_HOST, configured

SERVER = Backend("immich", "immich-server", 3001)
PATH = "/external/icloud/icloud-import"
OWNER = User("1", "owner@example.com")
WANTED = WantedLibrary(SERVER, "", "iCloud Photos", (PATH,), (), {}, adopt=False)
NFS = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos"}
MONTHLY = WantedSettings(SERVER, "0 4 1 * *", watch=True)
AS_FOUND = {"scan": {"enabled": True, "cronExpression": "0 0 * * *"}, "watch": {"enabled": False}}


def library(*paths: str, patterns: tuple[str, ...] = ()) -> Library:
    return Library("abc", OWNER.id, "iCloud Photos", paths, patterns, "")


def facts(trial: Trial | None = None, **more: Any) -> ImmichFacts:
    return ImmichFacts(trials=((WANTED, trial),) if trial else (), **more)


def with_library(storage: dict[str, Any] = ON_HOST, **stated: Any) -> Settings:
    return configured(storage, immich={"library": stated})


def test_an_immich_that_can_t_be_asked_is_a_problem() -> None:
    assert immich_rules.problems(ImmichFacts("Immich does not know the API key"), None) == [
        "Immich does not know the API key"
    ]


def test_an_immich_that_does_not_run_is_no_problem_but_said() -> None:
    """Its mount may be what keeps it from running, and `up` what mends that."""
    down = ImmichFacts(not_running="Service immich/immich-server has no pod that is ready")
    assert immich_rules.problems(down, MONTHLY) == []
    (warning,) = immich_rules.warnings(with_library(), down)
    assert warning.endswith("shows only in `up`: Service immich/immich-server has no pod that is ready")
    assert immich_rules.news(down, MONTHLY) == []


def test_what_each_library_lacks_is_a_problem() -> None:
    assert immich_rules.problems(facts(Trial(("no such user", "imported twice"))), None) == [
        "no such user",
        "imported twice",
    ]


def test_a_permission_that_the_key_lacks_is_a_problem() -> None:
    (problem,) = immich_rules.problems(facts(lacking=("library.update",)), None)
    assert problem.startswith("immich-icloud:immichApiKey: the API key of Immich lacks library.update. Add that to it")


def test_one_user_can_t_have_two_libraries_of_one_name() -> None:
    mine, named = WANTED, replace(WANTED, owner=OWNER.email)
    trials = tuple((wanted, Trial((), OWNER, None, library(PATH))) for wanted in (mine, named))
    (problem,) = immich_rules.problems(ImmichFacts(trials=trials), None)
    assert problem == (
        "immich-icloud:photoSync.accounts: accounts of owner@example.com name nobody, which is whose API key it is and "
        "owner@example.com as their Immich user. Let all of them have immichUser: owner@example.com, or none"
    )
    assert immich_rules.problems(ImmichFacts(trials=trials[:1]), None) == []


def test_a_configuration_file_has_to_say_it_itself() -> None:
    (problem,) = immich_rules.problems(facts(settings_change=True, has_configuration_file=True), MONTHLY)
    assert problem == (
        "Immich takes its configuration from a file (IMMICH_CONFIG_FILE), and no API changes it. Put "
        '{"library": {"scan": {"enabled": true, "cronExpression": "0 4 1 * *"}, "watch": {"enabled": true}}} into that '
        "file, or take scanSchedule and watch out of immich-icloud:immich.library"
    )


def test_a_configuration_file_that_says_it_already_is_fine() -> None:
    assert immich_rules.problems(facts(settings_change=False, has_configuration_file=True), MONTHLY) == []
    assert immich_rules.problems(facts(has_configuration_file=True), None) == []


def test_watching_is_warned_of() -> None:
    (warning,) = immich_rules.warnings(with_library(watch=True), facts())
    assert "a photo whose file vanishes is deleted from Immich at once, with its place in albums" in warning
    assert immich_rules.warnings(with_library(watch=True), facts(settings_were=MONTHLY.entries)) == [], "once"
    assert immich_rules.warnings(with_library(watch=False), facts()) == []
    assert immich_rules.warnings(with_library(), facts()) == []


def test_watching_sees_nothing_on_a_network_disk() -> None:
    _, warning = immich_rules.warnings(with_library(NFS, watch=True), facts())
    assert warning == "immich-icloud:immich.library.watch: on storage of kind nfs Immich sees no change between scans"


def test_a_library_that_is_taken_over_stays() -> None:
    taken = Trial((), OWNER, library(), library(PATH), taken_over=True)
    assert immich_rules.warnings(with_library(), facts(taken)) == [
        'the library "iCloud Photos" in Immich is taken over, and stays when this stack is removed'
    ]


def test_a_pattern_that_may_send_photos_to_the_trash_is_warned_of() -> None:
    more = Trial((), OWNER, library(PATH, patterns=("**/a/**",)), library(PATH, patterns=("**/a/**", "**/b/**")))
    (warning,) = immich_rules.warnings(with_library(), facts(more))
    assert "passes over **/b/** from now on: photos of it that match go to Immich's trash" in warning
    new = Trial((), OWNER, library(), library(PATH, patterns=("**/b/**",)))
    assert immich_rules.warnings(with_library(), facts(new)) == []


def test_a_new_library_is_news() -> None:
    assert immich_rules.news(facts(Trial((), OWNER, None, library(PATH))), None) == [
        f'the library "iCloud Photos" of owner@example.com in Immich is made, and imports {PATH}; a first scan follows'
    ]


def test_only_new_folders_are_news() -> None:
    more = Trial((), OWNER, library(PATH), library(PATH, f"{PATH}-ben"))
    assert immich_rules.news(facts(more), None) == [
        f'the library "iCloud Photos" of owner@example.com in Immich imports {PATH}-ben; a first scan follows'
    ]
    same = Trial((), OWNER, library(PATH), library(PATH))
    assert immich_rules.news(facts(same), None) == []


def test_what_changes_for_all_libraries_is_news() -> None:
    told = immich_rules.news(facts(settings_were=AS_FOUND, settings_change=True), MONTHLY)
    assert told == [
        'in Immich, for all its libraries: scan becomes {"enabled": true, "cronExpression": "0 4 1 * *"}; it is '
        '{"enabled": true, "cronExpression": "0 0 * * *"}',
        'in Immich, for all its libraries: watch becomes {"enabled": true}; it is {"enabled": false}',
    ]
    assert immich_rules.news(facts(settings_were=MONTHLY.entries), MONTHLY) == []


def test_without_an_api_key_one_line_says_what_it_takes() -> None:
    assert immich_rules.news(None, None) == [
        "no library is made in Immich: immich-icloud:immichApiKey, an administrator's with library.read, "
        "library.create, library.update, library.statistics, user.read, systemConfig.read, systemConfig.update (from "
        "Immich 3.2 on also adminConfig.read, adminConfig.update), is not stored. docs/photos.md"
    ]
    assert immich_rules.problems(None, None) == immich_rules.warnings(with_library(watch=True), None) == []
