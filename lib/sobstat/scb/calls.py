"""Calls to a server: never more than it allows in a time, and again where that may help."""

import json
import time
from collections import deque
from importlib.metadata import version
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import tenacity
import urllib3

from sobstat.errors import SobstatError
from sobstat.names import shortened, visible

LONGEST_PAUSE = 120  # seconds, whatever a server asks for
LARGEST_ANSWER = 100_000_000  # bytes
AT_A_TIME = 100_000
CHARACTERS_SAID = 300
# Statuses after which the same call may succeed.
PASSING = {408, 425, 429}


class Unreachable(SobstatError):
    """A server that does not answer, whatever was tried."""


class _Passing(Exception):
    """What may be otherwise at the next try; `pause` is how many seconds the server asks to wait."""

    def __init__(self, reason: str, pause: float | None = None):
        super().__init__(reason)
        self.pause = pause


class Calls:
    """One call at a time to one server; set `limit` when it has told how many it allows in how many seconds."""

    def __init__(self, address: str, tries: int, pause: float, timeout: float):
        self.address, self.tries, self.pause, self.timeout = address, tries, pause, timeout
        self._ended: deque[float] = deque(maxlen=1)
        self._window = 0.0
        self._server = _pool(address)

    def limit(self, calls: int, seconds: float) -> None:
        """Keep to so many calls in so many seconds from now on."""
        self._ended, self._window = deque(self._ended, maxlen=calls), seconds

    def json(self, path: str, body: dict | None = None) -> dict:
        """What a GET, or a POST of a body, answers.

        Raises Unreachable if no try was answered, SobstatError if the server refuses the call.
        """
        tries = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.tries),
            wait=self._pause_after,
            retry=tenacity.retry_if_exception_type(_Passing),
            reraise=True,
        )
        try:
            return tries(self._try, path, body)
        except _Passing as error:
            raise Unreachable(
                f"{self.address}{path} could not be fetched in {self.tries} tries; at the last one {error}. "
                "Try again later."
            ) from error

    def _pause_after(self, state: tenacity.RetryCallState) -> float:
        asked_for = state.outcome.exception().pause
        pause = self.pause * 2 ** (state.attempt_number - 1) if asked_for is None else asked_for
        return min(pause, LONGEST_PAUSE)

    def _try(self, path: str, body: dict | None) -> dict:
        if len(self._ended) == self._ended.maxlen:
            time.sleep(max(0.0, self._ended[0] + self._window - time.monotonic()))
        try:
            return self._once(path, body)
        finally:  # a call is counted when it ends: the server met it no later
            self._ended.append(time.monotonic())

    def _once(self, path: str, body: dict | None) -> dict:
        until = time.monotonic() + self.timeout
        try:
            response = self._server.request(
                "GET" if body is None else "POST",
                self.address + path,
                json=body,
                headers={"User-Agent": f"sobstat/{version('sobstat')}", "Accept-Encoding": "gzip"},
                timeout=self.timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                content = _read(response, until)
            finally:
                response.close()
        except urllib3.exceptions.SSLError as error:
            raise SobstatError(f"{self.address} cannot be trusted: {error}.") from error
        except urllib3.exceptions.LocationValueError as error:
            raise SobstatError(f"{self.address} is no address of a server.") from error
        except urllib3.exceptions.HTTPError as error:
            raise _Passing(f"the connection failed ({visible(str(error))})") from error
        if response.status != 200:
            raise self._refusal(path, response, content)
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise _Passing("the answer was cut off, or is not JSON") from error
        if not isinstance(answer, dict):
            raise SobstatError(f"{self.address}{path} answers with a {type(answer).__name__}; expected an object.")
        return answer

    def _refusal(self, path: str, response: urllib3.BaseHTTPResponse, content: bytes) -> Exception:
        said = visible(shortened(" ".join(content.decode("utf-8", "replace").split()), CHARACTERS_SAID))
        what = f"{response.status} {response.reason or ''}".strip()
        if response.status >= 500 or response.status in PASSING:
            return _Passing(f"the server said {what}", _retry_after(response.headers.get("Retry-After")))
        if moved := response.headers.get("Location"):
            return SobstatError(
                f"{self.address}{path} has moved to {visible(moved)}: set the address in params/scb.yml."
            )
        return SobstatError(f"{self.address}{path} was refused: {what}{f' ({said})' if said else ''}.")


def _pool(address: str) -> urllib3.PoolManager:
    """Connections to a server, by way of the proxy that the environment names, if any."""
    parts = urlsplit(address)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()


def _read(response: urllib3.BaseHTTPResponse, until: float) -> bytes:
    """The whole answer; raises _Passing if it takes too long, also one that comes a byte at a time."""
    parts, size = [], 0
    while part := response.read1(AT_A_TIME):
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER:
            raise SobstatError(f"{response.url} answers with more than {LARGEST_ANSWER} bytes.")
        if time.monotonic() > until:
            raise _Passing("the answer took too long")
    return b"".join(parts)


def _retry_after(header: str | None) -> float | None:
    """How many seconds the server asks to wait; None if it says nothing that can be read."""
    if header is None:
        return None
    try:
        return urllib3.Retry().parse_retry_after(header)
    except urllib3.exceptions.InvalidHeader:
        return None
