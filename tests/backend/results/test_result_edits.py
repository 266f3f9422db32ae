"""What a user makes of a JSON prompt in an editor is checked before it is accepted, and never half taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.errors import InputError
from backend.results.decisions import decide
from backend.results.edits import text_to_edit
from backend.results.lints import Answered, lint
from backend.results.review import load_review
from backend.store import Job, Store
from backend.store.decision import Decision
from tests.support.finished_jobs import Finisher
from tests.support.json_profile import NAME, write_json_profile
from tests.support.specs import write_spec

ANSWER = '{"scene": "a long dusk, M\\u00f6wen", "fps": 1}'
SPEC = {"model_mode": "text2video", "prompt": "Warm dusk", "fps": 16}
EDITED = Decision.EDITED


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


@pytest.fixture
def job(store: Store, tmp_path: Path) -> Job:
    """The result of a profile whose answers are objects."""
    write_json_profile()
    (job,) = Finisher(store, tmp_path / "out", NAME).finish(
        write_spec(tmp_path / "dusk.json", SPEC), ANSWER
    )
    return job


def prompt_of(store: Store) -> str:
    return load_review(store).prompts[0].candidates[0].result.prompt


def test_an_object_is_edited_in_lines_and_written_as_the_generator_knows_it(
    store: Store, job: Job
) -> None:
    text = text_to_edit(prompt_of(store))
    assert text == '{\n  "scene": "a long dusk, Möwen",\n  "fps": 16\n}'
    decide(store, job.number, EDITED, text.replace("long", "short"))
    written = json.loads(job.destination.read_text())["prompt"]
    assert written == '{"scene": "a short dusk, M\\u00f6wen", "fps": 16}' == prompt_of(store)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            '{\n  "scene": "a dusk"\n  "fps": 16\n}',
            "it is no JSON: Expecting ',' delimiter: line 3",
        ),
        ("A long dusk.", "it is no JSON object but other text"),
        ('{"scene": "a", "scene": "b", "fps": 16}', "it gives the key 'scene' twice"),
        ('{"fps": 16}', "'scene' is a required property"),
        ('{"scene": 3, "fps": 16}', "at scene: "),
        ('{"scene": "a", "mood": "", "fps": 16}', "mood"),
        ('{"scene": "a", "fps": 30}', "its spec decides fps, which is 16 and not 30"),
    ],
)
def test_a_wrong_edit_is_told_with_what_is_wrong_and_decides_nothing(
    store: Store, job: Job, text: str, why: str
) -> None:
    with pytest.raises(InputError) as refused:
        decide(store, job.number, EDITED, text)
    assert refused.value.problem.startswith(f"what dusk (job {job.number}) was edited to cannot be")
    assert why in refused.value.problem
    assert "the text is still there" in refused.value.remedy
    assert (store.decisions(), job.destination.exists()) == ({}, False)


def test_what_the_spec_decides_comes_back_where_it_was_left_out(store: Store, job: Job) -> None:
    decide(store, job.number, EDITED, '{"scene": "a"}')
    assert json.loads(prompt_of(store)) == {"scene": "a", "fps": 16}


def test_an_object_of_a_profile_without_a_schema_stays_one_or_becomes_prose(
    store: Store, tmp_path: Path
) -> None:
    spec = write_spec(tmp_path / "dock.json", {"id": "ps_1", "prompt": "a dock"})
    (job,) = Finisher(store, tmp_path / "out").finish(spec, '{"a": 1}')
    with pytest.raises(InputError, match="it is no JSON: "):
        decide(store, job.number, EDITED, '{\n  "a": 1,\n}')
    decide(store, job.number, EDITED, '{\n  "a": 2\n}')
    assert prompt_of(store) == '{"a": 2}'
    decide(store, job.number, EDITED, "A dock.")
    assert prompt_of(store) == "A dock."


def test_the_keys_and_the_length_of_an_object_are_no_faults() -> None:
    subject = {"description": "a crane", "clothing": "", "expression": "", "gender": "", "age": ""}
    answer = json.dumps(
        {"subjects": [subject] * 5, "segments": [" ".join(map(chr, range(0x4E00, 0x5200)))]}
    )
    assert lint(Answered("a crane turns", answer, "stop")) == []
    circling = json.dumps({"caption": "The car drives on. " * 5})
    kinds = [it.kind for it in lint(Answered('"OPEN"', circling, "length"))]
    assert kinds == ["cut off", "repetition", "lost words"]
    assert lint(Answered("x", circling, "stop"))[0].spans == ()
