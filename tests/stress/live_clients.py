"""Many clients of a live server: delay in real time, then an hour of frames as fast as they go.

python -m stress.live_clients --bundle=DIR [--clients=20] [--seconds=30] [--frames=108000]

starts `python -m gapjax.live`, lets every client send 30 frames a second, and prints frames and
recognitions a second and the delay from a frame to what was recognized of a window that ends with
it. Then the clients together send `--frames` frames without a pause. The server's memory is printed
as they go; the command fails if it grows by more than 5 % after the first tenth.
"""

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

RATE, GROWTH = 30, 1.05


class Client:
    """A client that counts what it hears.

    Attributes:
        delays: from a frame to what was recognized, in milliseconds.
        dropped: how many frames the server says that it dropped.
        milliseconds: how long each recognition took.
    """

    def __init__(self, connection: ClientConnection, shape: tuple[int, int]) -> None:
        draw = np.random.default_rng(random.randrange(1000)).normal(size=(100, *shape))
        self.frames = [(np.arange(3) + walk / 5).round(4).tolist() for walk in draw]
        self.connection, self.delays, self.milliseconds = connection, [], []
        self.dropped = 0

    async def listen(self) -> None:
        async for text in self.connection:
            message = json.loads(text)
            if "recognized" in message:
                self.delays.append(1000 * (time.monotonic() - message["time"]))
                self.milliseconds.append(message["milliseconds"])
                self.dropped = message["dropped"]

    async def send(self, number: int) -> None:
        frame = self.frames[number % len(self.frames)]
        await self.connection.send(json.dumps({"frame": frame, "time": time.monotonic()}))

    async def in_real_time(self, seconds: int) -> None:
        await asyncio.sleep(random.random())
        start = time.monotonic()
        for number in range(seconds * RATE):
            await asyncio.sleep(max(0, start + number / RATE - time.monotonic()))
            await self.send(number)

    async def at_once(self, frames: int) -> None:
        for number in range(frames):
            await self.send(number)


def memory(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1000


async def joined(address: str) -> Client:
    connection = await connect(address, compression=None, max_size=None)
    hello = json.loads(await connection.recv())["hello"]
    return Client(connection, (len(hello["body"]["joints"]), hello["coordinates"]))


async def in_real_time(clients: list[Client], seconds: int, pid: int) -> None:
    start = time.monotonic()
    await asyncio.gather(*(client.in_real_time(seconds) for client in clients))
    lasted = time.monotonic() - start
    await asyncio.sleep(2)
    delays = np.array([delay for client in clients for delay in client.delays])
    computed = np.array([each for client in clients for each in client.milliseconds])
    median, most = np.percentile(delays, [50, 99])
    print(
        f"{len(clients)} clients: {len(clients) * seconds * RATE / lasted:.0f} frames/s, "
        f"{len(delays) / lasted:.1f} recognitions/s, delay {median:.0f} ms (median), "
        f"{most:.0f} ms (99 %), a batch {np.median(computed):.0f} ms, "
        f"{sum(client.dropped for client in clients)} frames dropped, "
        f"{memory(pid):.0f} MB"
    )


async def at_once(clients: list[Client], frames: int, pid: int) -> bool:
    """Return whether the memory stays as it is."""
    each, kept = frames // len(clients) // 10, 0.0
    for part in range(10):
        start = time.monotonic()
        await asyncio.gather(*(client.at_once(each) for client in clients))
        rate = each * len(clients) / (time.monotonic() - start)
        used = memory(pid)
        kept = kept or used
        dropped = sum(client.dropped for client in clients)
        sent = (part + 1) * each * len(clients)
        print(f"{sent} frames at once: {rate:.0f} frames/s, {dropped} dropped, {used:.0f} MB")
    return used < GROWTH * kept


async def measure(address: str, options: argparse.Namespace, pid: int) -> bool:
    clients = [await joined(address) for _ in range(options.clients)]
    listening = [asyncio.create_task(client.listen()) for client in clients]
    await in_real_time(clients, options.seconds, pid)
    kept = await at_once(clients, options.frames, pid)
    for client in clients:
        await client.connection.close()
    await asyncio.gather(*listening)
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--bundle", required=True)
    for name, value in (("clients", 20), ("seconds", 30), ("frames", 108_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args(arguments)
    command = [sys.executable, "-m", "gapjax.live", f"--bundle={options.bundle}", "--port=0"]
    server: subprocess.Popen[Any]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            lines = iter(server.stdout.readline, "")
            port = next(filter(None, (re.search(r":(\d+)/", line) for line in lines)))[1]
            address = f"ws://127.0.0.1:{port}/stream"
            kept = asyncio.run(measure(address, options, server.pid))
        finally:
            server.terminate()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
