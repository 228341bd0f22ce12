"""Recognize moving skeletons as they move: python -m gapjax.live --bundle=DIR [SOURCE ...].

It serves a page on this machine that shows a skeleton and what the last frames are recognized as.
Any list of class names may be typed on it (zero-shot bundles). A SOURCE is a file that
gapjax.classify reads, or the folder of a converted dataset: the page replays its clips. Frames may
also come from any program by WebSocket, and from a webcam with --pose. docs/live.md has all.
"""

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.errors import UserError
from gapjax.parallel import compilation_cache
from gapjax.serving.bundle import open_bundle
from gapjax.streaming import server
from gapjax.streaming.hub import Hub
from gapjax.streaming.recognizer import Recognizer
from gapjax.streaming.replays import replays
from gapjax.streaming.site import Site

LOOPBACK = ("127.0.0.1", "localhost")
# Three seconds at the rate of Kinects.
WINDOW = 90


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gapjax.live", description=__doc__)
    sources = "clips to replay: a file, or the folder of a converted dataset"
    parser.add_argument("sources", nargs="*", type=Path, metavar="SOURCE", help=sources)
    parser.add_argument("--bundle", type=Path, required=True, help="written by gapjax.export")
    parser.add_argument("--classes", help='any names: "wave; fall down" (zero-shot bundles)')
    parser.add_argument("--descriptions", default="", help="a YAML file that describes them")
    window = f"frames of a window (default: {WINDOW}, or as many as the bundle takes)"
    parser.add_argument("--window", type=command.count, help=window)
    every = "new frames after which a window is recognized again (default: %(default)s)"
    parser.add_argument("--every", type=command.count, default=10, help=every)
    clips = "how many clips of a dataset are offered (default: %(default)s)"
    parser.add_argument("--clips", type=command.count, default=60, help=clips)
    pose = "for webcams: the folder of npm's @mediapipe/pose, or its https address"
    parser.add_argument("--pose", default="", metavar="FOLDER", help=pose)
    host = "the address to serve at (default: %(default)s, for this machine alone)"
    parser.add_argument("--host", default=LOOPBACK[0], help=host)
    port = "default: %(default)s; 0 for any that is free"
    parser.add_argument("--port", type=int, default=8484, help=port)
    compilation_cache.add_flag(parser)
    return parser


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 2 a user's mistake, 130 ended by Ctrl-C."""
    options = _parser().parse_args(arguments)
    _check(options)
    compilation_cache.use(options.compilation_cache)
    bundle = open_bundle(options.bundle)
    longest = bundle.metadata["input"]["shape"][1]
    window = options.window or min(WINDOW, longest)
    if window > longest:
        raise UserError(f"--window={window}: {options.bundle} takes at most {longest}")
    site = Site(replays(bundle, options.sources, options.clips), options.pose)
    recognizer = Recognizer(bundle, options.descriptions)
    print(f"compiles {options.bundle} ...", flush=True)
    classes = recognizer.classes(options.classes)

    async def run() -> None:
        """Serve until interrupted."""
        hub = Hub(recognizer, classes, site.facts, window, options.every)
        await server.serve(hub, site, options.host, options.port, ready)

    def ready(port: int) -> None:
        """Say where the page is."""
        print(f"http://{options.host}:{port}/ has the page; Ctrl-C ends it", flush=True)

    asyncio.run(run())
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse what cannot be served, and warn of what others can reach."""
    server.require()
    if not 0 <= options.port < 2**16:
        raise UserError(f"--port={options.port}: give a number from 0 to 65535")
    _check_host(options.host)
    if options.host not in LOOPBACK:
        warning = f"whoever reaches {options.host} may watch and send; browsers give no webcam here"
        print(f"gapjax: warning: {warning}", file=sys.stderr)


def _check_host(host: str) -> None:
    """Refuse IPv6, and what stands for every address, however it is written."""
    if ":" in host:
        raise UserError(f"--host={host}: IPv6 is not served; give a name or an IPv4 address")
    try:
        everywhere = socket.inet_aton(host) == bytes(4)
    except OSError:
        everywhere = not host
    if everywhere:
        raise UserError("--host: name the address by which clients know this machine")


if __name__ == "__main__":
    sys.exit(main())
