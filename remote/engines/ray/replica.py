"""The actor around a replica.

This class goes to the nodes by value, and so it names nothing of ours before it has imported it: from the
bytes of the runner, in memory, since a file could be changed by others.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import io
import pathlib
import shutil
import sys
import threading
import types
import zipfile


class ReplicaActor:
    """Holds a `remote.engines.ray.hosting.ReplicaHost`, to which it passes everything on."""

    def __init__(self, runner: bytes, begin: str) -> None:
        import_from(runner)
        from remote.engines.ray.messages import DriverSetup, from_text

        message = from_text(begin)
        assert isinstance(message, DriverSetup)  # noqa: S101 - for mypy
        self._setup = message.setup
        self._runner = runner
        self._host: object = None
        self._ended = threading.Event()

    async def look(self) -> str:
        """As `ReplicaHost.look`; the first time it makes the host."""
        from remote.engines.ray.hosting import ReplicaHost

        if self._host is None:
            host = ReplicaHost(self._setup, self._runner)
            threading.Thread(target=host.watch, args=(self._ended,), daemon=True).start()
            self._host = host
        assert isinstance(self._host, ReplicaHost)  # noqa: S101 - for mypy
        return await self._host.look()

    async def generate(self, message: str, images: bytes) -> tuple[int, str]:
        """As `ReplicaHost.generate`, for a `Generate`; Ray fetches its pictures from the object store."""
        from remote.engines.ray.messages import Generate, cut, from_text

        asked = from_text(message)
        assert isinstance(asked, Generate)  # noqa: S101 - for mypy
        pictures = tuple(cut(images, asked.pictures))
        return await self._host.generate(asked.number, asked.request, pictures)  # type: ignore[attr-defined, no-any-return]

    async def hear(self) -> str:
        """As `ReplicaHost.hear`."""
        return await self._host.hear()  # type: ignore[attr-defined, no-any-return]

    async def drop(self, number: int) -> None:
        """As `ReplicaHost.drop`."""
        await self._host.drop(number)  # type: ignore[attr-defined]

    async def load(self) -> str:
        """As `ReplicaHost.load`."""
        return await self._host.load()  # type: ignore[attr-defined, no-any-return]

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """As `ReplicaHost.count_tokens`."""
        return await self._host.count_tokens(system, prompt)  # type: ignore[attr-defined, no-any-return]

    async def close(self) -> None:
        """As `ReplicaHost.close`."""
        if self._host is not None:
            await self._host.close()  # type: ignore[attr-defined]


def look_at_node(model: str, root: str) -> tuple[bool | None, int | None]:
    """Whether this node has the model's folder, and the bytes that are free where the box's root is."""
    found: bool | None = None
    if model.startswith(("/", "~", ".")):
        found = pathlib.Path(model).expanduser().exists()
    where = pathlib.Path(root).expanduser()
    while not where.exists() and where != where.parent:
        where = where.parent
    return found, shutil.disk_usage(where).free


class _Sources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the package `remote` from a runner in memory."""

    def __init__(self, runner: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(runner)) as archive:
            self._files = {
                name: archive.read(name) for name in archive.namelist() if name.endswith(".py")
            }

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module of ours; None for any other."""
        del path, target
        file = name.replace(".", "/")
        for found, is_package in ((f"{file}/__init__.py", True), (f"{file}.py", False)):
            if name.partition(".")[0] == "remote" and found in self._files:
                origin = f"runner.pyz/{found}"
                return importlib.util.spec_from_loader(
                    name, self, origin=origin, is_package=is_package
                )
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Leave that to Python."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the module's source."""
        origin = str(module.__spec__ and module.__spec__.origin)
        source = self._files[origin.partition("/")[2]]
        exec(compile(source, origin, "exec", dont_inherit=True), module.__dict__)  # noqa: S102


def import_from(runner: bytes) -> None:
    """From now on, import `remote` from these bytes, whatever lies on the node."""
    for name in [it for it in sys.modules if it.partition(".")[0] == "remote"]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Sources(runner))
