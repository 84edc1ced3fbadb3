"""The words of the servers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """A server's words. Expressions are searched for in a line.

    Attributes:
        server: What people call it.
        armed: It reloads by itself.
        began: It saw a change, and starts over.
        serving: It serves. Some do not say so in every configuration.
        anew: What a new process says first. What is said to serve before that is the
            old one: it may have been starting still, or its output was kept back.
        holds: The old process waits for requests to end.
        breaks_late: The new code is loaded after `anew`, so that no traceback before it
            is the new code's.
        serves_broken: It says that it serves although the new code does not start.
    """

    server: str
    armed: str = ""
    began: str = ""
    serving: str = ""
    anew: str = ""
    holds: str = ""
    breaks_late: bool = False
    serves_broken: bool = False


PATTERNS = (
    Pattern(
        "the warm reloader",  # where it cannot be asked
        armed=r"^syncd-reloader: \d+ modules are warm",
        serving=r"^syncd-reloader: generation \d+ serves",
    ),
    Pattern(
        "uvicorn",
        armed=r"Started reloader process",
        began=r"(WatchFiles|StatReload|WatchGodReload) detected .*[Rr]eloading",
        serving=r"Application startup complete\.|ASGI 'lifespan' protocol appears",
        anew=r"Started server process",
        holds=r"Waiting for (connections to close|background tasks to complete)",
    ),
    Pattern(
        "gunicorn",  # which does not say that it serves, unless by uvicorn's worker
        armed=r"Reloader is on\.",
        began=r"Worker reloading: .* modified",
        anew=r"Booting worker with pid",
        breaks_late=True,
    ),
    Pattern("hypercorn", serving=r"Running on https?://\S+ \(CTRL \+ C to quit\)"),
    Pattern(
        "granian",
        began=r"Changes detected, reloading workers",
        serving=r"\] Started worker-\d+",
        anew=r"\] Spawning worker-\d+",
        breaks_late=True,
    ),
    Pattern(
        "flask",
        armed=r"\* Restarting with (stat|watchdog)",
        began=r"\* Detected change in .*, reloading",
        serving=r"\* Debugger is active!",
        anew=r"\* Restarting with (stat|watchdog)",
        breaks_late=True,
        serves_broken=True,
    ),
    Pattern(
        "django",
        armed=r"Watching for file changes with \w+Reloader",
        began=r"\S+\.(py|mo) changed, reloading\.",
        serving=r"Starting (development|ASGI/\S+ version \S+ development) server at",
        anew=r"Watching for file changes with \w+Reloader",
        breaks_late=True,
    ),
)

REQUEST = (
    r"Exception in ASGI application"  # uvicorn, and its worker under gunicorn
    r"|Error handling request"  # gunicorn
    r"|Error in ASGI Framework"  # hypercorn
    r"|Application callable raised an exception"  # granian
    r"|Exception on \S+ \[[A-Z]+\]|Error on request:"  # Flask
    r"|Internal Server Error: /"  # Django
    r"|Uncaught exception [A-Z]+ /"  # Tornado
    r"|Exception occurred while handling uri"  # Sanic
)
"""What stands before the traceback of a request that failed."""
