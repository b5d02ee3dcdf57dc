"""What two ranks send each other over a network of their own, by the counters of its interfaces.

Arguments: MPIEXEC PROGRAM, the latter examples/train_on_many. Two network namespaces with a cable between them stand
for two machines; Open MPI's daemon is started in the second by this script itself, in the place of ssh. The bytes on
each interface must be those of the formula within 1 %. Exits with 77 where it may not make namespaces or there is no
Open MPI.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

A, B = f"deeprec-a{os.getpid()}", f"deeprec-b{os.getpid()}"  # namespaces, and the names of the machines in them
HOSTS = {A: "10.231.77.1", B: "10.231.77.2"}


def agent(host, *words):
    """In the place of ssh HOST WORDS: Open MPI's daemon on the machine with that address."""
    name = os.environ["DEEPREC_NAMESPACE"]
    assert host == os.environ["DEEPREC_HOST"], f"expected host {os.environ['DEEPREC_HOST']}, received {host}"
    os.execvp("ip", on(name, "sh", "-c", " ".join(words)))


def on(name, *command):
    return ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name, *command]


def sent(name):
    return int(subprocess.check_output(["ip", "netns", "exec", name, "cat", "/sys/class/net/cable/statistics/tx_bytes"]))


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def main(mpiexec, program):
    version = subprocess.run([mpiexec, "--version"], capture_output=True, text=True).stdout
    if "Open MPI" not in version and "OpenRTE" not in version:
        skip("this needs Open MPI, whose daemons start by any script")
    try:
        made = subprocess.run(["ip", "netns", "add", A], capture_output=True, text=True)
    except OSError as error:
        skip(f"this needs ip of Debian's iproute2: {error}")
    if made.returncode != 0:
        skip(f"this needs the right to make network namespaces: {made.stderr.strip()}")
    try:
        subprocess.check_call(["ip", "netns", "add", B])
        subprocess.check_call(["ip", "link", "add", "cable", "netns", A, "type", "veth", "peer", "name", "cable",
                               "netns", B])
        for name, address in HOSTS.items():
            for command in (["address", "add", f"{address}/24", "dev", "cable"], ["link", "set", "cable", "up"],
                            ["link", "set", "lo", "up"]):
                subprocess.check_call(["ip", "-n", name, *command])
        with tempfile.TemporaryDirectory() as directory:
            script = Path(directory) / "agent"
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{os.path.abspath(__file__)}" --agent "$@"\n')
            script.chmod(0o700)
            environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                               DEEPREC_NAMESPACE=B, DEEPREC_HOST=HOSTS[B], OMP_NUM_THREADS="1")
            settings = {"plm_rsh_agent": script, "btl": "tcp,self", "btl_tcp_if_include": "cable",
                        "oob_tcp_if_include": "cable", "pml": "ob1", "routed": "direct"}
            options = [word for name, value in settings.items() for word in ("--mca", name, str(value))]
            hosts = ",".join(f"{address}:1" for address in HOSTS.values())

            def train(epochs, *more):
                """The bytes that each interface sends, and those of the formula."""
                before = {name: sent(name) for name in HOSTS}
                done = subprocess.run(on(A, mpiexec, *options, "-H", hosts, "-n", "2", program,
                                         "--items", "20000", "--batch", "512", "--epochs", str(epochs), *more),
                                      env=environment, capture_output=True, text=True, timeout=500)
                assert done.returncode == 0, done.stdout + done.stderr
                formula = re.search(r"dense gradients are ([\d.]+) MB, rows ([\d.]+) MB, rows shared out ([\d.]+) MB",
                                    done.stdout)
                assert formula, f"expected the bytes of the formula, received {done.stdout}"
                return [*(sent(name) - before[name] for name in HOSTS), 1e6 * sum(map(float, formula.groups()))]

            for what, *more in (("all items", "--users", "1000"),
                                ("sampled items", "--users", "4000", "--loss", "sampled"),
                                ("sampled items shared out", "--users", "4000", "--loss", "sampled", "--sharded")):
                # Of three epochs more: the engine itself sends some 150 KB before and after. Packets have headers, so that
                # small steps would be further away.
                first, second, expected = (many - few for many, few in zip(train(4, *more), train(1, *more)))
                print(f"{what}: by the formula a rank sends {expected / 1e6:.3f} MB; the interfaces counted "
                      f"{first / 1e6:.3f} MB and {second / 1e6:.3f} MB, {100 * (first / expected - 1):+.2f} % and "
                      f"{100 * (second / expected - 1):+.2f} %", flush=True)
                assert max(abs(first / expected - 1), abs(second / expected - 1)) <= 0.01, "more than 1 % away"
    finally:
        for name in HOSTS:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


if sys.argv[1] == "--agent":
    agent(*sys.argv[2:])
else:
    main(*sys.argv[1:])
