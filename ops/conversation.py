"""A person at the terminal and a command in a pod, talking to each other."""

import codecs
import os
import queue
import re
import sys
import threading
from collections.abc import Callable

from kubernetes.stream.ws_client import ERROR_CHANNEL, STDERR_CHANNEL, STDIN_CHANNEL, STDOUT_CHANNEL
from pydantic import BaseModel, ValidationError
from websocket import ABNF, WebSocket, WebSocketException, WebSocketTimeoutException

from clients.result import BEGINS, Result, parse
from text.number import whole
from text.visible import visible_lines

_POLL = 0.1  # seconds: what is typed waits no longer
END = "\x04\n"  # the line that stands for the end of what is typed, which the older protocol has no word for

Show = Callable[[str], None]
Typed = queue.SimpleQueue[str]


def keyboard() -> Typed:
    """Return the lines that are typed from now on; `END` follows the last one."""
    lines: Typed = queue.SimpleQueue()

    def read() -> None:
        # Not sys.stdin's own reading: its lock would be held when the program ends.
        while typed := os.read(sys.stdin.fileno(), 4096):
            lines.put(typed.decode(errors="replace"))
        lines.put(END)

    threading.Thread(target=read, daemon=True).start()
    return lines


def show(text: str) -> None:
    """Show output as it comes: a prompt has no line of its own."""
    sys.stdout.write(visible_lines(text))
    sys.stdout.flush()


class UpToResult:
    """Shows output as it comes, but for the line that is a script's result: that one is kept."""

    def __init__(self, show: Show) -> None:
        self._show, self._line, self._shown = show, "", 0
        self.result: Result | None = None

    def __call__(self, text: str) -> None:
        """Take a part of the output, which may end anywhere in a line."""
        for part in re.findall(r"[^\n]*\n|[^\n]+", text):
            self._line += part
            whole = part.endswith("\n")
            found = parse(self._line) if whole else None
            may_become_one = self._line.startswith(BEGINS) or BEGINS.startswith(self._line)
            if found:
                self.result = found
            elif whole or not may_become_one:
                self._show(self._line[self._shown :])
                self._shown = len(self._line)
            if whole:
                self._line, self._shown = "", 0


def converse(stream: WebSocket, typed: Typed, show: Show) -> int | None:
    """Hand over what is typed and show what is reported until the command ends.

    Returns the command's exit code; None when the connection broke.
    """
    decoders = {
        channel: codecs.getincrementaldecoder("utf-8")("replace") for channel in (STDOUT_CHANNEL, STDERR_CHANNEL)
    }
    # Not WSClient.update, which looks at the socket only: a prompt may have been decrypted with what came before it.
    stream.settimeout(_POLL)
    try:
        while True:
            while not typed.empty():
                stream.send(bytes([STDIN_CHANNEL]) + typed.get().encode(), ABNF.OPCODE_BINARY)
            try:
                code, frame = stream.recv_data_frame(control_frame=True)
            except WebSocketTimeoutException:
                continue
            if code == ABNF.OPCODE_CLOSE:
                return None
            if code not in {ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT} or not frame.data:
                continue
            channel, content = frame.data[0], frame.data[1:]
            if channel in decoders:
                show(decoders[channel].decode(content))
            elif channel == ERROR_CHANNEL:
                return _exit_code(content)
    except (WebSocketException, OSError):
        return None
    finally:
        stream.close()


class _Cause(BaseModel):
    reason: str = ""
    message: str = ""


class _Details(BaseModel):
    causes: list[_Cause] = []


class _Status(BaseModel):
    status: str
    details: _Details = _Details()


def _exit_code(content: bytes) -> int | None:
    """Read it out of what the last channel says (source: k8s.io/kubelet, remotecommand's writeStatus)."""
    try:
        ended = _Status.model_validate_json(content)
    except ValidationError:
        return None
    if ended.status == "Success":
        return 0
    return next((whole(cause.message) for cause in ended.details.causes if cause.reason == "ExitCode"), None)
