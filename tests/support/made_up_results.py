"""A queue with results of every kind, on real spec files: good ones, some to look at twice, one from hell."""

from __future__ import annotations

from pathlib import Path

from backend.results.decisions import decide, deliver
from backend.store import Job, Store
from backend.store.decision import Decision
from tests.support.finished_jobs import Finisher
from tests.support.plain_clips import draw_plain_clip
from tests.support.specs import write_spec

OFFICE = (
    "The video opens with a close-up of a sleek robotic arm with black-gloved fingers, gently holding a "
    "red and white coffee cup with a black lid. The arm extends smoothly across a white countertop toward "
    "a woman with long dark hair, who wears a dark vest over a gray shirt. In the background, several "
    "people work at their desks in a bright, modern office with large windows.\n\nThe woman smiles, reaches "
    "out with her right hand, and takes the cup. The camera remains static, capturing the seamless "
    "exchange between human and machine. The lighting is bright and even, with soft reflections on the "
    "countertop."
)
HARBOUR = (
    "A quiet harbour lies under a warm dusk sky. Tall cranes stand as dark shapes against bands of orange "
    "and violet, and their lights blink slowly. Small waves carry the last light across the water while "
    "the camera glides forward along the quay at a steady pace."
)
ROUND = (
    "In the first image, wet asphalt reflects neon signs at night. The camera moves slowly forward along "
    "the street. The depth map shows the buildings on both sides. The camera moves slowly forward along "
    "the street. Rain falls. The camera moves slowly forward along the street, and"
)
STREET = (
    "Low sunlight grazes the facades of a narrow street. A cyclist passes from left to right, and long "
    "shadows stretch over the cobblestones. The camera holds still at eye level."
)
SNOW = "Snow falls on a city street. Flakes drift past lit windows, and a tram glides through the frame."
RAIN = "雨の夜、ネオンの光が濡れた道路に映る。カメラはゆっくりと前に進む。"


def fill_review(queue: Path, folder: Path) -> list[Job]:
    """Results of seven prompts, in this order: candidates, lints, one accepted, one edited, …

    The first two and the one with lints were made of a clip.
    """
    store = Store(queue)
    try:
        return _fill(store, folder)
    finally:
        store.close()


def _fill(store: Store, folder: Path) -> list[Job]:
    finisher = Finisher(store, folder / "out")
    clip = draw_plain_clip(folder / "clips" / "plain.mov", 640, 480)

    def spec(name: str, prompt: str, video: Path | None = None) -> Path:
        shown = {"input_video_path": str(video)} if video else {}
        spec = {"id": "ps_1", "name": name, "prompt": prompt, **shown}
        return write_spec(folder / f"{name}.json", spec)

    office = finisher.finish(
        spec(
            "robot_office",
            "a robotic arm hand over a coffee cup to a woman in a modern office.",
            clip,
        ),
        OFFICE,
        OFFICE.replace("red and white", "plain").replace("woman", "girl"),
        "I'm sorry, but I cannot describe people.",
        candidates=3,
    )
    harbour = finisher.finish(
        spec("harbour_dusk", "A quiet harbour at warm dusk, two cranes against the sky", clip),
        HARBOUR,
    )
    neon = finisher.finish(
        spec("neon_night", "wet asphalt under neon signs at night", clip), ROUND, reason="length"
    )
    street = finisher.finish(spec("golden_hour", "warm low sunlight grazing the facades"), STREET)
    snow = finisher.finish(spec("light_snow", "a city street in light snow"), SNOW, review=False)
    rain = finisher.finish(spec("雨の夜", "雨の夜、ネオン"), RAIN)
    hell = finisher.finish(
        spec("[/x] [b]no markup\n\x1b[31m", "[/x] [red]\x1b[31m \u202eesrever 3 dogs"),
        "Dogs [/x] [bold]run \x1b[31m\x07away\u202e.\tThis prompt asks for dogs.",
    )
    deliver(store, snow[0].destination)
    decide(store, street[0].number, Decision.ACCEPTED)
    decide(store, harbour[0].number, Decision.EDITED, HARBOUR.replace("Tall", "Two tall"))
    decide(store, rain[0].number, Decision.REJECTED)
    return [*office, *harbour, *neon, *street, *snow, *rain, *hell]
