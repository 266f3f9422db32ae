"""Makes profiles with NVIDIA's exact wording out of the user's own checkout of cosmos-framework.

Models that were trained on this wording want it. The checkout is only read: the constants of its Python files
are taken from their syntax tree, and nothing of it is run. Source of the layout: NVIDIA/cosmos-framework,
cosmos_framework/inference/prompt_upsampling.py and cosmos_framework/model/generator/upsampler/prompts.py.
"""

from __future__ import annotations

import ast
import json
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.config.profiles.fitting import spec_kind
from backend.errors import ConfigError
from backend.files import read_regular
from backend.specs.model import Mode, SpecFormat

_INFERENCE = Path("cosmos_framework/inference")
_TEMPLATES = _INFERENCE / "prompting_templates/external_api"
_CLIENT = _INFERENCE / "prompt_upsampling.py"
_TUNED = Path("cosmos_framework/model/generator/upsampler/prompts.py")
_MOST_BYTES = 1 << 20

_MODES = {"t2i": "text2image", "t2v": "text2video", "i2v": "image2video"}
_TRANSFERS = {"t2v": "transfer", "i2v": "transfer-image", "v2v": "transfer-video"}
"""The names of modes there, and of variants here."""
_PLACES = {
    "{description}": "prompt",
    "{aspect_ratio}": "aspect_ratio",
    "{resolution_w}": "width",
    "{resolution_h}": "height",
    "{duration}": "duration",
    "{fps}": "fps",
}
"""The places to fill in within the constants, and our variables for them."""


@dataclass(frozen=True, slots=True)
class ImportedProfile:
    """A profile that was made of a checkout."""

    name: str
    description: str
    system: str
    templates: Mapping[str, str]
    """User messages by variant, with our variables."""
    controls: Mapping[str, str]
    """What the texts call each control."""
    fits: tuple[str, ...]
    """The kinds of specs for which AUTO takes it."""
    is_posttrained: bool = False
    """Whether answers hold a prompt and a negative prompt in tags of their own."""
    is_tuned: bool = False
    """Whether it is for NVIDIA's fine-tuned upsamplers, which write the length as 0:08."""


def read_checkout(folder: Path) -> tuple[ImportedProfile, ...]:
    """Make the profiles of a checkout of cosmos-framework. Blocks. Raises ConfigError."""
    if not (folder / _INFERENCE).is_dir():
        raise ConfigError(
            f"{folder} is no checkout of cosmos-framework: it has no {_INFERENCE}",
            "Name the folder that `git clone` of NVIDIA/cosmos-framework made.",
        )
    client, tuned = _Constants(folder / _CLIENT), _Constants(folder / _TUNED)
    system = tuned.text("SYSTEM_MESSAGE")
    return (
        ImportedProfile(
            "cosmos-framework",
            "Cosmos 3 in NVIDIA's wording for general models: text2image, text2video, image2video",
            system,
            _general_templates(folder, client),
            {},
            fits=_kinds(_MODES.values()),
        ),
        ImportedProfile(
            "cosmos-framework-posttrained",
            "Cosmos 3 image2video in NVIDIA's wording for posttrained generators, with a negative prompt",
            "",
            {"image2video": _posttrained_template(folder)},
            {},
            fits=(),  # no spec says whether its generator is posttrained
            is_posttrained=True,
        ),
        ImportedProfile(
            "cosmos-framework-tuned",
            "Cosmos 3 in NVIDIA's wording for its fine-tuned upsamplers, transfer included",
            system,
            dict(_tuned_templates(tuned)),
            _tuned_controls(tuned),
            fits=_kinds([*_MODES.values(), Mode.TRANSFER.value]),
            is_tuned=True,
        ),
    )


def _kinds(modes: Iterable[str]) -> tuple[str, ...]:
    return tuple(spec_kind(SpecFormat.COSMOS3.value, Mode(mode)) for mode in modes)


# --- the templates in files ---


def _general_templates(folder: Path, client: _Constants) -> dict[str, str]:
    sizes = json.dumps(_height_first(client.mapping("RESOLUTION_RATIO_DICT")), indent=2)
    image = _Filling(folder, "t2i_prompt.txt", "t2i_json_schema.json", sizes)
    video = _Filling(folder, "t2v_i2v_video_prompt.txt", "t2v_i2v_video_json_schema.json", sizes)
    still, moving = (
        client.description(("resolution", "aspect_ratio")),
        client.description(("resolution", "aspect_ratio", "duration", "fps")),
    )
    plain, first = client.choices("build_t2v_prompt_text", ("intro", "image_note"))
    return {
        "text2image": image.filled(still, {}),
        "text2video": video.filled(moving, plain),
        "image2video": video.filled(moving, first),
    }


def _height_first(sizes: object) -> object:
    """Return the table of sizes with each height before its width, as it is sent."""
    if not isinstance(sizes, Mapping):
        return sizes
    keys = sorted(sizes) if sizes.keys() == {"H", "W"} else sizes
    return {key: _height_first(sizes[key]) for key in keys}


def _posttrained_template(folder: Path) -> str:
    filling = _Filling(folder, "posttrained_i2v_prompt.txt", "posttrained_i2v_json_schema.json", "")
    return filling.filled("${prompt}", {})


@dataclass(frozen=True, slots=True)
class _Filling:
    """A template in a file, and what is filled into it."""

    folder: Path
    template: str
    shape: str
    """The file with the object that is to be answered."""
    sizes: str

    def filled(self, description: str, others: Mapping[str, str]) -> str:
        """Fill in the template; `description` has our variables in it."""
        text = string.Template(_text_of(self.folder / _TEMPLATES / self.template))
        values = {
            **others,
            "json_template": _text_of(self.folder / _TEMPLATES / self.shape),
            "resolution_ratio_dict": self.sizes,
        }
        try:
            whole = text.substitute(nl_description="\0", **values)
        except (KeyError, ValueError) as error:
            raise _unlike(self.folder / _TEMPLATES / self.template, error) from None
        return whole.replace("$", "$$").replace("\0", description)


# --- the templates in constants ---


def _tuned_templates(tuned: _Constants) -> Iterator[tuple[str, str]]:
    templates = tuned.mapping("CANONICAL_TEMPLATES")
    for theirs, ours in _MODES.items():
        yield ours, _with_variables(_text(templates[("v4.2", theirs)]))
    families = tuned.mapping("_TRANSFER_INSTRUCTION_FAMILIES_V4_2")
    opening = _text(templates[("v4.2", "transfer")]).replace("$", "$$")
    for theirs, ours in _TRANSFERS.items():
        choices = families[theirs]
        first = _text(choices[0] if isinstance(choices, (tuple, list)) else choices)
        instruction = first.replace("$", "$$").replace("{ctrl}", "${control_names}").strip()
        yield ours, f"{opening}{instruction}\n\n${{prompt}}"


def _tuned_controls(tuned: _Constants) -> dict[str, str]:
    phrases = tuned.mapping("_TRANSFER_CONTROL_MODALITY_PHRASES")
    names = {"world_scenario": "wsm"}
    return {names.get(str(name), str(name)): _text(phrase) for name, phrase in phrases.items()}


def _with_variables(text: str) -> str:
    text = text.replace("$", "$$")
    for place, variable in _PLACES.items():
        text = text.replace(place, f"${{{variable}}}")
    return text


class _Constants:
    """The constants of a Python file, read from its syntax tree."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._tree = ast.parse(_text_of(file))
            self._values = dict(self._assigned(self._tree.body))
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
            raise _unlike(file, str(error) or "it is nested too deeply") from None

    def text(self, name: str) -> str:
        return _text(self._value(name))

    def mapping(self, name: str) -> Mapping[object, object]:
        value = self._value(name)
        if not isinstance(value, dict):
            raise _unlike(self._file, f"{name} is no dictionary")
        return _Known(value, self._file, name)

    def description(self, parts: tuple[str, ...]) -> str:
        """Return the template of `build_nl_description`: the prompt and after it these of its parts."""
        formats = [
            node
            for node in ast.walk(self._function("build_nl_description"))
            if isinstance(node, ast.JoinedStr)
        ]
        whole = next((it for it in formats if len(it.values) > 2), None)
        named = {name: text for it in formats if (found := _named(it)) for name, text in [found]}
        if whole is None or not set(parts) <= named.keys():
            raise _unlike(self._file, "build_nl_description is written in another way")
        said = ", ".join(f"{named[part]}${{{part}}}" for part in parts)
        between = [_literal(it) for it in whole.values if isinstance(it, ast.Constant)]
        return f"${{prompt}}{between[0]}{said}{''.join(between[1:])}"

    def choices(
        self, function: str, names: tuple[str, ...]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the first and the last text that a function assigns to each of these names."""
        assigned: dict[str, list[str]] = {name: [] for name in names}
        body = [n for n in ast.walk(self._function(function)) if isinstance(n, ast.Assign)]
        for name, value in self._assigned(body):
            if name in assigned and isinstance(value, str):
                assigned[name].append(value)
        if not all(assigned.values()):
            raise _unlike(self._file, f"{function} is written in another way")
        return ({n: it[0] for n, it in assigned.items()}, {n: it[-1] for n, it in assigned.items()})

    def _assigned(self, body: list[ast.stmt] | list[ast.Assign]) -> Iterator[tuple[str, object]]:
        known: dict[str, object] = {}
        for node in body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                value = _evaluated(node.value, known)
                if isinstance(target, ast.Name) and value is not None:
                    known[target.id] = value
                    yield target.id, value

    def _function(self, name: str) -> ast.FunctionDef:
        for node in self._tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node
        raise _unlike(self._file, f"it has no {name}")

    def _value(self, name: str) -> object:
        if name not in self._values:
            raise _unlike(self._file, f"it has no {name}")
        return self._values[name]


class _Known(dict[object, object]):
    """A dictionary whose missing key is a ConfigError."""

    def __init__(self, values: Mapping[object, object], file: Path, name: str) -> None:
        super().__init__(values)
        self._place = file, name

    def __missing__(self, key: object) -> object:
        file, name = self._place
        raise _unlike(file, f"{name} has no {key}")


def _evaluated(node: ast.expr, known: Mapping[str, object]) -> object:
    """Return the value of a constant expression; None for any other."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return known.get(node.id)
        case ast.BinOp(op=ast.Add()):
            left, right = _evaluated(node.left, known), _evaluated(node.right, known)
            if not (isinstance(left, str) and isinstance(right, str)):
                return None
            if len(left) + len(right) > _MOST_BYTES:
                raise ValueError("a text in it is too long")
            return left + right
        case ast.Tuple() | ast.List():
            return tuple(_evaluated(it, known) for it in node.elts)
        case ast.Dict():
            keys = [None if key is None else _evaluated(key, known) for key in node.keys]
            values = [_evaluated(value, known) for value in node.values]
            return dict(zip(keys, values, strict=True))
        case _:
            return None


def _named(node: ast.JoinedStr) -> tuple[str, str] | None:
    """Return the name in f"words {name}" and the words; None for another f-string."""
    match node.values:
        case [ast.Constant() as words, ast.FormattedValue(value=ast.Name(id=name))]:
            return name, _literal(words)
    return None


def _literal(node: ast.Constant) -> str:
    return str(node.value).replace("$", "$$")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _text_of(file: Path) -> str:
    try:
        return read_regular(file, _MOST_BYTES).decode("utf-8").rstrip("\n")
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}",
            "The checkout is of another version, or not complete.",
        ) from error
    except ValueError as error:
        raise _unlike(file, error) from None


def _unlike(file: Path, why: object) -> ConfigError:
    return ConfigError(
        f"{file} is not as cosmos-framework has it: {why}",
        "Check out a version of 2026, or write the profile by hand: docs/profiles.md.",
    )
