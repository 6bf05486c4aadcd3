"""nchan, a module of nginx for publishing to many streams, with one worker. Debian's packages are downloaded
and unpacked into a folder; nothing is installed."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.crowd import opened_on

PACKAGES: Final = ("nginx", "libnginx-mod-nchan")

EVENTS: Final = b"GET /sub HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
"""The request of a stream."""

_CONFIG: Final = """
load_module {modules}/ngx_nchan_module.so;
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 10000; }}
http {{
  access_log off;
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    keepalive_requests 1000000;
    location = /sub {{
      nchan_subscriber eventsource;
      nchan_channel_id board;
      nchan_subscriber_first_message newest;
    }}
    location = /pub {{
      nchan_publisher;
      nchan_channel_id board;
      nchan_message_buffer_length 1;
      client_body_buffer_size 64k;
    }}
  }}
}}
"""


_RUN: Final = (
    "mount -t tmpfs none /var/lib && mkdir /var/lib/nginx && exec {folder}/usr/sbin/nginx -c {config}"
)
"""Debian's nginx insists on a folder there; it gets one that nobody else sees."""


class NoPeer(RuntimeError):
    """It cannot be run here; the text says why."""


@contextmanager
def nchan() -> Iterator[tuple[int, list[int]]]:
    """Its port, and its processes.

    Raises:
        NoPeer: Its packages cannot be had.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _unpack(folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = folder / "nginx.conf"
        modules = folder / "usr/lib/nginx/modules"
        config.write_text(_CONFIG.format(folder=folder, modules=modules, port=port), encoding="utf-8")
        namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        command = [*namespace, "sh", "-c", _RUN.format(folder=folder, config=config)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            _wait(process, port)
            yield port, [process.pid, *_children(process.pid)]
        finally:
            process.terminate()
            process.wait()


def publish(to: socket.socket, body: bytes) -> None:
    """Publish bytes without line breaks, and wait for the answer."""
    to.sendall(b"POST /pub HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += to.recv(65536)
    if not answer.startswith(b"HTTP/1.1 20"):
        raise RuntimeError(answer[:200])
    head, _, rest = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(rest) < length:
        rest += to.recv(65536)


def _unpack(folder: Path) -> None:
    try:
        subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True, capture_output=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoPeer(f"nchan's packages cannot be downloaded: {error}") from error


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise NoPeer("nginx does not start")
        try:
            opened_on(port).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise NoPeer("nginx does not listen")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
