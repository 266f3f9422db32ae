"""Opens a file or a text in the user's own editor."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from backend.errors import InputError
from remote.protocol import well_formed


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """Return the command that starts the editor, with its arguments: $VISUAL, else $EDITOR, else vi.

    Raises InputError when there is no such program.
    """
    for name in ("VISUAL", "EDITOR"):
        if text := environment.get(name, "").strip():
            try:
                command = shlex.split(text)
            except ValueError as error:
                raise InputError(f"${name} cannot be understood: {error}", _REMEDY) from error
            if shutil.which(command[0]) is None:
                raise InputError(f"there is no program {command[0]}, which ${name} names", _REMEDY)
            return command
    if shutil.which("vi") is None:
        raise InputError(
            "there is no editor: neither $VISUAL nor $EDITOR is set, nor is there vi", _REMEDY
        )
    return ["vi"]


def edit_file(file: Path, command: list[str]) -> None:
    """Open a file in the editor. Blocks until the editor is closed. Raises InputError when it fails."""
    try:
        # Not every editor understands --, but an absolute path never looks like an option.
        subprocess.run([*command, str(file.absolute())], check=True)
    except subprocess.CalledProcessError as error:
        raise InputError(f"the editor {command[0]} ended with {error.returncode}") from error
    except OSError as error:
        raise InputError(f"the editor {command[0]} did not work: {error}", _REMEDY) from error


def edit_text(text: str, command: list[str]) -> str:
    """Let the user edit a text, and return the result without white space around it.

    Blocks until the editor is closed. The text lies in a temporary file that only the user can read. Raises
    InputError when the editor fails or leaves text that is not UTF-8.
    """
    # The folder and the file are private. The suffix tells editors to wrap lines and to check spelling.
    with tempfile.TemporaryDirectory(prefix="upsample-") as folder:
        file = Path(folder) / "prompt.txt"
        file.touch(mode=0o600)
        file.write_text(well_formed(text) + "\n", encoding="utf-8", newline="")
        edit_file(file, command)
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the editor {command[0]} did not work: {error}", _REMEDY) from error


_REMEDY = "Set $EDITOR to a program that edits the file it is given."
