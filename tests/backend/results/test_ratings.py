"""Ratings and notes of results: in the queue, in the provenance of files, and to choose among candidates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.errors import InputError, ResultError
from backend.results.decisions import decide
from backend.results.ratings import best_of_each, rate
from backend.results.review import load_review
from backend.store import Job, Store
from backend.store.decision import Decision
from backend.store.rating import Rating
from tests.support.finished_jobs import Finisher
from tests.support.specs import write_spec


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as store:
        yield store


def candidates(store: Store, folder: Path, name: str = "dusk") -> list[Job]:
    """Two results for one prompt, undecided."""
    spec = write_spec(folder / f"{name}.json", {"id": "1", "name": name, "prompt": "Warm dusk"})
    return Finisher(store, folder / "out").finish(spec, "One.", "Two.", candidates=2)


def provenance(folder: Path) -> dict[str, object]:
    (result,) = json.loads((folder / "out" / ".upsample" / "dusk.upsample.json").read_text())[
        "results"
    ]
    assert isinstance(result, dict)
    return result


def test_a_rating_and_a_note_are_kept_apart(store: Store, tmp_path: Path) -> None:
    job = candidates(store, tmp_path)[0]
    assert rate(store, job.number, stars=4) == (Rating(4), [])
    assert rate(store, job.number, note=" good light ")[0] == Rating(4, "good light")
    assert rate(store, job.number, stars=0)[0] == Rating(0, "good light")
    assert rate(store, job.number, note="")[0] == Rating()
    assert store.ratings() == {}


def test_the_file_of_an_accepted_result_says_how_it_is_rated(store: Store, tmp_path: Path) -> None:
    one, two = candidates(store, tmp_path)
    rate(store, one.number, stars=5)
    decide(store, one.number, Decision.ACCEPTED)
    assert provenance(tmp_path)["rating"] == 5
    _, written = rate(store, one.number, stars=3, note="too dark")
    assert tmp_path / "out" / "dusk.json" in written
    assert provenance(tmp_path)["rating"] == 3
    assert provenance(tmp_path)["note"] == "too dark"
    # The other one is in no file.
    assert rate(store, two.number, stars=2) == (Rating(2), [])
    assert provenance(tmp_path)["rating"] == 3


def test_a_file_that_others_changed_stays_as_it_is_and_the_rating_holds(
    store: Store, tmp_path: Path
) -> None:
    job = candidates(store, tmp_path)[0]
    decide(store, job.number, Decision.ACCEPTED)
    (tmp_path / "out" / "dusk.json").write_text("{}")
    with pytest.raises(ResultError):
        rate(store, job.number, stars=1)
    assert (tmp_path / "out" / "dusk.json").read_text() == "{}"
    assert store.ratings()[job.number].stars == 1


def test_what_is_no_rating_is_refused(store: Store, tmp_path: Path) -> None:
    job = candidates(store, tmp_path)[0]
    with pytest.raises(InputError, match="6 is no rating"):
        rate(store, job.number, stars=6)
    with pytest.raises(InputError, match="longer than 2,000"):
        rate(store, job.number, note="x" * 2_001)
    with pytest.raises(InputError, match="no job 99"):
        rate(store, 99, stars=1)


def test_the_best_of_each_prompt_is_the_one_with_the_most_stars(
    store: Store, tmp_path: Path
) -> None:
    one, two = candidates(store, tmp_path)
    unrated = candidates(store, tmp_path, "dawn")
    rate(store, one.number, stars=4)
    rate(store, two.number, stars=2)
    assert best_of_each(load_review(store).prompts) == [one.number]
    decide(store, one.number, Decision.ACCEPTED)
    assert best_of_each(load_review(store).prompts) == []
    rate(store, unrated[0].number, stars=3)
    rate(store, unrated[1].number, stars=3)
    assert best_of_each(load_review(store).prompts) == [unrated[1].number]


def test_a_rating_goes_with_its_job(store: Store, tmp_path: Path) -> None:
    job = candidates(store, tmp_path)[0]
    rate(store, job.number, stars=4)
    store.forget([job.number])
    assert store.ratings() == {}
