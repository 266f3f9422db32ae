"""Slurm with one node, this machine: Debian's `slurm-wlm` with files of its own. Only root can run it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.sshd import BOUND, LOOPBACK, free_port
from tests.support.waiting import wait_until

_FREEZER = Path("/sys/fs/cgroup/freezer")
"""The control group by which Slurm ends all processes of a job, those that left its session included."""
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue")
_PARTITION = "gpu"
_JOB_LOG = "job.log"
_START_BOUND = 150.0
"""Seconds until a job has started what it serves, on a machine that has much else to do."""


@dataclass(frozen=True)
class Slurm:
    """A cluster that takes jobs. Use `slurm_cluster`."""

    folder: Path

    def submit(self, script: Path, *, minutes: int = 10) -> str:
        """Submit a batch script; the number of its job, which runs."""
        log = self.folder / _JOB_LOG
        told = self._run(
            "sbatch", "--parsable", f"--time={minutes}", f"--output={log}", str(script)
        )
        job = told.strip()
        wait_until(lambda: self.state(job) == "RUNNING", BOUND)
        return job

    def wait_for(self, job: str, file: Path) -> None:
        """Return when a running job has made this file; fail if the job ends before."""
        wait_until(lambda: file.exists() or self.state(job) != "RUNNING", _START_BOUND)
        assert file.exists(), "the job ended before; what it wrote is printed"

    def state(self, job: str) -> str:
        """What the cluster says of a job; empty when it has ended."""
        return self._run(
            "squeue", "--noheader", "--states=all", "--format=%T", "--job", job
        ).strip()

    def cancel(self, job: str) -> None:
        """End a job as its time limit does. Returns when nothing of it is left."""
        self._run("scancel", job)
        wait_until(lambda: self.state(job) not in ("RUNNING", "COMPLETING"), BOUND)

    def _run(self, *command: str) -> str:
        environment = os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf")}
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=BOUND
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@contextlib.contextmanager
def slurm_cluster(folder: Path) -> Iterator[Slurm]:
    """A cluster whose jobs and daemons have ended when the block ends."""
    _require_slurm()
    folder.mkdir(parents=True)
    _configure(folder)
    made = Slurm(folder)
    munged = [
        "munged", "--foreground", "--force", f"--socket={folder / 'munge'}",
        *(f"--{kind}-file={folder / f'munge.{kind}'}" for kind in ("key", "pid", "log", "seed")),
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        stack.enter_context(_running(munged, folder))
        wait_until((folder / "munge").exists, BOUND)
        for daemon in ("slurmctld", "slurmd"):
            stack.enter_context(_running([daemon, "-D", "-f", str(folder / "slurm.conf")], folder))
        wait_until(lambda: _is_idle(made), BOUND)
        try:
            yield made
        finally:
            made._run("scancel", f"--partition={_PARTITION}")
            wait_until(lambda: not made._run("squeue", "--noheader"), BOUND)
            # pytest shows them with a test that failed.
            for log in folder.glob(_JOB_LOG):
                sys.stdout.write(log.read_text())
    for group in sorted(_FREEZER.glob(f"slurm_{socket.gethostname()}/**/"), reverse=True):
        with contextlib.suppress(OSError):
            group.rmdir()


def _is_idle(slurm: Slurm) -> bool:
    with contextlib.suppress(AssertionError):
        return "idle" in slurm._run("sinfo", "--noheader", "--format=%T")
    return False


def _require_slurm() -> None:
    path = os.environ["PATH"] + ":/usr/sbin"
    missing = [name for name in _PROGRAMS if shutil.which(name, path=path) is None]
    if not missing and os.geteuid() == 0 and _FREEZER.is_dir():
        return
    what = f"Slurm ({', '.join(missing)})" if missing else "root and a control group `freezer`"
    if os.environ.get("CI"):
        pytest.fail(f"the CI machine must have {what}, or allocations go untested")
    pytest.skip(f"{what} is not there (Debian: slurm-wlm munge)")


def _configure(folder: Path) -> None:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    folder.chmod(0o700)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = socket.gethostname()
    (folder / "slurm.conf").write_text(
        f"""ClusterName=lab
SlurmctldHost={host}({LOOPBACK})
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
AuthType=auth/munge
AuthInfo=socket={folder / "munge"}
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder / "state"}
SlurmdSpoolDir={folder / "spool"}
SlurmctldPidFile={folder / "slurmctld.pid"}
SlurmdPidFile={folder / "slurmd.pid"}
ProctrackType=proctrack/cgroup
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/linear
MpiDefault=none
KillWait=2
NodeName={host} NodeAddr={LOOPBACK}
PartitionName={_PARTITION} Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
    )
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")


@contextlib.contextmanager
def _running(command: list[str], folder: Path) -> Iterator[None]:
    path = os.environ["PATH"] + ":/usr/sbin"
    with (folder / f"{command[0]}.out").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(BOUND)
        finally:
            process.kill()
