"""All checks, from the settings to the inside of the containers.

What a check needs that failed before it is not checked: there is nothing to be said.
"""

from collections.abc import Callable

import anyio

from syncd.cluster import Api
from syncd.config import Settings
from syncd.daemon.reach import reach, spec_of
from syncd.doctor import access, local, pods
from syncd.doctor.finding import Finding, Tell
from syncd.errors import SyncdError


async def examine(load: Callable[[], Settings], tell: Tell) -> None:
    """Tell what is found, in the order of its finding.

    Args:
        load: Reads the settings.
        tell: Where findings go.
    """
    try:
        settings = load()
    except SyncdError as error:
        tell(Finding.failed("settings", error))
        return
    tell(local.settings_found(settings))
    await local.folders(settings, tell)
    await local.builders(settings, tell)
    try:
        async with reach(settings) as api:
            tell(Finding("context", "ok", f"{api.context} at {api.server}"))
            await _reached(api, settings, tell)
    except SyncdError as error:
        tell(Finding.failed("context", error))


async def _reached(api: Api, settings: Settings, tell: Tell) -> None:
    asked_s = anyio.current_time()
    try:
        version = await api.get("/version")
    except SyncdError as error:
        tell(Finding.failed("API server", error))
        return
    took_ms = (anyio.current_time() - asked_s) * 1000
    said = f"Kubernetes {version.get('gitVersion', '?')}, {took_ms:.0f} ms"
    tell(Finding("API server", "ok", said))
    for target in settings.targets:
        try:
            spec = spec_of(target, api)
        except SyncdError as error:
            tell(Finding.failed(f"target {target.title}", error))
            continue
        await access.access(api, spec, target, tell)
        await pods.pods(api, spec, target, tell)
