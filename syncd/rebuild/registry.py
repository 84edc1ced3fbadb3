"""What a registry has, asked by its HTTP API."""

import anyio

from syncd.rebuild.reference import Reference, is_this_machine


_LIMIT_S = 3.0
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


async def has(image: str) -> bool | None:
    """Return whether a registry has an image; None if it does not tell.

    One that wants a password, or cannot be reached from here, does not tell: the
    builder may know how to reach it all the same.
    """
    # Imported with the first question: `syncd --help` does not pay for it.
    import aiohttp  # noqa: PLC0415  # see above

    reference = Reference.parse(image)
    scheme = "http" if is_this_machine(reference.host) else "https"
    manifest = reference.digest or reference.tag
    url = f"{scheme}://{reference.host}/v2/{reference.path}/manifests/{manifest}"
    try:
        with anyio.fail_after(_LIMIT_S):
            async with (
                aiohttp.ClientSession() as session,
                session.head(url, headers={"Accept": ", ".join(_MANIFESTS)}) as answer,
            ):
                return {200: True, 404: False}.get(answer.status)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
