"""What syncd ignores before anybody has written a rule. Pure."""

from collections.abc import Iterator

from syncd.ignore.rules import Line, Rule, Rules, Standing


SOURCE = "built-in"

_FIXED = """
.git
.hg
.svn
.syncd-*
"""

_USUAL = """
# byte-code and caches
__pycache__/
*.pyc
*.pyo
.mypy_cache/
.ruff_cache/
.pytest_cache/
.hypothesis/
.tox/
.nox/
.pytype/
.ipynb_checkpoints/
.DS_Store

# environments; one by another name is known by its pyvenv.cfg
.venv
venv/
.virtualenv/
node_modules

# vim
4913
.*.sw?
*~
# Emacs
.#*
#*#
# JetBrains
*___jb_tmp___
*___jb_old___
.idea/
# gedit, Kate, LibreOffice
.goutputstream-*
*.kate-swp
.~lock.*#
"""

_WITHHELD = """
.env
.env.*
!.env.example
!.env.sample
!.env.template
!.env.dist
.envrc

# private keys
id_rsa
id_dsa
id_ecdsa
id_ed25519
id_ecdsa_sk
id_ed25519_sk
*.pem
*.key
*.p12
*.pfx
*.jks
*.ppk
*.kdbx
*.keystore
.ssh/
.gnupg/

# cloud and registry credentials
.aws/
.azure/
.kube/
kubeconfig
.config/gcloud/
application_default_credentials.json
service-account*.json
service_account*.json
client_secret*.json
.docker/config.json
.netrc
.pypirc
.git-credentials
.vault-token
"""


def _lines(text: str, standing: Standing) -> Iterator[Line]:
    for line in text.splitlines():
        if not line.startswith("# "):
            yield Line(_anywhere(line).encode(), SOURCE, standing)


def _anywhere(pattern: str) -> str:
    if pattern.startswith("#"):
        return "\\" + pattern
    return f"**/{pattern}" if "/" in pattern.removesuffix("/") else pattern


RULES = Rules(
    [
        *_lines(_WITHHELD, Standing.WITHHELD),
        *_lines(_USUAL, Standing.USUAL),
        *_lines(_FIXED, Standing.FIXED),
    ]
)
VENV_MARK = b"pyvenv.cfg"
VENV = Rule(
    "a folder with a pyvenv.cfg", SOURCE, Standing.USUAL, negated=False, lists=True
)
