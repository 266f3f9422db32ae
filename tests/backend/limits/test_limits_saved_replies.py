"""Replies on the disk: what was answered is not asked again, and nothing stale is believed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from backend.errors import ResultError
from backend.limits.reply import Reply, ReplyOutcome
from backend.limits.saved_replies import SavedReplies

ACCEPTED = Reply(ReplyOutcome.ACCEPTED, 523, "vllm 0.32.0")
REFUSED = Reply(ReplyOutcome.REFUSED, 4699, words="too long\nby far")


def test_an_interrupted_measurement_goes_on(tmp_path: Path) -> None:
    first = SavedReplies(tmp_path / "new" / "replies", "a box")
    first.keep("one", ACCEPTED)
    first.keep("two", REFUSED)

    again = SavedReplies(tmp_path / "new" / "replies", "a box")
    assert (again.seed, again.count) == (first.seed, 2)
    assert (again.reply("one"), again.reply("two")) == (ACCEPTED, REFUSED)
    assert again.reply("three") is None


def test_another_subject_begins_anew_with_another_seed(tmp_path: Path) -> None:
    first = SavedReplies(tmp_path / "replies", "a box")
    first.keep("one", ACCEPTED)
    other = SavedReplies(tmp_path / "replies", "a box with another model")
    assert other.count == 0
    assert other.seed != first.seed
    assert SavedReplies(tmp_path / "replies", "a box").count == 0


def test_an_old_measurement_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "replies"
    SavedReplies(file, "a box").keep("one", ACCEPTED)
    head, *rest = file.read_text().splitlines(keepends=True)
    aged = json.loads(head) | {"began": time.time() - 25 * 3600}
    file.write_text(json.dumps(aged) + "\n" + "".join(rest))
    assert SavedReplies(file, "a box").count == 0


@pytest.mark.parametrize(
    "damage", ['{"request": "two", "rep', "null\n", '{"request": 1}\n', "\x00"]
)
def test_what_is_damaged_is_asked_again_and_the_rest_is_kept(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "replies"
    SavedReplies(file, "a box").keep("one", ACCEPTED)
    with file.open("a") as opened:
        opened.write(damage)

    again = SavedReplies(file, "a box")
    assert again.reply("one") == ACCEPTED
    again.keep("two", REFUSED)
    again.keep("three", ACCEPTED)
    assert SavedReplies(file, "a box").reply("three") == ACCEPTED


@pytest.mark.parametrize("text", ["", "not json\n", "[]\n", '{"subject": "a box"}\n'])
def test_a_head_that_cannot_be_read_begins_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "replies").write_text(text)
    assert SavedReplies(tmp_path / "replies", "a box").count == 0


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot be written"):
        SavedReplies(tmp_path / "file" / "replies", "a box")
