"""The parts of the benchmark of boxes with long journals work; no speed is looked at."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from benchmarks.long_journal import write_long_journal
from benchmarks.replay import AS_IT_IS, PROTOCOL_4, Run, rows, track_in
from remote.jobs.board import Board, JobState
from remote.jobs.journal import Journal
from remote.protocol import Finished

_JOBS = 3


def test_a_long_journal_is_whole_and_its_jobs_are_finished(tmp_path: Path) -> None:
    file = tmp_path / "box" / "journal"
    write_long_journal(file, _JOBS)

    with closing(Journal(file)) as journal:
        board = Board(journal)
        assert (journal.damages, board.strange, board.unfinished) == ([], {}, 0)
        ends = [m for _, m in board.messages_after(-1) if isinstance(m, Finished)]
        assert [board.state(end.job) for end in ends] == [JobState.FINISHED] * _JOBS
        assert all(800 < len(end.answer.text) < 1_500 for end in ends)
        assert {board.request(end.job).job_id() for end in ends} == {end.job for end in ends}


def test_both_ways_bring_the_result_from_a_box_with_jobs_of_others(tmp_path: Path) -> None:
    with track_in(tmp_path) as track:
        start = track.start_box(_JOBS)
        runs = [track.run(0, way, _JOBS) for way in (AS_IT_IS, PROTOCOL_4)]

    assert start.journal_bytes > _JOBS * 1_000
    assert [(run.way, run.jobs) for run in runs] == [(AS_IT_IS, _JOBS), (PROTOCOL_4, _JOBS)]


def test_a_ratio_is_taken_within_a_lap_and_to_the_emptiest_box() -> None:
    # The second lap fell into a time when the machine was twice as slow.
    runs = [
        Run(lap, AS_IT_IS, jobs, seconds * (lap + 1), 0.0)
        for lap in (0, 1)
        for jobs, seconds in ((0, 2.0), (9, 3.0))
    ]

    assert [(row.jobs, row.ratio) for row in rows(runs)] == [(0, None), (9, 1.5)]
