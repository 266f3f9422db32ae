"""A config.toml, of whoever's folder: settings, or a ConfigError that a terminal can show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from backend.config import LOCAL_FILE, Settings, load_settings, shipped_text
from backend.errors import ConfigError
from backend.specs.quoting import printable
from fuzz.scratch import scratch_folder


def seeds() -> Iterable[bytes]:
    yield shipped_text().encode()
    yield b'box = "h100"\n[boxes.h100]\nhost = "gpu"\nmodel = "m"\n[boxes.h100.vllm]\nenv = {}\n'
    yield b'[upsampling]\nmax_tokens = 8192\nmax_upsample_resolution = 480\nfit = "safe"\n'
    yield b'[upsampling]\nsafe_resolution = "320x"\nprofile = "none"\n'
    yield b"[box_defaults]\nidle_timeout = nan\nfirst_token_timeout = 1e999\n"


def check(data: bytes) -> None:
    folder = scratch_folder("config")
    (folder / LOCAL_FILE).write_bytes(data)
    with contextlib.chdir(folder):
        try:
            assert isinstance(load_settings(), Settings)
        except ConfigError as error:
            printable(str(error)).encode()
