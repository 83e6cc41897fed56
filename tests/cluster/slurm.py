"""A Slurm of one node, for tests: munged, slurmctld and slurmd on the loopback, all files in one
folder, as root and without cgroups (as in a container)."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

TOOLS = ["munged", "slurmctld", "slurmd", "srun", "sbatch", "scontrol", "sinfo", "scancel"]

CONFIGURATION = """
ClusterName=attnbench
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort={port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
JobRequeue=1
SchedulerParameters=requeue_delay=1,bf_interval=1
SlurmctldTimeout=600
SlurmdTimeout=600
MessageTimeout=100
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """What is missing for such a cluster; None: nothing."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        return f"no {', '.join(missing)}"
    return None if os.geteuid() == 0 else "Slurm's daemons are started as root here"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Slurm:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.daemons = []
        for name in ["munge", "state", "spool"]:
            (self.folder / name).mkdir()
        (self.folder / "munge").chmod(0o700)
        key = self.folder / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        configuration = self.folder / "slurm.conf"
        configuration.write_text(CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], folder=self.folder, port=free_port(),
            node_port=free_port()))
        self.environment = {"SLURM_CONF": str(configuration)}

    def start(self):
        munge = self.folder / "munge"
        self.daemon("munged", "--force", "--foreground", f"--key-file={munge}/key",
                    f"--socket={munge}/socket", f"--pid-file={munge}/pid",
                    f"--log-file={munge}/log", f"--seed-file={munge}/seed")
        self.wait(lambda: (munge / "socket").exists(), "munged")
        self.daemon("slurmctld", "-D")
        self.daemon("slurmd", "-D")
        self.wait(lambda: "idle" in subprocess.run(
            ["sinfo", "-h", "-o", "%t"], env={**os.environ, **self.environment},
            capture_output=True, text=True).stdout, "the node")

    def daemon(self, *command):
        with open(self.folder / f"{command[0]}.out", "w") as out:
            self.daemons.append(subprocess.Popen(command, stdout=out, stderr=out,
                                                 stdin=subprocess.DEVNULL,
                                                 env={**os.environ, **self.environment}))

    def wait(self, condition, what, timeout=180):
        until = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > until:
                logs = "\n".join(p.read_text()[-2000:] for p in self.folder.glob("*.log"))
                raise RuntimeError(f"{what} did not start within {timeout} s:\n{logs}")
            time.sleep(0.2)

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
