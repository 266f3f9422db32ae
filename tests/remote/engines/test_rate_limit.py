"""When a server takes the next request, as the headers of a response say."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from remote.engines import EngineAway, Hold
from remote.engines.openai.rate_limit import pause_after_answer, pause_after_refusal
from tests.remote.engines.openai_asking import engine_of, pieces_of
from tests.remote.engines.openai_stand_in import (
    DONE,
    END,
    Visit,
    chunk,
    delta,
    head,
    standing_in,
    usage,
)

_SOON = str(round((time.time() + 60) * 1000))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7", "x-ratelimit-reset-requests": "1h"}, 7),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2m59.5s",
                "x-ratelimit-remaining-tokens": "90",
                "x-ratelimit-reset-tokens": "1s",
            },
            179.5,
        ),
        ({"x-ratelimit-reset": "1h2m3s"}, 3723),
        ({"x-ratelimit-reset": "1d"}, 86_400),
        ({"x-ratelimit-reset": "12.5"}, 12.5),
        ({"x-ratelimit-reset": "1000000001"}, 0),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "-1"}, None),
        ({"x-ratelimit-reset": "9" * 40}, None),
        ({"x-ratelimit-remaining-requests": "0"}, None),
    ],
)
def test_how_long_a_server_that_refuses_wants_to_be_left_alone(
    headers: Mapping[str, str], seconds: float | None
) -> None:
    assert pause_after_refusal(headers) == seconds


def test_a_reset_may_be_a_time_of_the_clock() -> None:
    seconds = pause_after_refusal({"x-ratelimit-reset": _SOON})
    assert seconds is not None
    assert 0 < seconds <= 60


@pytest.mark.parametrize(
    ("headers", "tokens", "seconds"),
    [
        ({}, 0, 0),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "9s"}, 0, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"}, 0, 9),
        ({"x-ratelimit-remaining-tokens": "400", "x-ratelimit-reset-tokens": "9s"}, 400, 0),
        ({"x-ratelimit-remaining-tokens": "399", "x-ratelimit-reset-tokens": "9s"}, 400, 9),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3"}, 0, 3),
        ({"x-ratelimit-remaining": "0"}, 0, 0),
        ({"x-ratelimit-remaining": "no", "x-ratelimit-reset": "3"}, 0, 0),
    ],
)
def test_how_long_a_server_that_answers_takes_no_further_request(
    headers: Mapping[str, str], tokens: int, seconds: float
) -> None:
    assert pause_after_answer(headers, tokens) == seconds


async def test_a_server_whose_limit_is_used_up_answers_and_asks_for_a_pause() -> None:
    async def script(visit: Visit) -> None:
        await visit.send(
            head(
                Content_Type="text/event-stream",
                Transfer_Encoding="chunked",
                X_RateLimit_Remaining_Tokens="50",
                X_RateLimit_Reset_Tokens="9s",
            ),
            b"".join(map(chunk, (delta("x", "stop"), usage(40, 11), DONE))) + END,
        )

    async with standing_in(script) as stand_in:
        engine = engine_of(stand_in.server)
        first, second = await pieces_of(engine), await pieces_of(engine)
    assert not any(isinstance(piece, Hold) for piece in first)
    assert [piece.seconds for piece in second if isinstance(piece, Hold)] == [9]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("401 No", "wants an API key, and none is set (401)"),
        ("402 No", "wants to be paid before it answers (402)"),
    ],
)
async def test_what_no_other_request_changes_is_for_good(status: str, told: str) -> None:
    async def script(visit: Visit) -> None:
        await visit.send(head(status, Content_Length="0"))

    async with standing_in(script) as stand_in:
        with pytest.raises(EngineAway) as away:
            await pieces_of(engine_of(stand_in.server))
    assert told in str(away.value)
    assert away.value.for_good
