"""The examples of proxies in deploy/, run as they are but for names, ports and paths."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from scripts.programs import program
from tests.ports import free_ports

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
HOST: Final = "board.localhost"  # every browser looks for it on its own machine
ROOT_PATH: Final = "/lossboard"
DEADLINE_SECONDS: Final = 30.0
PORT: Final = "127.0.0.1:8000"  # of the service, in the examples

NGINX: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    {temporary}
    {site}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {folder}/fullchain.pem;
        ssl_certificate_key {folder}/privkey.pem;
        access_log {folder}/lossboard.log lossboard;
        error_log {folder}/lossboard.error.log emerg;
        {path}
    }}
}}
"""
CADDY: Final = """
	local_certs
	skip_install_trust
	admin off
	default_bind 127.0.0.1
	storage file_system {folder}
	http_port {plain}
	https_port {port}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs.

    Args:
        url: The address of the service at a host of its own.
        path_url: The address of the service under a path.
        plain: The address without TLS.
        folder: Where its logs are.
    """

    url: str
    path_url: str
    plain: str
    folder: Path

    @property
    def logs(self) -> str:
        """All that it has logged."""
        return "\n".join(path.read_text(encoding="utf-8") for path in self.folder.glob("*.log"))

    def client(self, source: str = "127.0.0.1") -> httpx.Client:
        """A client that does not look who signed the proxy's certificate.

        Args:
            source: The client's own address.
        """
        return httpx.Client(transport=_ToHere(source), timeout=DEADLINE_SECONDS, trust_env=False)


class _ToHere(httpx.HTTPTransport):
    """Finds every host on this machine, as browsers do with names below localhost."""

    def __init__(self, source: str) -> None:
        super().__init__(verify=False, local_address=source)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": HOST}
        request.url = request.url.copy_with(host="127.0.0.1")  # the header Host stays
        return super().handle_request(request)


def adapted(example: str, changes: Mapping[str, object]) -> str:
    """An example with what differs here; each change must be one."""
    text = (DEPLOY / example).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, str(new))
    return text


@contextlib.contextmanager
def nginx(folder: Path, service: int, path_service: int) -> Iterator[Proxy]:
    """nginx before two services, whose ports are given: at a host, and under a path."""
    name = ("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}")
    key = (
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-keyout",
        f"{folder}/privkey.pem",
        "-nodes",
    )
    openssl = _found("openssl")
    subprocess.run(
        [openssl, "req", "-x509", *key, "-out", f"{folder}/fullchain.pem", *name],
        check=True,
        capture_output=True,
    )
    tls, plain, path_tls = free_ports(3)
    changes = {
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl http2;\n": "",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ": f"listen 127.0.0.1:{tls} ",
        "https://$host$request_uri": f"https://$host:{tls}$request_uri",
        "board.example": HOST,
        f"/etc/letsencrypt/live/{HOST}": folder,
        "/var/log/nginx": folder,
        PORT: f"127.0.0.1:{service}",
    }
    temporary = [
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    (folder / "nginx.conf").write_text(
        NGINX.format(
            folder=folder,
            temporary="\n".join(temporary),
            site=adapted("nginx/lossboard.conf", changes),
            path=adapted("nginx/lossboard-path.conf", {PORT: f"127.0.0.1:{path_service}"}),
            port=path_tls,
        ),
        encoding="utf-8",
    )
    command = [_found("nginx"), "-p", str(folder), "-e", f"{folder}/start.log", "-c", f"{folder}/nginx.conf"]
    with _running(command, folder, [tls, path_tls]):
        yield _proxy(folder, tls, path_tls, plain)


@contextlib.contextmanager
def caddy(folder: Path, service: int, path_service: int) -> Iterator[Proxy]:
    """Caddy before two services, whose ports are given: at a host, and under a path."""
    tls, plain, path_tls = free_ports(3)
    options = CADDY.format(folder=folder, plain=plain, port=tls)
    changes = {
        "\t# Caddy's own log": options + "\t# Caddy's own log",
        "board.example": HOST,
        "/var/log/caddy": folder,
        PORT: f"127.0.0.1:{service}",
    }
    site = adapted("caddy/Caddyfile", changes)
    path = adapted("caddy/lossboard-path.caddy", {PORT: f"127.0.0.1:{path_service}"})
    text = f"{site}\n{HOST}:{path_tls} {{\n{path}\n}}\n"
    (folder / "Caddyfile").write_text(text, encoding="utf-8")
    command = [_found("caddy"), "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]
    with _running(command, folder, [tls, path_tls]):
        yield _proxy(folder, tls, path_tls, plain)


def _proxy(folder: Path, tls: int, path_tls: int, plain: int) -> Proxy:
    return Proxy(
        f"https://{HOST}:{tls}", f"https://{HOST}:{path_tls}{ROOT_PATH}", f"http://{HOST}:{plain}", folder
    )


def _found(name: str) -> str:
    path = program(name)
    assert path is not None, f"no {name}: see scripts/programs.py"
    return path


@contextlib.contextmanager
def _running(command: list[str], folder: Path, ports: list[int]) -> Iterator[None]:
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with (folder / "output.log").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            end = time.monotonic() + DEADLINE_SECONDS
            for port in ports:
                while not _serves(port):
                    assert process.poll() is None, (folder / "output.log").read_text(encoding="utf-8")
                    assert time.monotonic() < end
                    time.sleep(0.02)
            yield
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def _serves(port: int) -> bool:
    """Whether a port speaks TLS: Caddy makes its certificate after it listens."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=HOST),
    ):
        return True
    return False
