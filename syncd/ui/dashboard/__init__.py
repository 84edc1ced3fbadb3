"""A page in the browser that shows how a running syncd stands, as it happens.

    the running `syncd watch` ──status, events──▶ Feed ──▶ Board ──▶ page

`Feed` asks at the control socket, `Board` folds what it hears into what is shown, and
`serve` shows it to whoever has the link.
"""

from syncd.ui.dashboard.feed import Feed
from syncd.ui.dashboard.serving import serve


__all__ = ["Feed", "serve"]
