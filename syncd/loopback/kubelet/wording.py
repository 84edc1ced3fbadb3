"""What a kubelet says in Events, in the words of each version (pure)."""

from syncd.loopback.dialect import Dialect


def pulled(image: str, dialect: Dialect) -> str:
    """An image is there."""
    said = f'Container image "{image}" already present on machine'
    return f"{said} and can be accessed by the pod" if dialect.modern else said


def created(container: str, dialect: Dialect) -> str:
    """A container was made."""
    return "Container created" if dialect.modern else f"Created container {container}"


def started(container: str, dialect: Dialect) -> str:
    """A container runs."""
    return "Container started" if dialect.modern else f"Started container {container}"


def backing_off(container: str, pod: str, dialect: Dialect) -> str:
    """A container waits for its next run; `pod` is its full name."""
    said = "Back-off restarting failed container"
    return f"{said} {container} in pod {pod}" if dialect.modern else said
