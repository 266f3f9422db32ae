"""Made-up valid specs of every format: in what is written, no key is lost and no path is dead."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from backend.specs.model import Spec, SpecFormat
from backend.specs.reading import read_file
from backend.specs.render import Replacement, render
from remote.protocol import Json

Strategy = st.SearchStrategy[str] | st.SearchStrategy[dict[str, object]] | st.SearchStrategy[object]
MEDIA = ("a.mp4", "b c.mp4", "deep/ü.png", "deep/er/d.jpg", "../up.mp4", "x:y.mp4")
FILES = (*MEDIA, "mask", "deep/mask.bin", "neg.json", "p.txt", "p.json")
NEW = 'Long "words": é 漢 🌧 \\ #no'

words = st.text("aé漢 #:'\"\\{[-", min_size=1, max_size=12).filter(str.strip)
media = st.sampled_from(MEDIA)
scalars = st.none() | st.booleans() | st.integers(-9, 999) | words
# Free keys that no format reads, and that may name files at any depth.
free = st.dictionaries(
    st.sampled_from(("seed", "note", "guided_generation_mask", "some_path", "lora_files")),
    st.recursive(
        scalars | st.sampled_from(FILES),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2)
        ),
        max_leaves=5,
    ),
    max_size=3,
)


def control(key: str) -> st.SearchStrategy[dict[str, object]]:
    fields = st.fixed_dictionaries({key: media}, optional={"weight": st.floats(0, 1)})
    return cast(st.SearchStrategy[dict[str, object]], fields)


def objects(
    *parts: st.SearchStrategy[dict[str, object]],
) -> st.SearchStrategy[dict[str, object]]:
    """One object of all parts and of free keys, in any order."""

    def merged(values: tuple[Mapping[str, object], ...]) -> dict[str, object]:
        return {key: value for part in values for key, value in part.items()}

    return st.permutations((*parts, free)).flatmap(lambda each: st.tuples(*each).map(merged))


def keys(**values: Strategy) -> st.SearchStrategy[dict[str, object]]:
    return cast(st.SearchStrategy[dict[str, object]], st.fixed_dictionaries(values))


prompts = keys(prompt=words)
prompts_or_files = prompts | keys(prompt_path=st.sampled_from(("p.txt", "p.json")))
transfers = st.sampled_from(("edge", "blur", "depth", "seg", "wsm")).flatmap(
    lambda name: keys(model_mode=st.just("video2video"), **{name: control("control_path")})
)
views = st.lists(st.sampled_from(("front_wide", "rear", "hand_left")), min_size=1, unique=True)
FORMATS: dict[str, st.SearchStrategy[dict[str, object]]] = {
    "cosmos3": objects(prompts, keys(model_mode=st.just("image2video"), vision_path=media)),
    "cosmos3-transfer": objects(prompts_or_files, transfers),
    "transfer2.5": objects(prompts_or_files, keys(video_path=media, seg=control("control_path"))),
    "transfer2.5-views": objects(
        prompts,
        views.flatmap(
            lambda names: keys(**{n: keys(input_path=media, control_path=media) for n in names})
        ),
    ),
    "predict2.5": objects(
        prompts_or_files, keys(inference_type=st.just("image2world"), input_path=media)
    ),
    "predict2.5-samples": keys(
        inference_type=st.just("image2world"),
        samples=st.dictionaries(
            words, objects(prompts_or_files, keys(input_path=media)), min_size=1, max_size=3
        ),
    ),
    "transfer1-batch": objects(prompts, keys(visual_input=media)),
    "transfer1": objects(prompts, keys(input_video_path=media, vis=control("input_control"))),
    "predict2": objects(prompts, keys(input_video=media, output_video=st.just("out/o.mp4"))),
}
LISTS = ("predict2",)
LINES = ("cosmos3", "cosmos3-transfer", "transfer2.5", "transfer2.5-views", "predict2.5")
IN_YAML = ("cosmos3", "cosmos3-transfer", "predict2.5", "predict2.5-samples", "transfer2.5")
FROM_FILE = {SpecFormat.COSMOS3, SpecFormat.TRANSFER25, SpecFormat.PREDICT25}
PROMPT_KEYS = {"prompt", "prompt_path"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats") / "specs"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"prompt": "kept"}' if name == "p.json" else "kept")
    return folder


def spelled(kind: str, value: dict[str, object], suffix: str) -> str:
    if suffix == ".yaml":
        out = StringIO("")
        yaml = YAML()
        yaml.width = 20
        yaml.dump(value, out)
        return "# a comment\n" + out.getvalue() + "# the end\n"
    if suffix == ".jsonl":
        return f"{json.dumps(value)}\n{json.dumps(value, ensure_ascii=False)}\n"
    return json.dumps([value] if kind in LISTS else value, indent=1)


def loaded(text: str, suffix: str) -> list[Json]:
    """The entries of a file."""
    if suffix == ".yaml":
        return [cast(Json, YAML(typ="safe", pure=True).load(text))]
    if suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    value = json.loads(text)
    return value if isinstance(value, list) else [value]


def texts(value: Json, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], Json]]:
    """Every value that is no object or list, with the keys and positions that lead to it, in their order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from texts(inner, (*path, index))
    else:
        yield path, value


def check_round_trip(folder: Path, kind: str, value: dict[str, object], suffix: str) -> None:
    file = folder / f"s{suffix}"
    before_text = spelled(kind, value, suffix)
    file.write_text(before_text, encoding="utf-8", newline="")
    specs = [spec for spec in read_file(file, folder) if isinstance(spec, Spec)]
    assert specs
    out = folder.parent / "results" / "of" / "today" / file.name
    new = {spec.entry: Replacement(NEW, spec.prompt) for spec in specs}
    files = render(file, new, out)
    for written in files:
        written.path.parent.mkdir(parents=True, exist_ok=True)
        written.path.write_text(written.text, encoding="utf-8", newline="")
    from_file = specs[0].format in FROM_FILE
    pairs = zip(loaded(before_text, suffix), loaded(files[0].text, suffix), strict=True)
    for before, after in pairs:
        for (path, old), (same_path, now) in zip(texts(before), texts(after), strict=True):
            assert path == same_path
            key = next(each for each in reversed(path) if isinstance(each, str))
            check_value(key, old, now, folder, out.parent if from_file else None)
    again = [spec for spec in read_file(out, folder) if isinstance(spec, Spec)]
    assert [spec.prompt.strip() for spec in again] == [NEW] * len(specs)
    for spec, same in zip(specs, again, strict=True):
        assert (same.format, same.entry) == (spec.format, spec.entry)
        assert same.video is not None
        assert spec.video is not None
        assert os.path.realpath(same.video) == os.path.realpath(spec.video)
    if suffix == ".yaml":
        assert files[0].text.startswith("# a comment\n")
        assert files[0].text.endswith("# the end\n")


def check_value(key: str, old: Json, now: Json, source: Path, moved_to: Path | None) -> None:
    if key in PROMPT_KEYS:
        assert now != old or old == "p.txt"
    elif old in FILES and moved_to is not None and ("." in str(old) or "/" in str(old)):
        assert os.path.realpath(moved_to / str(now)) == os.path.realpath(source / str(old))
    elif key.endswith("_path") and moved_to is not None:
        assert isinstance(now, str) == isinstance(old, str)
    else:
        assert now == old


CASES = [
    *((kind, ".jsonl" if kind == "transfer1-batch" else ".json") for kind in FORMATS),
    *((kind, ".jsonl") for kind in LINES),
    *((kind, ".yaml") for kind in IN_YAML),
]


with_files = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize(("kind", "suffix"), CASES)
@settings(with_files, max_examples=int(os.environ.get("FORMAT_EXAMPLES", "8")))
@given(st.data())
def test_no_key_is_lost_and_no_path_is_dead(
    folder: Path, kind: str, suffix: str, data: st.DataObject
) -> None:
    check_round_trip(folder, kind, data.draw(FORMATS[kind]), suffix)


@pytest.mark.campaign
@settings(with_files, max_examples=1_000)
@given(st.data(), st.sampled_from(CASES))
def test_a_thousand_specs_lose_nothing(
    folder: Path, data: st.DataObject, case: tuple[str, str]
) -> None:
    kind, suffix = case
    check_round_trip(folder, kind, data.draw(FORMATS[kind]), suffix)
