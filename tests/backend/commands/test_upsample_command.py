"""A batch without the app, with a dispatcher that only pretends."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from backend.cli import run
from backend.commands import upsample as upsample_command
from backend.errors import BoxUnreachable, BoxUntrusted
from backend.events import Event, JobDone
from backend.exit_codes import ExitCode
from backend.results.writing import is_own_result
from backend.store import Job, State, Store, Written, default_path
from remote.protocol import Json
from tests.backend.commands.running_commands import BY_SKETCH, Capsys, data, put, put_spec, queued
from tests.support.queued_jobs import new_job

pytestmark = pytest.mark.usefixtures("folder")


class Pretender:
    """Stands in for the dispatcher: ends every job, or raises what it was told to."""

    trouble: Exception | None = None

    def __init__(
        self,
        store: Store,
        box: object,
        asker: object,
        watch: Callable[[Event], None],
        *,
        force: bool,
        hand_over: bool = False,
        fetcher: object = None,
        alone: bool = True,
        member: object = None,
    ) -> None:
        self.store, self.watch = store, watch

    async def run(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if self.trouble is not None:
                raise self.trouble
            self.store.set_state(job.number, State.DONE)
            self.watch(JobDone(job.number, job.name, "long", "stop", "sketch", 0.1, None, None))


@pytest.fixture
def pretender(monkeypatch: pytest.MonkeyPatch) -> type[Pretender]:
    monkeypatch.setattr(upsample_command, "Dispatcher", Pretender)
    monkeypatch.setattr(Pretender, "trouble", None)
    return Pretender


@pytest.mark.usefixtures("pretender")
def test_a_run_warns_of_a_video_that_is_found_from_another_folder(
    capsys: Capsys, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("specs/c.mp4", "")
    put_spec("specs/a.json", "specs/c.mp4")
    monkeypatch.chdir(folder / "specs")
    run(["--no-ui", "a.json"])
    told = f"! a: a video does not exist; it is there when upsample is started in {folder}\n"
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("pretender")
def test_all_done_exits_with_0(capsys: Capsys, counted_clip: Path) -> None:
    spec = put_spec("dock.json", counted_clip)
    assert run(["--no-ui", str(spec)]) == ExitCode.OK
    assert capsys.readouterr().err.splitlines() == ["1 done.", BY_SKETCH]
    assert queued(capsys) == ["dock done"]


@pytest.mark.parametrize("trouble", [BoxUnreachable("no route"), BoxUntrusted("another key")])
def test_a_box_that_cannot_be_used_exits_with_3_and_tells_what_stays(
    capsys: Capsys, counted_clip: Path, pretender: type[Pretender], trouble: Exception
) -> None:
    pretender.trouble = trouble
    assert run(["--no-ui", str(put_spec("dock.json", counted_clip))]) == ExitCode.BOX
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "1 queued."
    assert said[1].startswith("1 stays in the queue")
    assert said[2] == f"upsample: {trouble}"


def test_without_paths_the_queue_goes_on_and_json_is_heeded(
    capsys: Capsys, counted_clip: Path, pretender: type[Pretender]
) -> None:
    pretender.trouble = BoxUnreachable("no route")
    run(["--no-ui", str(put_spec("dock.json", counted_clip))])
    pretender.trouble = None
    capsys.readouterr()
    event = data(capsys, "--no-ui", "--json")
    assert isinstance(event, dict)
    assert (event["type"], event["name"]) == ("done", "dock")


@pytest.mark.parametrize(
    "option",
    [
        "--save-dir=x",
        "--save-dir=outputs",
        "--seed=3",
        "--candidates=2",
        "--num-frames=1",
        "--max-resolution=480",
        "--resize=off",
        "--media=both",
        "--filter=rain",
        "--ignore-budget",
        "--review",
    ],
)
def test_an_option_that_cannot_change_what_is_queued_is_bad_usage(
    capsys: Capsys, option: str
) -> None:
    assert run(["--no-ui", option]) == ExitCode.USAGE
    assert f"{option.partition('=')[0]} cannot change what is queued" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spec", "started_in", "told"),
    [
        ({"input_video_path": "specs/c.mp4", "edge": {}}, "specs", "started in {root}."),
        ({"video_path": "specs/c.mp4", "edge": {}}, "", "It is at {root}/specs/c.mp4: "),
        ({"video_path": "specs/c.mp4", "edge": {}}, "", "so write c.mp4."),
        ({"input_video_path": "specs/d.mp4", "edge": {}}, "specs", "Check the path"),
        ({"video_path": "specs/d.mp4", "edge": {}}, "specs", "Check the path"),
    ],
)
def test_a_video_that_is_found_from_another_folder_is_told_with_that(
    capsys: Capsys, folder: Path, spec: dict[str, Json], started_in: str, told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (folder / "specs").mkdir()
    put("specs/c.mp4", "")
    file = folder / put("specs/a.json", json.dumps({"prompt": "a car"} | spec))
    monkeypatch.chdir(folder / started_in)
    assert run(["--dry-run", os.path.relpath(file)]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr().out
    assert "does not exist" in shown
    assert told.format(root=folder) in shown.splitlines()[-1]


def test_a_dry_run_of_nothing_is_bad_usage(capsys: Capsys) -> None:
    assert run(["--no-ui", "--dry-run"]) == ExitCode.USAGE
    assert "upsample queue list" in capsys.readouterr().err


def test_what_is_paused_is_not_sent_by_going_on_and_said(
    capsys: Capsys, counted_clip: Path
) -> None:
    with closing(Store(default_path())) as store:
        store.queue([new_job()])
        store.set_state(1, State.PAUSED)
        assert run(["--no-ui"]) == ExitCode.OK
        assert "Paused: 1." in capsys.readouterr().err
        assert store.jobs()[0].state is State.PAUSED


@pytest.mark.usefixtures("pretender")
def test_a_result_that_never_became_a_file_is_taken_up_again(
    capsys: Capsys, counted_clip: Path
) -> None:
    # A crash between the answer and the file: the job is done, and nothing was written.
    run(["--no-ui", str(put_spec("dock.json", counted_clip))])
    capsys.readouterr()
    run(["--no-ui"])
    assert "1 done." in capsys.readouterr().err


@pytest.mark.usefixtures("pretender")
def test_a_result_of_ours_is_not_upsampled_again_unless_it_is_forced(
    capsys: Capsys, counted_clip: Path
) -> None:
    put_spec("dock.json", counted_clip)
    result = put_spec("outputs/dock.json", counted_clip, "a long prompt").absolute()
    digest = hashlib.sha256(result.read_bytes()).hexdigest()
    store = Store(default_path())
    store.note_written({result: Written(digest, Path("dock.json").absolute())})
    assert is_own_result(store, result)
    store.close()
    run(["--no-ui", ".", "--save-dir", "new"])
    assert "outputs/dock.json: skipped, it is a result of upsample" in capsys.readouterr().err
    assert queued(capsys) == ["dock done"]
    run(["--no-ui", ".", "--save-dir", "new", "--force"])
    capsys.readouterr()
    assert len(queued(capsys)) == 2


@pytest.mark.usefixtures("pretender")
def test_a_file_that_may_not_be_replaced_is_refused_before_any_work(
    capsys: Capsys, counted_clip: Path
) -> None:
    specs = [str(put_spec(f"{name}.json", counted_clip)) for name in "ab"]
    put("outputs/a.json", "mine")
    assert run(["--no-ui", *specs]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert "a.json exists already" in shown.err
    assert "1 done, 1 refused." in shown.err
    assert queued(capsys) == ["b done"]
