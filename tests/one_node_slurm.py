"""A real SLURM of one node, wholly inside a scratch folder: for tests, and to try profiles on.

Nothing of the machine's own SLURM is read or changed, and nothing stays behind. Two CPUs, memory and
two GPUs are made up, so that jobs queue for them; jobs that ask for a GPU are given a number in
CUDA_VISIBLE_DEVICES, as everywhere. Needs root and Debian's slurm-wlm and munge (for accounting
slurmdbd and mariadb-server too).

By hand, until Ctrl-C: ``python tests/one_node_slurm.py FOLDER [--accounting]``
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from daemons import found, free_ports, guard, listens, quietly, run_once, start
from waiting import wait_for

NODE = socket.gethostname().split(".")[0]
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "setpriv")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacctmgr")
COMMANDS = ("sbatch", "srun", "scancel", "squeue", "sinfo", "scontrol", "sacct", "sacctmgr")
ACCOUNT = "lab"  # that the accounting knows, with root in it

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={slurmd_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
# without cgroups, which a container may not hand on
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
# cores and memory are handed out one by one, a job starts as soon as there is room for it
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=5
# what was seen of a job stays to be asked for: see the profile on working without accounting
MinJobAge=600
KillWait=30
ReturnToService=2
TaskProlog={folder}/prolog
# two CPUs, whatever the machine has; the GPUs are files that are there on every machine
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={node} NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000 Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES DefaultTime=5 MaxTime=INFINITE State=UP
{accounting}
"""
PROLOG = 'echo "$SLURM_JOB_ID ${CUDA_VISIBLE_DEVICES-none}" >>"{folder}/visible"\n'
GRES_CONF = "Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n"
USE_SLURMDBD = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd_port}
AccountingStoragePass={folder}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment"""
SLURMDBD_CONF = """\
DbdHost={node}
DbdAddr=127.0.0.1
DbdPort={dbd_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm
"""


def why_not(*, accounting: bool) -> str | None:
    """Why there can be no one-node SLURM on this machine; None: there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a one-node SLURM needs Linux and root"
    wanted = PROGRAMS + (ACCOUNTING if accounting else ())
    missing = [program for program in wanted if found(program) is None]
    return f"no one-node SLURM without {', '.join(missing)}" if missing else None


@dataclass(frozen=True, kw_only=True)
class Slurm:
    """A running SLURM."""

    folder: Path
    environment: Mapping[str, str]

    def ask(self, *command: str) -> str:
        """What a command of SLURM's prints."""
        done = quietly(command, self.environment)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def answers(self, *command: str) -> bool:
        """Whether a command succeeds."""
        return quietly(command, self.environment).returncode == 0

    def visible_gpus(self) -> dict[str, str]:
        """Job -> the CUDA_VISIBLE_DEVICES that it was given, ``none`` without one."""
        lines = (self.folder / "visible").read_text().splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def jobs(self, *states: str) -> list[str]:
        """The ids of the jobs in the queue; ``states``: of all that are remembered, those in one of them."""
        wanted = [f"--states={','.join(states)}"] if states else []
        return self.ask("squeue", "--noheader", "--format=%i", *wanted).split()


def batch_in(comment: str) -> str:
    """The batch of a job's comment, which names the rule and the values of its wildcards."""
    return comment.removeprefix("rule_cell_wildcards_").partition("_")[0]


@contextmanager
def one_node_slurm(folder: Path, *, accounting: bool = False) -> Iterator[Slurm]:
    """Start a SLURM in an empty folder and wait until its node is ready; end it with the block.

    Raises:
        TimeoutError: A part of it does not come up; its log is in the folder.
    """
    # else jobs hang: the names of their sockets in `spool` have at most 108 characters
    assert len(str(folder)) <= 80, f"the path of {folder} is too long for SLURM's sockets"
    folder.mkdir(parents=True, exist_ok=True)
    # munged and the database of users insist on paths that nobody else can write to
    folder.chmod(0o755)
    slurm = Slurm(folder=folder, environment=_environment(folder))
    with ExitStack() as stack:
        # last of all, and also when this process is killed: jobs outlive SLURM's daemons
        guard(f"SLURM_CONF={folder}/slurm.conf", folder=folder, stack=stack)
        _start_munge(folder, stack)
        text = ""
        if accounting:
            text = _start_accounting(slurm, stack)
        _write_conf(folder, accounting=text)
        _start_node(slurm, stack)
        if accounting:
            _add_account(slurm)
        stack.callback(_end_jobs, slurm)
        yield slurm


def _environment(folder: Path) -> dict[str, str]:
    """What SLURM's commands need to find this SLURM rather than another one."""
    # the executor's plugins take SLURM_… away from the commands that they start, which then look in /etc
    programs = folder / "bin"
    programs.mkdir()
    for name, path in ((name, found(name)) for name in COMMANDS):
        if path is not None:
            text = f'#!/bin/sh\nSLURM_CONF="{folder}/slurm.conf" exec "{path}" "$@"\n'
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
    return {
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
    }


def _write_conf(folder: Path, *, accounting: str) -> None:
    ctld_port, slurmd_port = free_ports(2)
    text = SLURM_CONF.format(
        node=NODE,
        folder=folder,
        ctld_port=ctld_port,
        slurmd_port=slurmd_port,
        accounting=accounting,
    )
    (folder / "slurm.conf").write_text(text)
    (folder / "gres.conf").write_text(GRES_CONF)
    (folder / "prolog").write_text("#!/bin/sh\n" + PROLOG.replace("{folder}", str(folder)))
    (folder / "prolog").chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()


def _start_munge(folder: Path, stack: ExitStack) -> None:
    home = folder / "munge"
    home.mkdir(mode=0o755)
    (home / "key").write_bytes(secrets.token_bytes(1024))
    (home / "key").chmod(0o600)
    files = ("socket", "key-file", "log-file", "pid-file", "seed-file")
    options = [f"--{name}={home / name.removesuffix('-file')}" for name in files]
    start(["munged", "--foreground", "--force", *options], folder=folder, stack=stack)
    wait_for((home / "socket").exists, "munged")


def _start_node(slurm: Slurm, stack: ExitStack) -> None:
    own = slurm.environment
    start(["slurmctld", "-D"], folder=slurm.folder, stack=stack, environment=own)
    start(["slurmd", "-D"], folder=slurm.folder, stack=stack, environment=own)
    wait_for(lambda: "idle" in quietly(["sinfo", "-h", "-o", "%T"], own).stdout, "the node")


def _start_accounting(slurm: Slurm, stack: ExitStack) -> str:
    """Start slurmdbd on a database of its own; what slurm.conf says about it."""
    folder = slurm.folder
    database_port, dbd_port = free_ports(2)
    password = secrets.token_hex(16)
    _start_database(folder, stack, port=database_port, password=password)
    conf = folder / "slurmdbd.conf"
    conf.write_text(
        SLURMDBD_CONF.format(
            node=NODE,
            folder=folder,
            dbd_port=dbd_port,
            database_port=database_port,
            password=password,
        )
    )
    conf.chmod(0o600)
    start(["slurmdbd", "-D"], folder=folder, stack=stack, environment=slurm.environment)
    wait_for(lambda: listens(dbd_port), "slurmdbd")
    return USE_SLURMDBD.format(dbd_port=dbd_port, folder=folder)


def _start_database(folder: Path, stack: ExitStack, *, port: int, password: str) -> None:
    data = folder / "database"
    run_once(
        "mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
        "--skip-test-db", "--user=root", f"--datadir={data}",
    )  # fmt: skip
    setup = folder / "users.sql"
    setup.write_text(
        "CREATE DATABASE slurm;\n"
        f"CREATE USER slurm@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        f"CREATE USER slurm@localhost IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON slurm.* TO slurm@'127.0.0.1';\nGRANT ALL ON slurm.* TO slurm@localhost;\n"
    )
    setup.chmod(0o600)
    options = [
        f"--datadir={data}", f"--socket={folder}/database.socket", f"--port={port}",
        f"--pid-file={folder}/database.pid", f"--init-file={setup}", "--bind-address=127.0.0.1",
        "--skip-name-resolve", "--user=root", "--innodb-flush-log-at-trx-commit=0",
    ]  # fmt: skip
    start(["mariadbd", "--no-defaults", *options], folder=folder, stack=stack)
    wait_for(lambda: listens(port), "mariadbd")


def _add_account(slurm: Slurm) -> None:
    """Enter an account with root in it, once the cluster has registered itself."""
    wait_for(
        lambda: "test" in slurm.ask("sacctmgr", "-n", "show", "cluster"), "the cluster's entry"
    )
    slurm.ask("sacctmgr", "-i", "add", "account", ACCOUNT)
    slurm.ask("sacctmgr", "-i", "add", "user", "root", f"account={ACCOUNT}")


def _end_jobs(slurm: Slurm) -> None:
    """Leave no job's processes behind, which outlive slurmd."""
    for job in slurm.jobs():
        quietly(["scancel", "--full", "--signal=KILL", job], slurm.environment)
        quietly(["scancel", job], slurm.environment)
    wait_for(lambda: not slurm.jobs(), "the end of the jobs")


def _main() -> None:
    parser = argparse.ArgumentParser(description="A SLURM of one node, until Ctrl-C.")
    parser.add_argument("folder", type=Path, help="an empty folder, or one that is not there yet")
    parser.add_argument("--accounting", action="store_true", help="with slurmdbd on MariaDB")
    options = parser.parse_args()
    if reason := why_not(accounting=options.accounting):
        raise SystemExit(reason)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with one_node_slurm(options.folder.absolute(), accounting=options.accounting) as slurm:
        text = "\n".join(f"export {name}={value!r}" for name, value in slurm.environment.items())
        print(text, flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    _main()
