"""How long to wait before the next try. Pure."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Exponential delays with full jitter, from `first_s` up to `most_s`.

    Full jitter, so that the replicas of a Deployment do not all come back at once
    (Marc Brooker, "Exponential Backoff And Jitter", 2015). The first try after a
    link that worked comes at once, or nearly.
    """

    first_s: float = 0.1
    most_s: float = 5.0
    draw: random.Random = field(default_factory=random.Random)
    tries: int = 0

    def next_s(self) -> float:
        """Return the seconds to wait before the next try."""
        # Beyond 30 doublings no ceiling is of this world, and 2**1024 is no float.
        ceiling = min(self.most_s, self.first_s * 2 ** min(self.tries, 30))
        self.tries += 1
        return self.draw.uniform(0, ceiling)

    def reset(self) -> None:
        """Start over: the last try worked."""
        self.tries = 0
