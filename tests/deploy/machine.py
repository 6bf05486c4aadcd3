"""A machine with Debian 13 in a folder: the base of the image that the Dockerfile builds, with systemd.

Needs root and the network. Nothing of it reaches the machine that it runs on: processes have namespaces of
their own, and end with the test.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.programs import install, program

ROOT: Final = Path(__file__).resolve().parents[2]
BASE: Final = "localhost/python:3.13-slim"
IMAGE: Final = "localhost/lossboard"
HERE: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MINUTES: Final = 60
OWN: Final = ("unshare", "--kill-child", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--cgroup")

_UNPACK: Final = """set -eu
cd "$1"
for package in var/cache/apt/archives/*.deb; do dpkg -x "$package" .; done
rm -rf var/cache/apt/archives/*.deb debootstrap proc dev usr/lib/python3*/EXTERNALLY-MANAGED
mkdir -p proc sys dev run tmp etc/ssl/certs
cp /etc/resolv.conf etc/; cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/
printf 'root:x:0:0:root:/root:/bin/sh\\n' > etc/passwd; printf 'root:x:0:\\n' > etc/group
ln -sf python3.13 usr/bin/python
for kind in auth account password session; do
  echo "$kind required pam_permit.so" > etc/pam.d/common-$kind
done
chroot . ldconfig
"""

_READ_ONLY: Final = """set -eu
mount --make-rprivate /; mount --bind "$1" "$1"
mount --bind "$2" "$1/var/lib/lossboard"; mount -t tmpfs tmpfs "$1/tmp"; mount -t proc proc "$1/proc"
mkdir -p "$1/etc/lossboard"; cp "$2/lossboard.toml" "$1/etc/lossboard/"
chown -R 10001:10001 "$1/etc/lossboard"
mount --bind /dev "$1/dev"; mount -o remount,ro,bind "$1"
ip link set lo up
cd "$1"; shift 2; exec chroot --userspec=10001:10001 . /usr/bin/env -i --chdir=/var/lib/lossboard "$@"
"""

_ENTER: Final = """set -eu
mount --make-rprivate /; mount --bind "$1" "$1"; mount -t proc proc "$1/proc"; mount --bind /dev "$1/dev"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; unset PIP_FIND_LINKS
exec chroot "$1" /usr/bin/bash -c "$2"
"""

_BOOT: Final = """set -eu
mount --make-rprivate /; mount --bind "$1" "$1"
mount -t proc proc "$1/proc"; mount -t sysfs sysfs "$1/sys"; mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
for folder in run tmp dev; do mount -t tmpfs tmpfs "$1/$folder"; done
cd "$1/dev"; mkdir shm pts mqueue hugepages; mount -t devpts devpts pts -o newinstance,ptmxmode=666
mknod -m 666 null c 1 3; mknod -m 666 zero c 1 5; mknod -m 666 full c 1 7; mknod -m 666 tty c 5 0
mknod -m 666 random c 1 8; mknod -m 666 urandom c 1 9
ln -s pts/ptmx ptmx; ln -s /proc/self/fd fd; ln -s /run/systemd/journal/dev-log log
ip link set lo up
cd "$1"; mkdir -p old; pivot_root . old; umount -l /old
exec env -i container=lossboard PATH=/usr/bin:/usr/sbin /usr/lib/systemd/systemd --system --unit=check.service
"""


@dataclass(frozen=True)
class Machine:
    """A root of Debian in a folder, and the image that is built on it."""

    folder: Path

    @property
    def debian(self) -> Path:
        """That root."""
        return self.folder / "debian"

    @contextlib.contextmanager
    def container(self) -> Iterator[Path]:
        """The root of a container of the image."""
        name = self.run("buildah", "from", "--pull-never", IMAGE)
        mounted = self.run("buildah", "mount", name)
        copied = self.folder / "container"
        self.run("cp", "--archive", mounted, str(copied))
        try:
            yield copied
        finally:
            self.run("buildah", "rm", name)
            shutil.rmtree(copied)

    def run(self, *command: str) -> str:
        """Run a command that must succeed; returns what it printed."""
        storage = self.folder / "storage.conf"
        environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(storage), "BUILDAH_ISOLATION": "chroot"}
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=20 * MINUTES
        )
        assert ran.returncode == 0, f"{command}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}"
        return ran.stdout.strip()


def debian(folder: Path) -> Machine:
    """Make Debian's root, on which no image is built yet."""
    assert os.geteuid() == 0, "this makes namespaces and needs root"
    if missing := [name for name in ("buildah", "debootstrap") if program(name) is None]:
        install(missing)
    machine = Machine(folder)
    kept = f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/images"\n'
    (folder / "storage.conf").write_text(kept, encoding="utf-8")
    packages = "ca-certificates,python3,python3-venv,python3-pip,systemd,dbus-broker"
    root = str(machine.debian)
    machine.run("debootstrap", "--foreign", "--variant=minbase", f"--include={packages}", "trixie", root)
    machine.run("sh", "-c", _UNPACK, "unpack", root)
    return machine


def build(machine: Machine) -> None:
    """Build the image on Debian's root by the Dockerfile."""
    empty = machine.run("buildah", "from", "scratch")
    machine.run("buildah", "add", "--quiet", empty, str(machine.debian), "/")
    machine.run("buildah", "config", "--env", HERE, empty)
    machine.run("buildah", "commit", "--quiet", "--rm", empty, BASE)
    machine.run(
        "buildah",
        "build",
        "--format=docker",
        "--pull-never",
        f"--build-arg=PYTHON={BASE}",
        f"--tag={IMAGE}",
        str(ROOT),
    )


def read_only(root: Path, data: Path, *command: str) -> list[str]:
    """The command that runs one in a container: without rights, on a read-only root, with a folder for its
    data and a network of its own."""
    return [*OWN, "sh", "-c", _READ_ONLY, "run", str(root), str(data), *command]


def entered(root: Path, script: str) -> list[str]:
    """The command that runs a script of bash as root in a root's folder `/checkout`, with the network."""
    own = ("unshare", "--kill-child", "--mount", "--pid", "--fork")
    return [*own, "sh", "-c", _ENTER, "enter", str(root), f"set -e; cd /checkout; {script}"]


def booted(root: Path) -> list[str]:
    """The command that boots systemd in a root, for `check.service`; it ends with that."""
    return [*OWN, "sh", "-c", _BOOT, "boot", str(root)]
