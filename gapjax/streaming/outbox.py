"""What waits to be sent to a client: bounded, so that one that does not read costs no memory."""

import asyncio
import collections


class Outbox:
    """Texts for a client, the oldest first; of too many, the oldest are dropped.

    Attributes:
        dropped: how many texts were dropped.
    """

    def __init__(self, most: int = 64) -> None:
        """Make an empty one that holds at most so many texts."""
        self._texts: collections.deque[str] = collections.deque(maxlen=most)
        self._filled = asyncio.Event()
        self.dropped = 0

    def put(self, text: str) -> None:
        """Add a text."""
        self.dropped += len(self._texts) == self._texts.maxlen
        self._texts.append(text)
        self._filled.set()

    async def get(self) -> str:
        """Return the oldest text, once there is one."""
        while not self._texts:
            self._filled.clear()
            await self._filled.wait()
        return self._texts.popleft()
