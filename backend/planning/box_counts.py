"""Keeps what the model of a box has counted for some requests, and corrects estimates by it.

There is one small file for each box whose counts differ from the estimates. It is about one model, and about
what the box said it serves; what is counted for another model replaces it. Functions that read or write files
block.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from backend.config import Profile, Settings, load_profile
from backend.config.profiles import profile_files
from backend.errors import ConfigError, InputError, ResultError
from backend.files import write_whole
from backend.planning.box_notes import note_file
from backend.sizes import Size
from backend.tokens import (
    Correction,
    CountedRequest,
    Family,
    TextCounter,
    expected_tokens,
    find_correction,
    fits_family,
)
from backend.tokens.families import FAMILIES, count_beyond_ascii
from backend.tokens.vision_tokens import FixedRule, GreatestRule, ScaledRule
from remote.protocol import Request

MOST_KEPT = 16
"""Counts of a box that are kept. The oldest are forgotten first."""
_MOST_OFF = 16
"""Tokens by which a count may differ from measured rules before it contradicts them."""
_CLOSE = 2
"""Tokens by which a count may differ from the rules of a family that is named to the user."""
_LONGEST_FILE = 1 << 20
"""Bytes of a file that are read. An honest one has some thousand."""


class BoxCounts(BaseModel):
    """What the model of a box has counted."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    box: str
    model: str
    """The model as requests name it."""
    serves: str
    """What the box says it serves (`Welcome.serves`); empty for a box that does not say."""
    counted: tuple[CountedRequest, ...] = ()
    told: tuple[str, ...] = ()
    """The profiles of which the user was told that they do not fit."""

    def is_of(self, model: str, serves: str) -> bool:
        """Whether these counts are by this model, served as the box says."""
        return self.model == model and self.serves == serves

    def correction(self, family: Family, *, has_system: bool) -> Correction | None:
        """Return the correction that these counts ask for; None where the family's rules give them."""
        return (
            find_correction(family, self.counted, has_system=has_system) if self.counted else None
        )

    def family_of(self, family: Family, *, has_system: bool) -> Family:
        """Return the family, corrected where its rules do not give the counts and others do."""
        found = self.correction(family, has_system=has_system)
        return found.family if found and found.is_close else family

    def with_count(self, counted: CountedRequest, family: Family) -> BoxCounts:
        """Add a count. Where this one and the last one contradict all earlier ones, those are dropped.

        They are by a model that was there before under the same name. One count that differs drops nothing:
        some servers leave out what they have in their cache.
        """
        kept = [each for each in self.counted if each != counted][1 - MOST_KEPT :]
        new = self._with((*kept, counted))
        found = new.correction(family, has_system=counted.has_system)
        if found is None or found.is_close:
            return new
        alike = [each for each in new.counted if each.has_system == counted.has_system]
        earlier = self._with(alike[:-2])
        if earlier.counted and all(earlier._contradicts(each, family) for each in alike[-2:]):
            others = [each for each in kept if each.has_system != counted.has_system]
            return self._with((*others, *alike[-2:]))
        return new

    def with_told(self, profile: str) -> BoxCounts:
        """Note that the user was told that this profile does not fit."""
        return self.model_copy(update={"told": (*self.told, profile)})

    def _contradicts(self, counted: CountedRequest, family: Family) -> bool:
        """Whether a count is far from what these counts let expect."""
        corrected = self.family_of(family, has_system=counted.has_system)
        off = abs(expected_tokens(corrected, counted) - counted.tokens)
        return off > max(_MOST_OFF, counted.tokens // 10)

    def _with(self, counted: Sequence[CountedRequest]) -> BoxCounts:
        return self.model_copy(update={"counted": tuple(counted)})


def count_request(request: Request, tokens: int, counter: TextCounter) -> CountedRequest | None:
    """Return the request as a count of it is kept; None when its pictures differ in size, or are clips.

    Raises ConfigError without a vocabulary.
    """
    sizes = {Size(frame.width, frame.height) for frame in request.frames}
    if len(sizes) > 1 or any(frame.times for frame in request.frames):
        return None
    return CountedRequest(
        system=counter.count(request.system) if request.system else 0,
        prompt=counter.count(request.prompt) if request.prompt else 0,
        beyond_ascii=count_beyond_ascii(request.system + request.prompt),
        size=next(iter(sizes), None),
        frames=len(request.frames),
        tokens=tokens,
    )


def read_counts(box: str) -> BoxCounts | None:
    """Read what is kept of a box; None when nothing is, or when its file is damaged."""
    try:
        with _file(box).open("rb") as file:
            return BoxCounts.model_validate_json(file.read(_LONGEST_FILE))
    except (OSError, ValidationError, InputError):
        return None


def counts_of(settings: Settings, box: str | None = None) -> BoxCounts | None:
    """Read what is kept of a box (None: of the chosen one) for the model that the settings give it."""
    name = settings.box if box is None else box
    if name not in settings.boxes:
        return None
    counts, model = read_counts(name), settings.boxes[name].model
    # A box without a model takes the one that its server has; the next run sees whether that is the same.
    return counts if counts and model in ("", counts.model) else None


def keep_counts(counts: BoxCounts) -> None:
    """Write what a box has counted in place of what was kept of it before. Raises ResultError."""
    file = _file(counts.box)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, counts.model_dump_json(indent=1).encode() + b"\n")
    except OSError as error:
        raise ResultError(f"{file} cannot be written: {error.strerror}") from error


def forget_counts(box: str) -> bool:
    """Forget what a box has counted; returns whether anything was kept. Raises ResultError."""
    file = _file(box)
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ResultError(f"{file} cannot be removed: {error.strerror}") from error
    return True


def describe_drift(counts: BoxCounts, profile: Profile, newest: CountedRequest) -> str:
    """Say in plain words that a profile does not fit the model of a box, and what is done about that."""
    correction = counts.correction(profile.family, has_system=newest.has_system)
    model = f"its model {counts.model}" if counts.model else "its model"
    estimate = expected_tokens(profile.family, newest)
    said = (
        f"{counts.box} counts {newest.tokens:,} tokens where the profile {profile.name} expects "
        f"{estimate:,}: the profile does not fit {model}"
    )
    if correction is None:
        return f"{said}."
    if not correction.sees_pictures:
        return f"{said}, which counts nothing for the pictures. Does it see them?"
    fitting = _fitting(counts)
    if not correction.is_close:
        return f"{said}, and its counts follow no rule that is known here.{fitting}"
    return (
        f"{said}. {describe_correction(correction, profile.family, has_system=newest.has_system)}{fitting} "
        f"From now on what {counts.box} counts corrects the estimates, which are marked as measured; "
        f"`upsample limits --forget --box {counts.box}` ends that."
    )


def describe_correction(correction: Correction, before: Family, *, has_system: bool) -> str:
    """Say what the corrected rules are: one sentence for each part that differs from the family's."""
    family, said = correction.family, []
    around = "x" if has_system else ""
    template = family.overhead_around(around)
    if template != before.overhead_around(around):
        said.append(
            f"The chat template takes {template:,} tokens, not {before.overhead_around(around):,}."
        )
    match family.rule:
        case FixedRule(tokens=tokens):
            said.append(f"Each picture takes {tokens:,} tokens.")
        case ScaledRule(factor=factor):
            said.append(f"Pictures take {factor:.2f} times what the profile counts.")
        case rule if rule != before.rule:
            said.append(f"Pictures take what those of the family {correction.rule_of} take.")
    if family.text_rate != 1:
        said.append(f"Words take {family.text_rate:.2f} times the tokens of Pixtral's tokenizer.")
    return " ".join(said)


def _fitting(counts: BoxCounts) -> str:
    """Name the profiles or the family that give these counts; "" when none does."""
    names, family = find_fitting(counts.counted)
    if len(names) == 1:
        return f" The profile {names[0]} would fit: `upsample config set upsampling.profile {names[0]}`."
    if names:
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        return (
            f" The profiles {listed} count as it does: choose with "
            "`upsample config set upsampling.profile NAME`."
        )
    if family:
        return (
            f' A profile of your own with family = "{family}" would fit: '
            "docs/profiles.md says how to write one."
        )
    return ""


def find_fitting(counted: Sequence[CountedRequest]) -> tuple[tuple[str, ...], str]:
    """Find the profiles whose rules give these counts, but for a token or two.

    Where there are none, the second value is the name of a family that gives them; else it is "". Texts alone
    do not tell families apart: then only profiles for unknown models are named.
    """
    fitting = [name for name, family in FAMILIES.items() if _gives(family, counted)]
    has_pictures = any(each.size for each in counted)
    known = [name for name in fitting if has_pictures and not _is_unknown(name)]
    profiles = _profiles_by_family()
    for family in known:
        if family in profiles:
            return tuple(profiles[family]), ""
    if known:
        return (), known[0]
    unknown = (profiles.get(name, []) for name in fitting if _is_unknown(name))
    return tuple(chain.from_iterable(unknown)), ""


def _profiles_by_family() -> dict[str, list[str]]:
    """Return the names of the profiles of each family that has some."""
    found: dict[str, list[str]] = {}
    for file in profile_files():
        with suppress(
            ConfigError
        ):  # a wrong one of the user's is for `upsample config profiles` to tell
            found.setdefault(load_profile(file.name).family.name, []).append(file.name)
    return found


def _is_unknown(family: str) -> bool:
    return isinstance(FAMILIES[family].rule, GreatestRule)


def _gives(family: Family, counted: Sequence[CountedRequest]) -> bool:
    return all(fits_family(family, each, tolerance=_CLOSE) for each in counted)


def _file(box: str) -> Path:
    return note_file("counts", box, ".json")
