"""The prompts of a batch, and their spec files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.support.laptop import JsonObject

_PICTURE = b"P6 48 32 255\n" + bytes(
    (x * 5 + n) % 256 for y in range(32) for x in range(48) for n in range(3)
)


@dataclass(frozen=True)
class Scene:
    """One prompt."""

    prompt: str
    picture: bytes | None
    """A PPM file that it looks at."""


def make_scenes(name: str, files: int, prompts: int, pictures: int, random: Random) -> list[Scene]:
    """Scenes for so many files with so many prompts each; of so many files, one prompt has a picture."""
    chosen = {number: random.randrange(prompts) for number in random.sample(range(files), pictures)}
    return [
        Scene(f"scene {name} {number}-{entry}", _picture(random, chosen.get(number) == entry))
        for number in range(files)
        for entry in range(prompts)
    ]


def write_spec(file: Path, scenes: Sequence[Scene]) -> dict[str, Path]:
    """Write a spec file with these prompts, and their pictures beside it; returns where these are."""
    sources = {}
    entries: list[JsonObject] = []
    for number, scene in enumerate(scenes):
        entries.append({"prompt": scene.prompt, "output_video": f"{scene.prompt}.mp4"})
        if scene.picture is not None:
            picture = sources[scene.prompt] = file.with_name(f"{file.stem}-{number}.ppm")
            picture.write_bytes(scene.picture)
            entries[-1]["input_video"] = str(picture)
    file.write_text(json.dumps(entries))
    return sources


def _picture(random: Random, is_wanted: bool) -> bytes | None:
    return _PICTURE[:-4] + random.randbytes(4) if is_wanted else None
