"""Writes what was measured as a paragraph that begins with the user's prompt.

The facts decide what is said; the seed, the candidate and the frames decide only how. The prompt is
kept to the letter: only white space around it goes, and a full stop comes where none is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from remote.engines.sketch import phrases, terms
from remote.engines.sketch.measure import Measurements
from remote.engines.sketch.motion import FrameChange

_MOVES_TOLD = 4
_ENDINGS = ".!?…:;。！？．｡।॥؟۔։።"
_CLOSERS = "\"'”’»)]}」』）"
_PACES = ("slowly", "steadily", "quickly")


class Voice:
    """Chooses among wordings: always the same ones for the same key and candidate."""

    def __init__(self, key: str, candidate: int = 0) -> None:
        self._key = key
        self._candidate = candidate

    def choose(self, subject: str, wordings: Sequence[str]) -> str:
        """One of the wordings; the next candidate gets the next one."""
        digest = hashlib.sha256(f"{self._key}\n{subject}".encode(errors="replace")).digest()
        return wordings[(int.from_bytes(digest[:8], "big") + self._candidate) % len(wordings)]


def write_paragraph(prompt: str, seen: Measurements | None, voice: Voice, most_words: int) -> str:
    """The paragraph; without frames it adds no fact to the prompt.

    Facts that would take it beyond `most_words` are left unsaid, so that it never breaks off; only a
    prompt that is longer by itself makes it longer.
    """
    opening = close_sentence(prompt.strip())
    if seen is None:
        return _within(most_words, [opening, voice.choose("text only", phrases.TEXT_ONLY)])
    if not opening:
        shape = terms.shape(seen.width, seen.height)
        opening = voice.choose("empty prompt", phrases.EMPTY_PROMPT).format(shape=shape)
    looks = [_light(seen, voice), _colours(seen, voice), _composition(seen, voice)]
    first = int(voice.choose("order", ("0", "1", "2")))
    looks = looks[first:] + looks[:first]
    parts = [opening, *looks, *_events(seen, voice), _closing(seen, voice)]
    return _within(most_words, parts)


def _within(most_words: int, parts: Sequence[str]) -> str:
    """The first part, and of the others, in order, those that still find room."""
    kept, words = [parts[0]], len(parts[0].split())
    for part in parts[1:]:
        length = len(part.split())
        if words + length <= most_words:
            kept.append(part)
            words += length
    return " ".join(kept).strip()


def close_sentence(prompt: str) -> str:
    """The prompt with a full stop of its own script where it has no sentence end."""
    if not prompt or prompt.rstrip(_CLOSERS).endswith(tuple(_ENDINGS)):
        return prompt
    if re.search(r"[\u3040-\u30ff\u3400-\u9fff]$", prompt.rstrip(_CLOSERS)):
        return prompt + "。"
    if prompt.endswith((",", "、", "，", "-", "–", "—")):
        return prompt  # an open end is the user's own; a stop behind it would read worse
    return prompt + "."


def cut_to_words(text: str, limit: int) -> tuple[str, bool]:
    """At most `limit` words of the text, and whether any were left out."""
    for count, word in enumerate(re.finditer(r"\S+", text)):
        if count == limit:
            return text[: word.start()].rstrip(), True
    return text, False


def split_pieces(text: str, size: int = 3) -> Iterator[str]:
    """The text in pieces of `size` words, white space included; together they are the text."""
    for piece in re.finditer(rf"(?:\s*\S+){{1,{size}}}\s*", text):
        yield piece.group()


# --- the sentences -------------------------------------------------------------------------------


def _light(seen: Measurements, voice: Voice) -> str:
    light = seen.light
    clipped = [
        voice.choose(name, wordings).format(share=terms.share(value))
        for name, value, wordings in (
            ("blacks", light.black, phrases.BLACKS),
            ("whites", light.white, phrases.WHITES),
        )
        if value >= 0.04
    ]
    return voice.choose("light", phrases.LIGHT).format(
        level=phrases.LEVEL[terms.brightness(light)],
        contrast=terms.contrast(light),
        clipped=", including " + join_names(clipped) if clipped else "",
        shape=terms.shape(seen.width, seen.height),
    )


def _colours(seen: Measurements, voice: Voice) -> str:
    palette = seen.palette
    names, accent = terms.main_colours(palette), terms.accent(palette)
    colours = join_names(names)
    sentence = voice.choose("colours", phrases.COLOURS).format(
        colours=colours,
        Colours=_capital(colours),
        set_="set" if len(names) > 1 else "sets",
        accent=voice.choose("accent", phrases.ACCENT).format(accent=accent) if accent else "",
    )
    saturation = terms.saturation(palette)
    tone = voice.choose("saturation", phrases.SATURATION[saturation])
    if saturation != "neutral":
        tone += voice.choose("temperature", phrases.TEMPERATURE[terms.temperature(palette)])
    return f"{sentence} {tone}."


def _composition(seen: Measurements, voice: Voice) -> str:
    texture = terms.texture(seen.detail)
    where = calm = ""
    if texture != "smooth":
        place = terms.place(seen.detail.ninths)
        wordings = phrases.GATHERED if place else phrases.SPREAD
        where = voice.choose("where", wordings).format(place=place)
        plain = terms.calm_place(seen.detail.ninths)
        calm = voice.choose("calm", phrases.CALM).format(place=plain) if place and plain else ""
    return voice.choose("composition", phrases.COMPOSITION).format(
        texture=voice.choose("texture", phrases.TEXTURE[texture]),
        where=where,
        calm=calm,
        shape=terms.shape(seen.width, seen.height),
    )


def _events(seen: Measurements, voice: Voice) -> Iterator[str]:
    """What happens in time: the camera, what moves, the light."""
    yield from _camera(seen.changes, voice)
    amount, place = terms.movement(seen.changes)
    if amount:
        wordings = phrases.MOVEMENT_PLACE if place else phrases.MOVEMENT_SPREAD
        where = voice.choose("movement place", wordings).format(place=place)
        toward = terms.direction(seen.changes)
        sentence = voice.choose("movement", phrases.MOVEMENT[amount])
        yield _tidy(sentence.format(where=where, toward=f" {toward}" if toward else ""))
    light = terms.lighting_change(seen.changes)
    if light:
        yield voice.choose("light change", phrases.LIGHT_CHANGE[light])


def _camera(changes: Sequence[FrameChange], voice: Voice) -> Iterator[str]:
    moves = [key for key, _ in groupby(terms.view_motion(change) for change in changes)]
    if not moves:
        yield voice.choose("camera", phrases.ONE_FRAME)
        return
    if moves == ["still"]:
        yield voice.choose("camera", phrases.CAMERA_STILL)
        return
    for number, move in enumerate(moves[:_MOVES_TOLD]):
        linked = ""
        if len(moves) > 1:
            linked = voice.choose(f"link {number}", phrases.NEXT if number else phrases.FIRST)
        yield _capital(linked + _move(move, number, voice)) + "."


def _move(key: str, number: int, voice: Voice) -> str:
    """One thing that the camera does, as a clause."""
    if key == "cut":
        return voice.choose(f"move {number}", phrases.CUT)
    if key == "unclear":
        return voice.choose(f"move {number}", phrases.UNCLEAR)
    pace = next((word for word in _PACES if key.endswith(word)), "")
    wordings = phrases.VIEW[key.removesuffix(pace).strip()]
    clause = voice.choose(f"move {number}", wordings).format(pace=pace)
    return _tidy(f"the camera {clause}")


def _closing(seen: Measurements, voice: Voice) -> str:
    wordings = phrases.CLOSING if seen.changes else phrases.CLOSING_STILL
    return voice.choose("closing", wordings).format(
        level=terms.brightness(seen.light),
        saturation=phrases.SATURATION_ADJECTIVE[terms.saturation(seen.palette)],
        tempo=terms.tempo(seen.changes),
    )


def join_names(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tidy(text: str) -> str:
    """Without the gaps and doubled commas that an empty slot leaves."""
    return re.sub(r",+([,.;])", r"\1", re.sub(r" +", " ", text))
