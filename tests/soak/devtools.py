"""A browser that is driven over its DevTools pipe, because Playwright needs a newer one than Chromium 79."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "about:blank",
)
EXEC: Final = """
import fcntl, os, sys
copies = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for place, copy in enumerate(copies, 3):
    os.dup2(copy, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Begins a program with the two ends as its descriptors 3 and 4, where a browser expects its pipe."""

DEADLINE_SECONDS: Final = 30
"""The longest that a browser may think about one command."""


@dataclass
class Tab:
    """One page of a browser, and the errors that it has told."""

    pipe: _Pipe
    session: str
    problems: list[str] = field(default_factory=list)

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """The result of one command.

        Raises:
            RuntimeError: The browser refused it.
        """
        number = self.pipe.send(method, params, self.session)
        while True:
            message = self.pipe.receive()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            self._notice(message)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, or of the promise that it makes.

        Raises:
            RuntimeError: It threw.
        """
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(_told(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def open(self, address: str, size: tuple[int, int]) -> None:
        """Load a page into a window of so many pixels."""
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Page.navigate", url=address)

    def picture(self, path: Path) -> None:
        """What the window shows, as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _notice(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.problems.append(_told(params["exceptionDetails"]))
        elif message.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.problems.append(" ".join(str(value.get("value")) for value in params["args"]))
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])


@contextlib.contextmanager
def tab_of(program: str, folder: Path) -> Iterator[Tab]:
    """The only tab of a browser that closes at the end. Its profile is below the folder."""
    reading, to_browser = os.pipe()
    from_browser, writing = os.pipe()
    ends = (str(reading), str(writing))
    with subprocess.Popen(
        [sys.executable, "-c", EXEC, *ends, program, f"--user-data-dir={folder}", *ARGUMENTS],
        pass_fds=(reading, writing),
        stderr=subprocess.DEVNULL,
    ) as browser:
        os.close(reading)
        os.close(writing)
        pipe = _Pipe(to_browser, from_browser)
        try:
            yield _attached(pipe)
        finally:
            browser.kill()  # Chromium 79 does not always end when it is asked to
            os.close(to_browser)
            os.close(from_browser)


def _attached(pipe: _Pipe) -> Tab:
    root = Tab(pipe, "")
    target = root.call("Target.createTarget", url="about:blank")["targetId"]
    session = root.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    tab = Tab(pipe, session)
    for domain in ("Page", "Runtime", "Log"):
        tab.call(f"{domain}.enable")
    return tab


def _told(details: dict[str, Any]) -> str:
    told: str = details.get("exception", {}).get("description") or details["text"]
    return f"{told} ({details.get('url', '')}:{details.get('lineNumber', 0) + 1})"


class _Pipe:
    """Messages as JSON, each with a zero byte behind it."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to_browser, self._from_browser = to_browser, from_browser
        self._selector = selectors.DefaultSelector()
        self._selector.register(from_browser, selectors.EVENT_READ)
        self._rest = b""
        self._sent = 0

    def send(self, method: str, params: dict[str, object], session: str) -> int:
        self._sent += 1
        message: dict[str, object] = {"id": self._sent, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        return self._sent

    def receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not self._selector.select(DEADLINE_SECONDS):
                raise TimeoutError("the browser does not answer")
            piece = os.read(self._from_browser, 1 << 20)
            if not piece:
                raise ConnectionError("the browser has ended")
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        parsed: dict[str, Any] = json.loads(message)
        return parsed
