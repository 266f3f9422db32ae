"""One target under atheris: `python -m fuzz.engine TARGET`, then libFuzzer's arguments. Never returns."""

from __future__ import annotations

import sys

import atheris

from fuzz.targets import load_target


def main() -> None:
    name, *arguments = sys.argv[1:]
    # Only what is ours is watched; a library's branches would lead the search away from it.
    with atheris.instrument_imports(include=["backend", "remote", "fuzz"]):
        target = load_target(name)
    atheris.Setup([sys.argv[0], *arguments], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
