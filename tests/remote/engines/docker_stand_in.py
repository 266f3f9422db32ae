"""A stand-in for `docker`, for `--gpus` and for machines that may not run containers.

In the tests with the marker `containers`, real podman does the same.

It notes its words and the names of its environment. `run` starts what stands in for the image in a session
of its own, with the environment that the line names and no more, so that it outlives its client as a
container does; `rm --force` ends it, `ps` lists what runs. Run as a script, on the standard library alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = "DOCKER_STAND_IN_FOLDER"
"""The variable that names the folder of notes, and of the containers that run."""
IMAGES = ("vllm/", "cosmos-")
"""How the images begin that it knows."""
SERVER = Path(__file__).with_name("vllm_stand_in.py")


def write_docker(folder: Path, name: str = "docker") -> Path:
    """The program `docker`, in `folder`/bin."""
    program = folder / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(
        f"#!{sys.executable}\nimport runpy\nrunpy.run_path({__file__!r}, run_name='__main__')\n"
    )
    program.chmod(0o755)
    return program


def main() -> int:
    """One call of docker."""
    folder = Path(os.environ[FOLDER])
    words = sys.argv[1:]
    note = {"words": words, "environment": sorted(os.environ)}
    write(folder, folder / f"docker-{time.time_ns()}", json.dumps(note))
    (folder / "containers").mkdir(exist_ok=True)
    if (folder / "docker-is-away").exists():
        print("Cannot connect to the Docker daemon at unix:///x. Is it running?", file=sys.stderr)  # noqa: T201
        return 1 if words[0] == "rm" else 125
    if words[0] == "run":
        return run(folder, words[1:])
    if words[:2] == ["rm", "--force"]:
        return remove(folder / "containers" / words[2])
    return 1


def run(folder: Path, words: list[str]) -> int:
    at = next(n for n, word in enumerate(words) if word.startswith(IMAGES))
    options, inside = words[:at], words[at + 1 :]
    names = [word.removeprefix("--env=") for word in options if word.startswith("--env=")]
    given = {name: os.environ[name] for name in names if name in os.environ}
    entrypoint = [sys.executable] if "python3" in options else [sys.executable, str(SERVER)]
    said = " ".join(options).replace("--name ", "--name=")
    name = said.partition("--name=")[2].split()[0]
    container = subprocess.Popen(
        [*entrypoint, *inside],
        env={"PATH": os.defpath, **given, **_of_the_image(folder)},
        start_new_session=True,
    )
    running = folder / "containers" / name
    write(folder, running, str(container.pid))
    signal.signal(signal.SIGTERM, lambda number, _: container.send_signal(number))
    code = container.wait()
    remove(running)
    return code


def write(folder: Path, file: Path, text: str) -> None:
    """Whole at once: whoever looks may look at any moment."""
    unseen = folder / f".note-{os.getpid()}"
    unseen.write_text(text)
    unseen.rename(file)


def _of_the_image(folder: Path) -> dict[str, str]:
    """What an image brings with it."""
    return {"STAND_IN_FOLDER": str(folder), "PYTHONPATH": str(folder / "packages")}


def remove(running: Path) -> int:
    if (running.parent.parent / "docker-is-ill").exists():
        return fail("tried to kill container, but did not receive an exit event")
    try:
        group = int(running.read_text())
    except FileNotFoundError:  # never begun, or ended by itself a moment ago
        return fail(f"No such container: {running.name}")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    running.unlink(missing_ok=True)
    return 0


def fail(words: str) -> int:
    print(f"Error response from daemon: {words}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
