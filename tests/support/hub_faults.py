"""Faults of the local Hugging Face hub (`support.hub_server`)."""

from collections.abc import Callable

from support.hub_server import Handler, send


def refusing(status: int, path: str = "", method: str = "") -> Callable[[Handler], bool]:
    """Return a fault: this status for requests whose path contains `path`."""

    def fault(handler: Handler) -> bool:
        if path not in handler.path or method not in handler.command:
            return False
        send(handler, status, {"error": "as the test says"})
        return True

    return fault


def cutting(path: str, method: str) -> Callable[[Handler], bool]:
    """Return a fault: the connection ends in the middle of what is sent or received."""

    def fault(handler: Handler) -> bool:
        if path not in handler.path or handler.command != method:
            return False
        if method == "GET":
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            handler.wfile.write(b"half")
        handler.close_connection = True
        return True

    return fault
