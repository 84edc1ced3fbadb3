from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.errors import ConfigError


Refused = Callable[[str], ConfigError]

SYNC = 'sync = [{ local = "app", remote = "/app" }]'
TARGET = f'[[target]]\nworkload = "deployment/web"\n{SYNC}\n'


def rule(text: str) -> str:
    return f"{TARGET}[[target.rule]]\n{text}\n"


REFUSALS = [
    pytest.param(
        f'contxt = "k3d-dev"\n{TARGET}',
        "syncd.toml:1: contxt: is not a key that syncd knows",
        "did you mean context?",
        id="unknown key, near a known one",
    ),
    pytest.param(
        f"zzz = 1\n{TARGET}",
        "syncd.toml:1: zzz: is not a key that syncd knows",
        "the keys here are context, kubeconfig, allow_contexts, watch, target",
        id="unknown key, near none",
    ),
    pytest.param(
        f'"a.b" = 1\n{TARGET}',
        'syncd.toml:1: "a.b": is not a key that syncd knows',
        "the keys here are context, kubeconfig, allow_contexts, watch, target",
        id="unknown key that needs quotes",
    ),
    pytest.param(
        f"{TARGET}\n[watch]\nquiet = 10",
        "syncd.toml:6: watch.quiet: is not a key that syncd knows",
        "did you mean quiet_ms?",
        id="unknown key in a table",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'\nsync = [\n"
        "  { local = 'app', remote = '/app' },\n"
        "  { local = 'web', remote = '/web', ignor = ['*.md'] },\n]",
        "syncd.toml:5: target[0].sync[1].ignor: is not a key that syncd knows",
        "did you mean ignore?",
        id="unknown key in a list over several lines",
    ),
    pytest.param(
        f"context = 3\n{TARGET}",
        "syncd.toml:1: context: must be a string, not 3",
        'for example context = "k3d-dev"',
        id="number for a string",
    ),
    pytest.param(
        f'{TARGET}[watch]\nquiet_ms = "10"',
        'syncd.toml:5: watch.quiet_ms: must be a whole number, not "10"',
        "for example quiet_ms = 10",
        id="string for a number",
    ),
    pytest.param(
        f"{TARGET}[watch]\nquiet_ms = true",
        "syncd.toml:5: watch.quiet_ms: must be a whole number, not true",
        "for example quiet_ms = 10",
        id="boolean for a number",
    ),
    pytest.param(
        f"{TARGET}[watch]\npoll = 1",
        "syncd.toml:5: watch.poll: must be true or false, not 1",
        "for example poll = true",
        id="number for a boolean",
    ),
    pytest.param(
        f'allow_contexts = "staging-*"\n{TARGET}',
        'syncd.toml:1: allow_contexts: must be a list, not "staging-*"',
        'for example allow_contexts = ["staging-*"]',
        id="string for a list",
    ),
    pytest.param(
        f'allow_contexts = ["a", 2]\n{TARGET}',
        "syncd.toml:1: allow_contexts[1]: must be a string, not 2",
        'for example allow_contexts = ["staging-*"]',
        id="number in a list of strings",
    ),
    pytest.param(
        f"kubeconfig = 2024-01-01\n{TARGET}",
        "syncd.toml:1: kubeconfig: must be a string, not a date or time",
        'for example kubeconfig = "~/.kube/dev.yaml"',
        id="date for a path",
    ),
    pytest.param(
        f'kubeconfig = "/a\\u0000b"\n{TARGET}',
        'syncd.toml:1: kubeconfig: "/a\\u0000b" holds a NUL',
        "write it without",
        id="NUL in a path",
    ),
    pytest.param(
        f"watch = 10\n{TARGET}",
        "syncd.toml:1: watch: must be a table, not 10",
        "see docs/configuration.md",
        id="number for a table",
    ),
    pytest.param(
        f'[target]\nworkload = "deployment/web"\n{SYNC}',
        "syncd.toml:1: target: is one table, not a list of them",
        "double the brackets of its header",
        id="[target] for [[target]]",
    ),
    pytest.param(
        f"{TARGET}[watch]\nquiet_ms = 0",
        "syncd.toml:5: watch.quiet_ms: is 0",
        "make it greater than or equal to 1",
        id="too small",
    ),
    pytest.param(
        f"{TARGET}[watch]\ncap_ms = 99999",
        "syncd.toml:5: watch.cap_ms: is 99999",
        "make it less than or equal to 60000",
        id="too large",
    ),
    pytest.param(
        f"{TARGET}[watch]\nburst_ms = 2000",
        "syncd.toml:5: watch.burst_ms: burst_ms = 2000 is longer than cap_ms = 1000",
        "make quiet_ms ≤ burst_ms ≤ cap_ms",
        id="burst after the cap",
    ),
    pytest.param(
        'context = "k3d-dev"',
        "syncd.toml: target: is missing",
        'for example target = [{ workload = "deployment/myapp",'
        ' sync = [{ local = "deploy/myapp", remote = "/app" }] }]',
        id="no target",
    ),
    pytest.param(
        "target = []",
        "syncd.toml:1: target: is empty",
        'for example target = [{ workload = "deployment/myapp",'
        ' sync = [{ local = "deploy/myapp", remote = "/app" }] }]',
        id="empty list of targets",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'",
        "syncd.toml:1: target[0].sync: is missing",
        'for example sync = [{ local = "deploy/myapp", remote = "/app" }]',
        id="no sync",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'\nsync = []",
        "syncd.toml:3: target[0].sync: is empty",
        'for example sync = [{ local = "deploy/myapp", remote = "/app" }]',
        id="empty sync",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'\nsync = [{ local = 'app' }]",
        "syncd.toml:3: target[0].sync[0].remote: is missing",
        'for example remote = "/app"',
        id="no remote",
    ),
    pytest.param(
        f"[[target]]\n{SYNC}",
        "syncd.toml:1: target[0]: names neither workload nor selector",
        'add workload = "deployment/NAME" or selector = "app=NAME"',
        id="neither workload nor selector",
    ),
    pytest.param(
        f'{TARGET}selector = "app=web"',
        "syncd.toml:4: target[0].selector: stands beside workload",
        "delete one of the two",
        id="both workload and selector",
    ),
    pytest.param(
        f'[[target]]\nworkload = "deploymnt/web"\n{SYNC}',
        'syncd.toml:2: target[0].workload: "deploymnt" is not a kind that syncd follows',
        "write deployment/NAME, statefulset/NAME or pod/NAME, or use"
        ' selector = "app=NAME"; did you mean "deployment/web"?',
        id="misspelt kind",
    ),
    pytest.param(
        f'[[target]]\nworkload = "daemonset/web"\n{SYNC}',
        'syncd.toml:2: target[0].workload: "daemonset" is not a kind that syncd follows',
        "write deployment/NAME, statefulset/NAME or pod/NAME, or use"
        ' selector = "app=NAME"',
        id="kind that is not followed",
    ),
    pytest.param(
        f'[[target]]\nworkload = "web"\n{SYNC}',
        'syncd.toml:2: target[0].workload: "web" is not of the form kind/name',
        'write "deployment/web"',
        id="no kind",
    ),
    pytest.param(
        f'[[target]]\nworkload = "pod/We_b"\n{SYNC}',
        'syncd.toml:2: target[0].workload: "We_b" cannot be the name of a pod',
        'use lower-case letters, digits, "-" and "."',
        id="impossible name",
    ),
    pytest.param(
        f'[[target]]\nselector = "app in web"\n{SYNC}',
        'syncd.toml:2: target[0].selector: "app in web" is not a label selector',
        'write one as for `kubectl get pods -l`, such as "app=myapp,tier!=db"',
        id="no selector",
    ),
    pytest.param(
        f'{TARGET}namespace = "My App"',
        'syncd.toml:4: target[0].namespace: "My App" cannot be the name of a namespace'
        " or container",
        'use at most 63 lower-case letters, digits and "-"',
        id="impossible namespace",
    ),
    pytest.param(
        f'{TARGET}container = "a\\u001b[31m"',
        'syncd.toml:4: target[0].container: "a\\u001b[31m" cannot be the name of a'
        " namespace or container",
        'use at most 63 lower-case letters, digits and "-"',
        id="container with a colour in it",
    ),
    pytest.param(
        f'{TARGET}mode = "one-way-replicat"',
        'syncd.toml:4: target[0].mode: "one-way-replicat" is not a choice here',
        'write "one-way-safe" or "one-way-replica"; did you mean "one-way-replica"?',
        id="misspelt mode",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'\n"
        "sync = [{ local = 'app', remote = 'app' }]",
        'syncd.toml:3: target[0].sync[0].remote: "app" is not absolute',
        'write "/app", as the container sees it',
        id="relative remote",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'\n"
        "sync = [{ local = 'app', remote = '/app/../etc' }]",
        'syncd.toml:3: target[0].sync[0].remote: "/app/../etc" holds ".."',
        "write the path without it",
        id="remote that climbs",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'\n"
        "sync = [{ local = 'app', remote = '//' }]",
        'syncd.toml:3: target[0].sync[0].remote: "/" is the whole container',
        'name a folder in it, such as "/app"',
        id="remote root",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'\nsync = [\n"
        "  { local = 'app', remote = '/app' },\n"
        "  { local = 'web', remote = '/app//web/' },\n]",
        'syncd.toml:5: target[0].sync[1].remote: "/app/web" overlaps "/app" of'
        " target[0].sync[0]",
        "give each folder a place of its own, or sync their common parent",
        id="remote in another remote",
    ),
    pytest.param(
        "[[target]]\nworkload = 'deployment/web'\nsync = [\n"
        "  { local = 'app', remote = '/app' },\n"
        "  { local = './app/', remote = '/app/' },\n]",
        "syncd.toml:5: target[0].sync[1]: is the same as target[0].sync[0]",
        "delete it",
        id="the same folder twice",
    ),
    pytest.param(
        f"{TARGET}[[target]]\nworkload = 'deploy/web'\n"
        "sync = [{ local = 'web', remote = '/web' }]",
        "syncd.toml:4: target[1]: is the same workload and container as target[0]",
        "move its sync entries to target[0]",
        id="the same workload twice, spelled two ways",
    ),
    pytest.param(
        f"{TARGET}container = 'web'\n[[target]]\nworkload = 'deployment/web'\n{SYNC}",
        "syncd.toml:5: target[1]: is the same workload as target[0], and only one of"
        " them names a container",
        "name the container in both",
        id="the same workload, perhaps another container",
    ),
    pytest.param(
        f"[[target]]\nselector = 'a=b, c=d'\n{SYNC}\n"
        f"[[target]]\nselector = 'a=b,c=d'\n{SYNC}",
        "syncd.toml:4: target[1]: is the same selector and container as target[0]",
        "move its sync entries to target[0]",
        id="the same selector twice",
    ),
    pytest.param(
        TARGET + '[target.reload]\nserving = "(started"',
        'syncd.toml:5: target[0].reload.serving: "(started" is no regular expression:'
        " missing ), unterminated subpattern at position 0",
        'write one as Python\'s re has them, such as "Server started"',
        id="reload expression that is none",
    ),
    pytest.param(
        TARGET + "[target.reload]\nserver = 'x'",
        "syncd.toml:4: target[0].reload.serving: is missing",
        'for example serving = "Server started"',
        id="reload without its main expression",
    ),
    pytest.param(
        rule('paths = ["*.txt"]'),
        "syncd.toml:4: target[0].rule[0].action: is missing",
        'write "run", "restart", "sync" or "ignore"',
        id="rule without an action",
    ),
    pytest.param(
        rule('paths = ["*.txt"]\naction = "rebuild"'),
        'syncd.toml:6: target[0].rule[0].action: "rebuild" is not a choice here',
        'write "run", "restart", "sync" or "ignore"',
        id="action that does nothing yet",
    ),
    pytest.param(
        rule('paths = ["*.txt"]\naction = "run"'),
        "syncd.toml:4: target[0].rule[0].run: is missing",
        'for example run = ["pip", "install", "-r", "requirements.txt"]',
        id="run without a command",
    ),
    pytest.param(
        rule('paths = ["*.txt"]\naction = "run"\nrun = "pip install"'),
        'syncd.toml:7: target[0].rule[0].run: must be a list, not "pip install"',
        'for example run = ["pip", "install", "-r", "requirements.txt"]',
        id="command as one string",
    ),
    pytest.param(
        rule('paths = ["*.txt"]\naction = "run"\nrun = ["x"]\ntimeout_s = 0'),
        "syncd.toml:8: target[0].rule[0].timeout_s: is 0",
        "make it greater than 0",
        id="no time to run",
    ),
    pytest.param(
        rule('paths = ["*.txt"]\naction = "ignore"\nrun = ["x"]'),
        "syncd.toml:7: target[0].rule[0].run: is not a key that syncd knows",
        "the keys here are paths, action",
        id="command of a rule that runs nothing",
    ),
    pytest.param(
        rule('paths = []\naction = "ignore"'),
        "syncd.toml:5: target[0].rule[0].paths: is empty",
        'for example paths = ["requirements*.txt"]',
        id="rule for nothing",
    ),
    pytest.param(
        rule(
            'paths = ["*.txt"]\naction = "restart"\n'
            'restart = { match = "uvicorn", signal = "SIGHUP" }'
        ),
        'syncd.toml:7: target[0].rule[0].restart.signal: "SIGHUP" is not a choice here',
        'write "HUP", "INT", "KILL", "QUIT", "TERM", "USR1" or "USR2";'
        ' did you mean "HUP"?',
        id="signal with its prefix",
    ),
]


@pytest.mark.parametrize(("text", "message", "remedy"), REFUSALS)
def test_a_refusal_names_file_line_key_and_remedy(
    refused: Refused, text: str, message: str, remedy: str
) -> None:
    error = refused(text)

    assert str(error) == message
    assert error.hint == remedy


@pytest.mark.parametrize(
    ("local", "what", "remedy"),
    [
        pytest.param(
            "../elsewhere",
            '"../elsewhere" lies outside the project folder {project}',
            "name a folder inside it, or move the settings file further up",
            id="outside",
        ),
        pytest.param(
            "link",
            '"link" lies outside the project folder {project}',
            "name a folder inside it, or move the settings file further up",
            id="outside, through a link",
        ),
        pytest.param(
            "loop",
            '"loop" is a link that leads nowhere',
            "mend the link",
            id="a link to itself",
        ),
        pytest.param(
            "app/stat",
            '"app/stat" does not exist in {project}',
            'make the folder, or correct the path; did you mean "app/static"?',
            id="misspelt",
        ),
        pytest.param(
            "no/where",
            '"no/where" does not exist in {project}',
            "make the folder, or correct the path",
            id="missing",
        ),
        pytest.param(
            "app/main.py",
            '"app/main.py" is a file',
            'name the folder that holds it: "app"',
            id="a file",
        ),
        pytest.param(
            "", "is not a path", 'write "." for the project folder itself', id="empty"
        ),
    ],
)
def test_a_local_folder_must_be_one_of_the_project(
    refused: Refused, project: Path, local: str, what: str, remedy: str
) -> None:
    (project / "link").symlink_to(project.parent)
    (project / "loop").symlink_to("loop")

    error = refused(TARGET.replace('"app"', f'"{local}"'))

    place = "syncd.toml:3: target[0].sync[0].local: "
    assert str(error) == place + what.format(project=project)
    assert error.hint == remedy


def test_one_message_names_all_that_is_wrong_in_the_order_of_the_file(
    refused: Refused,
) -> None:
    error = refused(
        'contxt = "x"\n'
        "[watch]\n"
        "quiet_ms = 0\n"
        "[[target]]\n"
        "sync = [{ local = 'nowhere', remote = 'app' }]\n"
        "[[target]]\n"
        "workload = 'deployment/web'\n"
        "selector = 'a=b'\n"
        "sync = 3\n"
    )

    first, *rest = str(error).splitlines()
    assert first == "the settings are wrong in 7 places"
    assert [line.split(": ")[:2] for line in rest] == [
        ["  syncd.toml:1", "contxt"],
        ["  syncd.toml:3", "watch.quiet_ms"],
        ["  syncd.toml:4", "target[0]"],
        ["  syncd.toml:5", "target[0].sync[0].local"],
        ["  syncd.toml:5", "target[0].sync[0].remote"],
        ["  syncd.toml:8", "target[1].selector"],
        ["  syncd.toml:9", "target[1].sync"],
    ]
    assert all("; " in line for line in rest)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("[[target]\n", "line 1, column 9", id="bracket"),
        pytest.param('a = "x', "line 1", id="end of the text"),
        pytest.param("a = 1\na = 2\n", "line 2", id="a key twice"),
        pytest.param("\n\nsync = [{ local = app }]", "line 3", id="no quotes"),
    ],
)
def test_broken_toml_is_refused_with_its_line(
    refused: Refused, text: str, where: str
) -> None:
    error = refused(text)

    assert str(error).startswith("syncd.toml is not valid TOML: ")
    assert where in str(error) or "end of document" in str(error)
    assert "[[target]]" in error.hint


def test_a_refusal_is_a_config_error(refused: Refused) -> None:
    assert refused("x = 1").exit_code == 2
