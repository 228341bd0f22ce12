"""A language model behind an OpenAI-compatible HTTP endpoint: chat completions, one at a time."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NoReturn

from data_pipelines.errors import HostError, UserError, one_short_line

KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"

_LONGEST_PAUSE = 60.0  # seconds, of our own back-off
_LONGEST_WAIT = 300.0  # seconds, of what a server asks for
_LONGEST_ANSWER = 1 << 20  # bytes
# What may be otherwise the next time: timeouts, too many requests, and all faults of a server.
_TRANSIENT = (408, 409, 425, 429)


class _Transient(Exception):  # noqa: N818
    """A request failed that may succeed later; `wait` are the seconds that the server asks for."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are errors: a key goes to the host that the user names, and to no other."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


class Endpoint:
    """A model that answers questions.

    The key is sent to the endpoint, and is in no message, file or representation.
    """

    def __init__(
        self,
        url: str,
        model: str,
        temperature: float,
        key: str = "",
        per_minute: float = 60.0,
        timeout: float = 120.0,
        retries: int = 6,
        pause: float = 1.0,
    ) -> None:
        """Keep what all questions have in common.

        Args:
            url: of the API, as `https://host/v1`; `/chat/completions` is added.
            model: its name there.
            temperature: of sampling.
            key: sent as a bearer token; empty for none.
            per_minute: the most requests in a minute, retries included.
            timeout: seconds until a request without a complete answer is given up.
            retries: how often a failed request is sent again.
            pause: seconds before the first retry; each further one waits twice as long.

        Raises:
            UserError: the URL or the key cannot be used.
        """
        self.url = _checked(url)
        self.model, self.temperature = model, temperature
        self._key = key.strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise UserError(f"{KEY_VARIABLE} is no key: it has characters that no key has")
        self._interval, self._timeout = 60.0 / per_minute, timeout
        self._retries, self._pause = retries, pause
        self._next = 0.0
        self._opener = urllib.request.build_opener(_NoRedirect)

    def ask(self, question: str, instructions: str) -> str:
        """Return the answer to a question; empty if it is cut off or there is none.

        Raises:
            UserError: the endpoint refuses the request or the key.
            HostError: it does not answer, after all retries.
        """
        messages = [
            {"role": "system", "content": instructions},
            {"role": "user", "content": question},
        ]
        body = {"model": self.model, "temperature": self.temperature, "messages": messages}
        for number in range(self._retries + 1):
            self._keep_rate()
            try:
                return _content(self._post(json.dumps(body).encode()))
            except _Transient as error:
                reason, wait = error, error.wait
            if number < self._retries:
                doubled = min(_LONGEST_PAUSE, self._pause * 2**number)
                time.sleep(doubled if wait is None else min(wait, _LONGEST_WAIT))
        raise HostError(
            f"{self.url} has not answered {self._retries + 1} requests (the last: {reason}); "
            "what it answered before is saved: run the same command to continue"
        )

    def _keep_rate(self) -> None:
        """Wait until the next request may be sent."""
        now = time.monotonic()
        time.sleep(max(0.0, self._next - now))
        self._next = max(now, self._next) + self._interval

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(f"{self.url}/chat/completions", body, method="POST")
        request.add_header("Content-Type", "application/json")
        if self._key:
            request.add_header("Authorization", f"Bearer {self._key}")
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return _read(response, deadline)
        except urllib.error.HTTPError as error:
            with error:
                self._refuse(error, deadline)
        except urllib.error.URLError as error:
            raise _Transient(f"no connection: {error.reason}") from None
        except TimeoutError:
            raise _Transient(f"no whole answer within {self._timeout:g} seconds") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Transient(f"the connection broke: {type(error).__name__}") from None

    def _refuse(self, error: urllib.error.HTTPError, deadline: float) -> NoReturn:
        """Raise what an HTTP error means."""
        if error.code >= 500 or error.code in _TRANSIENT:
            after = error.headers.get("Retry-After", "")
            wait = float(after) if after.isdecimal() else None
            raise _Transient(f"HTTP {error.code} {error.reason}", wait)
        if error.code in (401, 403):
            what = "does not accept the key in" if self._key else "needs a key: set"
            raise UserError(f"{self.url} {what} {KEY_VARIABLE} (HTTP {error.code})")
        if error.code < 400:
            raise UserError(f"{self.url} is a redirect: give --endpoint the address it leads to")
        try:
            said = _message(_read(error, deadline))
        except (OSError, http.client.HTTPException, _Transient):
            said = error.reason
        if self._key:
            said = said.replace(self._key, "***")
        raise UserError(f"{self.url} refuses the request (HTTP {error.code}): {said}")


def _checked(url: str) -> str:
    """Return the URL of an API without a slash at its end."""
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UserError(f"--endpoint={url!r} is no address such as https://api.openai.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UserError(
            "--endpoint has more than an address such as https://api.openai.com/v1; a key belongs "
            f"into the environment: {KEY_VARIABLE}"
        )
    return url.rstrip("/").removesuffix("/chat/completions")


def _read(response: Any, deadline: float) -> bytes:
    """Return the body of a response; a server that sends a byte now and then is given up, too."""
    chunks: list[bytes] = []
    while chunk := response.read1(1 << 16):
        chunks.append(chunk)
        if time.monotonic() > deadline:
            raise TimeoutError
        if sum(map(len, chunks)) > _LONGEST_ANSWER:
            raise _Transient("an answer of more than a megabyte")
    if getattr(response, "length", 0):
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(chunks)


def _content(body: bytes) -> str:
    """Return the text of a chat completion."""
    try:
        choice = json.loads(body)["choices"][0]
        content, reason = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        said = "its answer is no chat completion; does --endpoint end as it should, often in /v1?"
        raise _Transient(said) from None
    if not isinstance(content, str) or reason == "length":
        return ""
    return content.encode(errors="replace").decode()


def _message(body: bytes) -> str:
    """Return what an error's body says."""
    try:
        error = json.loads(body)["error"]
        return one_short_line(str(error["message"] if isinstance(error, dict) else error))
    except (ValueError, LookupError, TypeError, RecursionError):
        return one_short_line(body[:200].decode(errors="replace"))
