"""Kills a rank of examples/train_on_many with -9 in the middle of a training.

Arguments: MPIEXEC PROGRAM [RANKS]. The others must end within 10 seconds with an error that names the rank, the last
checkpoint must be whole, and a restart must go on from it: with as many ranks to the bits of a training that nobody
killed, with other numbers of ranks to the end.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MPIEXEC, PROGRAM = sys.argv[1:3]
RANKS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
EPOCHS = 6
# Debian's Open MPI asks whether root means it, and for more ranks than cores in one way up to version 4, in another
# from 5 on. MPICH has no --oversubscribe and needs none.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe",
                   OMP_NUM_THREADS="1")
RANK_VARIABLES = (b"OMPI_COMM_WORLD_RANK=", b"PMIX_RANK=", b"PMI_RANK=")


def command(ranks, run, *more):
    return [MPIEXEC, "-n", str(ranks), PROGRAM, "--users", "200", "--epochs", str(EPOCHS), "--run", str(run), *more]


def train(ranks, run, *more):
    done = subprocess.run(command(ranks, run, *more), env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{ranks} ranks in {run}: {done.stdout}{done.stderr}"
    return [int(epoch) for epoch in re.findall(r"^epoch (\d+)", done.stdout, re.M)]


def ranks_of(run):
    """The process of each rank that trains in this directory."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0] != PROGRAM.encode() or str(run).encode() not in words:
                continue
            for variable in (process / "environ").read_bytes().split(b"\0"):
                for name in RANK_VARIABLES:
                    if variable.startswith(name):
                        found[int(variable[len(name):])] = int(process.name)
        except OSError:
            pass  # it is gone, or another user's
    return found


def wait_for(what, holds, seconds=120):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def kill_one(run, victim):
    """Trains slowly, kills the rank after the second epoch has been saved; what was printed, the code, seconds and the process."""
    process = subprocess.Popen(command(RANKS, run, "--slow"), env=ENVIRONMENT, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    wait_for("the second epoch", lambda: (run / "epoch-002.safetensors").exists() and (run / "last.state").exists())
    time.sleep(0.2)  # into the third
    ranks = ranks_of(run)
    assert sorted(ranks) == list(range(RANKS)), f"expected {RANKS} ranks, found {ranks}"
    start = time.monotonic()
    os.kill(ranks[victim], signal.SIGKILL)
    text, _ = process.communicate(timeout=60)
    wait_for("the end of all ranks", lambda: not ranks_of(run), 10)
    return text, process.returncode, time.monotonic() - start, ranks[victim]


def main():
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        whole = directory / "whole"
        assert train(RANKS, whole) == list(range(1, EPOCHS + 1))
        for victim in (0, RANKS - 1):
            run = directory / f"killed-{victim}"
            text, code, seconds, process = kill_one(run, victim)
            print(f"rank {victim} of {RANKS} killed: all had ended after {seconds:.2f} s")
            assert code != 0, "mpiexec says that all went well"
            assert seconds < 10, f"the others ended after {seconds:.1f} s"
            named = re.search(rf"rank {victim} .*|PID {process} .*", text)  # Open MPI, MPICH
            assert named and re.search(r"signal 9|EXIT CODE: 9", text), f"rank {victim} is not named: {text}"
            print(f"  {named.group(0).strip()}")
            last = max(int(path.stem[-3:]) for path in run.glob("epoch-*.safetensors"))
            assert not list(run.glob("*.tmp*")) or victim == 0, "a rank that does not write has left a file"
            for ranks in {1, RANKS - 1, RANKS + 1}:
                other = shutil.copytree(run, directory / f"with-{ranks}-after-{victim}")
                epochs = train(ranks, other)
                assert epochs == list(range(last + 1, EPOCHS + 1)), f"{ranks} ranks trained epochs {epochs}"
            assert train(RANKS, run) == list(range(last + 1, EPOCHS + 1))
            for name in ("last.state", f"epoch-{EPOCHS:03}.safetensors"):
                assert (run / name).read_bytes() == (whole / name).read_bytes(), f"{name} has other bits"
            print(f"  goes on after epoch {last}: {RANKS} ranks to the same bits, 1, {RANKS - 1} and {RANKS + 1} to the end")


main()
