"""Makes sure that the tests have a Chromium: the system's, or Playwright's, or one that it installs.

The build for headless use takes less than half of the processor time of the whole browser, and renders the
same. Debian has it as a package of its own; Playwright's download is that build. Without it the tests run in
the whole browser. The network is used only to install.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HEADLESS = "chromium-headless-shell"
"""The name of Debian's build for headless use, and of its package."""

NAMES = (HEADLESS, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The names of a system's Chromium, in the order of preference."""

ENVIRONMENT = "LOSSBOARD_CHROMIUM"
"""The environment variable that names another executable."""

APT = ("apt-get", "install", "-y", "-q", "--no-install-recommends", HEADLESS)


def system_browser() -> str | None:
    """The path of the Chromium that the environment names, or else of one that is installed on the system.

    Raises:
        FileNotFoundError: The environment names a program that does not exist.
    """
    if name := os.environ.get(ENVIRONMENT):
        if path := shutil.which(name):
            return path
        raise FileNotFoundError(f"{ENVIRONMENT} names no program: {name}")
    return next((path for path in map(shutil.which, NAMES) if path), None)


def playwright_browser() -> str | None:
    """The path of the Chromium that Playwright downloaded."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _run(*command: str, seconds: int) -> bool:
    print("+", " ".join(command), flush=True)
    try:
        return subprocess.run(command, check=False, timeout=seconds).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error, flush=True)
        return False


def _is_debian() -> bool:
    """Whether the packages of Chromium are browsers. On Ubuntu the package only asks for a snap."""
    return platform.freedesktop_os_release().get("ID") == "debian"


def _has_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _can_install() -> bool:
    return _has_apt() and _is_debian()


def _install() -> None:
    if _can_install():
        _run("apt-get", "update", "-q", seconds=300)
        _run(*APT, seconds=600)
    if not system_browser():
        libraries = ["--with-deps"] if _has_apt() else []
        _run(sys.executable, "-m", "playwright", "install", *libraries, "chromium", seconds=600)


def main() -> int:
    """Exit code 0 if there is a browser now."""
    try:
        chosen = system_browser()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    if os.environ.get(ENVIRONMENT) or shutil.which(HEADLESS) or playwright_browser():
        return 0
    if chosen and not _can_install():
        return 0
    print("No Chromium for headless use is installed. Installing one for the tests.", flush=True)
    _install()
    if system_browser() or playwright_browser():
        return 0
    print(f"No Chromium could be installed. Install one, or set {ENVIRONMENT} to its path.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
