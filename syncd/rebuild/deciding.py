"""The decision: is the image that the workload names still the right one?"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from anyio import to_thread

from syncd.cluster import Api, TargetSpec
from syncd.rebuild.identity import Difference, Identity, differences
from syncd.rebuild.memory import Memory
from syncd.rebuild.workload import Workload, digest_of, is_built_from


Verdict = Literal["same", "adopted", "drifted", "other"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of the workload's image, against what is wanted.

    Attributes:
        verdict: `same`: it is the right one. `adopted`: nobody knows what it was built
            from, so it is taken to be the right one. `drifted`: it is not, but commands
            in the containers make up for it. `other`: another one is needed.
        reason: Why, in words.
        workload: As it is now.
        known: Images by the digest of what they were built from.
    """

    verdict: Verdict
    reason: str
    workload: Workload
    known: Mapping[str, str]


class Deciding:
    """Knows what the images of one container were built from.

    Args:
        api: The cluster.
        spec: The workload.
        memory: What this machine remembers.
        made_up_for: Whether a command in the containers makes up for a change of an
            input, instead of another image.
    """

    def __init__(
        self,
        api: Api,
        spec: TargetSpec,
        memory: Memory,
        made_up_for: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._api = api
        self._spec = spec
        self._memory = memory
        self._made_up_for = made_up_for

    async def judge(self, wanted: Identity) -> Judgement:
        """Return whether the image that the workload names now is the right one.

        Raises:
            SyncdError: If the workload cannot be read.
        """
        path = f"/apis/apps/v1/namespaces/{self._spec.namespace}/{self._spec.kind}s"
        document = await self._api.get(f"{path}/{self._spec.name}")
        workload = Workload.of(self._spec, document)
        return await to_thread.run_sync(self._judge, wanted, workload)

    async def remember(self, identity: Identity, image: str) -> None:
        """Remember what an image was built from."""
        await to_thread.run_sync(self._memory.remember, identity, image, time.time())

    def _judge(self, wanted: Identity, workload: Workload) -> Judgement:
        known = {**self._memory.known, **workload.known}
        image = workload.image
        match is_built_from(image, wanted, known):
            case True:
                self._memory.remember(wanted, image, time.time())
                return Judgement("same", f"{image} is built from that", workload, known)
            case None:
                self._memory.remember(wanted, image, time.time())
                reason = f"{image} is taken to be built from the inputs as they are"
                known[wanted.digest] = image
                return Judgement("adopted", reason, workload, known)
            case False:
                return self._differing(wanted, workload, known)

    def _differing(
        self, wanted: Identity, workload: Workload, known: Mapping[str, str]
    ) -> Judgement:
        built_from = self._memory.inputs(digest_of(workload.image, known))
        if built_from is None:
            reason = f"{workload.image} was built from other inputs"
            return Judgement("other", reason, workload, known)
        found = differences(built_from, wanted)
        reason = "; ".join(map(str, found))
        verdict: Verdict = "drifted" if self._all_made_up_for(found) else "other"
        return Judgement(verdict, reason, workload, known)

    def _all_made_up_for(self, found: Collection[Difference]) -> bool:
        return all(self._made_up_for(difference.path) for difference in found)
