"""The server: HTTP for the page, WebSocket for frames, by `websockets`.

Only requests to its own address are answered, and browsers may only come from its own page: a page
of another site can neither read nor send anything. Messages are bounded, and so is what waits.
"""

import asyncio
import http
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from data_pipelines.errors import UserError
from gapjax.streaming.hub import Hub
from gapjax.streaming.site import Site

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

STREAM = "/stream"
# Clients at once; each costs the memory of a window.
CLIENTS = 64


def require() -> None:
    """Raise UserError if `websockets` is not installed."""
    try:
        import websockets  # noqa: F401
    except ImportError as error:
        raise UserError(
            "gapjax.live needs websockets for its server: pip install 'gapjax[live]'"
        ) from error


async def serve(hub: Hub, site: Site, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Serve until cancelled.

    Args:
        hub: what clients are connected with.
        site: what is served by HTTP.
        host: the address to listen at.
        port: the port; 0 for any that is free.
        ready: is called with the port, once clients may come.

    Raises:
        UserError: the address cannot be listened at.
    """
    import socket

    from websockets.asyncio.server import serve as listen

    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        reason, wrong = error.strerror or error, isinstance(error, socket.gaierror)
        other = "--host" if wrong else "--port"
        raise UserError(f"--host={host} --port={port}: {reason}; choose another {other}") from None
    port = listening.getsockname()[1]
    # Browsers leave out the usual port, and write names in small letters.
    ending = "" if port == 80 else f":{port}"
    names = {f"{name}{ending}" for name in (host.lower(), "localhost", "127.0.0.1")}
    limits: dict[str, Any] = {"max_size": hub.limits.bytes, "max_queue": 16, "compression": None}
    # Programs that are no browsers send no origin.
    origins: list[Any] = [None, *(f"http://{name}" for name in names)]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hub.run())
        async with listen(
            lambda connection: _talk(connection, hub),
            sock=listening,
            origins=origins,
            process_request=lambda connection, request: _answer(
                connection, request, site, hub, names
            ),
            **limits,
        ):
            ready(port)
            await asyncio.get_running_loop().create_future()


async def _answer(
    connection: "ServerConnection", request: "Request", site: Site, hub: Hub, names: set[str]
) -> "Response | None":
    """Answer a request by HTTP; None lets it become a WebSocket."""
    if request.headers.get("Host", "").lower() not in names:
        return connection.respond(http.HTTPStatus.FORBIDDEN, "another address is served here\n")
    path = request.path.partition("?")[0]
    if path == STREAM:
        if len(hub.streams) < CLIENTS:
            return None
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, f"{_busy()}\n")
    found = site.find(path)
    if found is None:
        return connection.respond(http.HTTPStatus.NOT_FOUND, "there is nothing here\n")
    kind, read = found
    response = connection.respond(http.HTTPStatus.OK, "")
    response.body = await asyncio.to_thread(read)
    del response.headers["Content-Length"], response.headers["Content-Type"]
    response.headers["Content-Length"] = str(len(response.body))
    response.headers["Content-Type"] = kind
    for name, value in site.headers.items():
        response.headers[name] = value
    return response


async def _talk(connection: "ServerConnection", hub: Hub) -> None:
    """Exchange messages with a client until it goes."""
    from websockets.exceptions import ConnectionClosed
    from websockets.frames import CloseCode

    # Others may have come since the request.
    if len(hub.streams) >= CLIENTS:
        await connection.close(CloseCode.TRY_AGAIN_LATER, _busy())
        return
    stream = hub.open()

    async def send() -> None:
        """Send what waits, as fast as the client reads."""
        while True:
            await connection.send(await stream.outbox.get())

    sending = asyncio.create_task(send())
    # A send that fails ends with the connection, as receiving does.
    sending.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        async for message in connection:
            hub.receive(stream, message)
    except ConnectionClosed:
        pass
    finally:
        sending.cancel()
        hub.close(stream)


def _busy() -> str:
    return f"{CLIENTS} clients are connected, which is the most"
