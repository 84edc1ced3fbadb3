"""Whatever a settings file says, it becomes settings or is refused."""

import contextlib
import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings, strategies as st

from syncd.config.load import _Draft
from syncd.config.model import TABLES, Settings
from syncd.config.source import Source
from syncd.errors import ConfigError
from tests.examples import examples


KEYS = sorted(
    {
        field.alias or name
        for t in TABLES.values()
        for name, field in t.model_fields.items()
    }
)
VALUES = st.one_of(
    st.sampled_from(
        [
            "deployment/web",
            "app=web",
            "/app",
            "/app/x",
            "app",
            ".",
            "run",
            "restart",
            "ignore",
            "one-way-safe",
            "HUP",
            "~nobody/x",
        ]
    ),
    st.text(max_size=5),
    st.integers(-5, 100_000),
    st.floats(),
    st.booleans(),
    st.just(dt.date(2026, 1, 1)),
)
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*KEYS, "zzz"]), inner, max_size=5),
    ),
    max_leaves=20,
)


def table(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return tables that are mostly right, so that errors meet each other."""
    return st.fixed_dictionaries(
        {}, optional={key: st.one_of(value, DOCUMENTS) for key, value in known.items()}
    )


SYNC = table(local=st.just("app"), remote=st.sampled_from(["/app", "/app/x", "/y"]))
RULE = table(
    paths=st.just(["*"]),
    action=st.sampled_from(["run", "restart", "sync", "ignore"]),
    run=st.just(["x"]),
    restart=table(match=st.just("x"), signal=st.just("HUP")),
)
TARGET = table(
    workload=st.sampled_from(["deployment/a", "deploy/a", "pod/b"]),
    container=st.just("c"),
    sync=st.lists(SYNC, max_size=3),
    rule=st.lists(RULE, max_size=3),
    zzz=st.just(1),
)
FILES = table(
    context=st.just("x"),
    watch=table(quiet_ms=st.just(70), poll=st.booleans()),
    target=st.lists(TARGET, max_size=3),
    zzz=st.just(1),
)


@settings(max_examples=examples(100))
@given(FILES)
def test_nothing_but_a_refusal_comes_of_wrong_settings(
    document: dict[str, Any],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "app").mkdir()
        source = Source(project / "syncd.toml", "", (), document)

        with contextlib.suppress(ConfigError):
            assert isinstance(_Draft(source, project).settings(), Settings)
