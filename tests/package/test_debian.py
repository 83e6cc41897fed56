"""The .deb on a Debian 12 that was just made: it is installed with what it asks for, measures through
PoCL, and is purged without a trace. Needs root, debootstrap and Debian's mirror; some minutes.

usage: test_debian.py [FOLDER]     FOLDER: keep the packages there and build nothing if there are any
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77
RELEASE = "bookworm"


def say(text):
    print(f"---- {text}", flush=True)


def run(*command, timeout=1800, **more):
    """Its output; a failure ends the test."""
    result = subprocess.run(list(map(str, command)), text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, **more)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout}")
    return result.stdout


def expect(condition, what):
    if not condition:
        sys.exit(f"expected {what}")


class Chroot:
    """A minimal Debian in a folder, with /proc and /sys. They are mounts of their own and /dev is the
    few files that debootstrap makes: whatever goes wrong, removing the folder reaches nothing else.
    """
    MOUNTS = {"proc": "proc", "sys": "sysfs"}

    def __init__(self, root):
        self.root = root
        run("debootstrap", "--variant=minbase", RELEASE, root)

    def __enter__(self):
        for name, kind in self.MOUNTS.items():
            run("mount", "-t", kind, "-o", "ro" if kind == "sysfs" else "rw", kind, self.root / name)
        return self

    def __exit__(self, *_):
        for name in self.MOUNTS:
            subprocess.run(["umount", "--lazy", self.root / name], check=False)

    def call(self, *command, **more):
        return run("chroot", self.root, *command, **more, env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive", "ATTNBENCH_CACHE_DIR": "/tmp/cache"})


def make_packages(folder):
    if not list(folder.glob("attnbench_*.deb")):
        run(SOURCE / "scripts/package", folder)
    tarball, = folder.glob("attnbench-*.tar.gz")
    deb, = folder.glob("attnbench_*.deb")
    say(f"{deb.name} {deb.stat().st_size} bytes, {tarball.name} {tarball.stat().st_size} bytes")
    print(run("dpkg-deb", "--field", deb), end="")
    return deb, tarball


def check_lintian(deb):
    if not shutil.which("lintian"):
        say("lintian is not installed: left out")
        return
    result = subprocess.run(["lintian", "--fail-on", "error", deb], text=True, capture_output=True,
                            timeout=600, check=False)
    say(f"lintian:\n{result.stdout}")
    expect(result.returncode == 0, "no error of lintian's")


def check_installed(chroot):
    print(chroot.call("attnbench", "--version"), end="")
    devices = chroot.call("attnbench", "devices")
    print(devices, end="")
    expect("pocl-cpu-0" in devices, "PoCL's device, since the package recommends it")
    chroot.call("mkdir", "-p", "/tmp/work")
    chroot.call("sh", "-c", "cd /tmp/work && attnbench run quick --budget 20s --deadline 5m --quiet "
                            "--out quick.json")
    chroot.call("sh", "-c", "cd /tmp/work && attnbench check quick.json")
    summary = json.loads((chroot.root / "tmp/work/quick.json").read_text())["summary"]
    say(f"attnbench run quick --budget 20s: {summary}")
    expect(summary["ok"] >= 1, "a cell that was measured")
    expect(summary["ok"] + summary["unsupported"] + summary["skipped"] == summary["cells"],
           "no cell that failed")
    expect(chroot.call("man", "-w", "attnbench").strip() == "/usr/share/man/man1/attnbench.1.gz",
           "the man page where man looks")
    for name in ["bash-completion/completions/attnbench", "zsh/vendor-completions/_attnbench",
                 "fish/vendor_completions.d/attnbench.fish"]:
        expect((chroot.root / "usr/share" / name).is_file(), f"/usr/share/{name}")


def check_tarball(chroot, tarball):
    """The same program, unpacked anywhere, while the libraries are there."""
    folder = chroot.root / "opt/elsewhere"
    folder.mkdir(parents=True)
    run("tar", "-xzf", tarball, "-C", folder, "--strip-components=1")
    chroot.call("/opt/elsewhere/bin/attnbench", "plan", "models/gpt-2", "--device", "null")
    shutil.rmtree(folder)


def check_purged(chroot):
    listed = [chroot.root / path[1:] for path in chroot.call("dpkg", "-L", "attnbench").split()]
    ours = [path for path in listed if not path.is_dir() or "attnbench" in path.name]
    expect(len(ours) > 40, f"more than these files: {ours}")
    chroot.call("apt-get", "purge", "-y", "attnbench")
    left = [path for path in ours if path.exists()]
    expect(not left, f"no file of the package's, found {left}")
    left = chroot.call("find", "/", "-xdev", "-not", "-path", "/tmp*", "-name", "*attnbench*")
    expect(not left, f"nothing of its name, found {left}")
    say(f"purged: none of its {len(ours)} files and folders is left")


def check_debian(deb, tarball, root):
    say(f"making a {RELEASE}")
    with Chroot(root) as chroot:
        chroot.call("apt-get", "update")
        chroot.call("apt-get", "install", "-y", "--no-install-recommends", "man-db")
        shutil.copy(deb, root / "tmp")
        say(f"apt-get install ./{deb.name}")
        chroot.call("apt-get", "install", "-y", f"/tmp/{deb.name}")
        check_installed(chroot)
        check_tarball(chroot, tarball)
        check_purged(chroot)


def main():
    missing = [tool for tool in ["debootstrap", "dpkg-deb", "chroot", "mount"]
               if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print(f"skipped: needs root and {' '.join(missing) or 'nothing else'}")
        return SKIP
    with tempfile.TemporaryDirectory(prefix="attnbench-debian-") as temporary:
        folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else f"{temporary}/packages")
        folder.mkdir(parents=True, exist_ok=True)
        deb, tarball = make_packages(folder)
        check_lintian(deb)
        root = pathlib.Path(temporary) / "root"
        root.mkdir()
        check_debian(deb, tarball, root)
    say("passed")
    return 0


sys.exit(main())
