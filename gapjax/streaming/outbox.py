"""What waits to be sent to a client: bounded, so that one that does not read costs no memory."""

import asyncio


class Outbox:
    """Texts for a client, the oldest first.

    Of too many, the oldest that passes (a frame, a result) is dropped; the oldest if none does.
    """

    def __init__(self, most: int = 64) -> None:
        """Make an empty one that holds at most so many texts."""
        self._texts: list[tuple[str, bool]] = []
        self._most, self._filled = most, asyncio.Event()

    def put(self, text: str, passes: bool = False) -> None:
        """Add a text.

        Args:
            text: the text.
            passes: whether another one like it soon takes its place.
        """
        if len(self._texts) == self._most:
            passing = (place for place, (_, passes) in enumerate(self._texts) if passes)
            del self._texts[next(passing, 0)]
        self._texts.append((text, passes))
        self._filled.set()

    async def get(self) -> str:
        """Return the oldest text, once there is one."""
        while not self._texts:
            self._filled.clear()
            await self._filled.wait()
        return self._texts.pop(0)[0]
