"""Spec files: whatever they hold is read, skipped or reported, and what was read takes a new prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from backend.specs.model import BrokenSpec, Spec
from backend.specs.reading import Finding, read_file
from backend.specs.render import Replacement, render
from fuzz.scratch import scratch_folder

_SUFFIXES = (".json", ".jsonl", ".txt", ".yaml")
_NEW = 'Wärm "dusk"\\ 漢'
_EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def seeds() -> Iterable[bytes]:
    for file in sorted(_EXAMPLES.iterdir()):
        if file.suffix in _SUFFIXES:
            yield _byte_for(file.suffix) + file.read_bytes()
    yield b'\0\xef\xbb\xbf{"id":"p",\r\n"prompt":"a\\u00e9\\ud83d\\ude00","metadata":{}}'
    yield b'\0{"prompt_path":"absent.txt","video_path":"..\\\\v.mp4"}'
    yield b'\0{"prompt":"a","input_video_path":"C:/v.mp4","prompt":"b","edge":{}}'
    yield b'\1{"visual_input":"v","prompt":"a"}\n\n{"prompt":1e999}\r{"control_overrides":[]}'
    yield b"\3inference_type: text2world # c\nprompt: >-\n  a\n  b\n\nm: {<<: &x [1]}\ny: *x\n"
    yield b"\2 one\x0ctwo\xe2\x80\xa8three\r\rfour\r\n"


def check(data: bytes) -> None:
    folder = scratch_folder("specs")
    file = folder / f"spec{_SUFFIXES[(data[0] if data else 0) % len(_SUFFIXES)]}"
    file.write_bytes(data[1:])
    findings = read_file(file, folder)
    assert findings
    specs = [finding for finding in findings if isinstance(finding, Spec)]
    for finding in findings:
        _check_words(finding)
    # The prompt of another file would be rendered into that one.
    if specs and not any(spec.prompt_file for spec in specs):
        _check_round_trip(file, specs)


def _check_words(finding: Finding) -> None:
    """What is said and shown can be stored and sent, and a complaint cannot steer a terminal."""
    if isinstance(finding, Spec):
        f"{finding.name}{finding.prompt}{finding.video}{dict(finding.controls)}".encode()
    elif isinstance(finding, BrokenSpec):
        assert str(finding).isprintable()
    else:
        assert finding.reason.isprintable()


def _check_round_trip(file: Path, specs: Sequence[Spec]) -> None:
    news = {spec.entry: Replacement(_NEW, spec.prompt, {"by": "a test"}) for spec in specs}
    out = file.with_stem("out")
    (rendered,) = render(file, news, out)
    out.write_text(rendered.text, encoding="utf-8", newline="")
    again = [finding for finding in read_file(out, out.parent) if isinstance(finding, Spec)]
    assert [_essence(spec) for spec in again] == [
        _essence(replace(spec, prompt=_NEW)) for spec in specs
    ]


def _essence(spec: Spec) -> object:
    """What must be the same in the file that was written. A name that is the file's own differs there."""
    return spec.format, spec.prompt, spec.video, dict(spec.controls)


def _byte_for(suffix: str) -> bytes:
    return bytes([_SUFFIXES.index(suffix)])
