"""The command `syncd`, also as `python -m syncd`."""

from syncd.cli import cli


def main() -> None:
    """Run the command that the arguments name."""
    cli(prog_name="syncd")


if __name__ == "__main__":
    main()
