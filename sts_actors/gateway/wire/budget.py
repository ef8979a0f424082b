"""Bytes of unfinished messages, all peers together."""


class ReceiveBudget:
    """Counts what is being received; a message that would exceed `limit` is refused.

    One peer alone is bounded by the message size; a thousand of them are bounded here.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0

    def take(self, size: int) -> bool:
        """Reserve `size` bytes; False, and nothing reserved, when there is no room."""
        if self.used + size > self._limit:
            return False
        self.used += size
        return True

    def give_back(self, size: int) -> None:
        """Return what `take` reserved."""
        self.used -= size
