"""What processes have used."""

from syncd.bench.usage import Usage, parsed


def test_every_agent_of_a_container_is_counted() -> None:
    said = b"1500000 3 4 VmHWM:\t    9216 kB\n\n2000000 1 1 VmHWM:\t 10240 kB\n"

    assert parsed(said) == [Usage(0.0015, 9216 * 1024), Usage(0.002, 10240 * 1024)]


def test_what_cannot_be_read_counts_for_nothing() -> None:
    assert parsed(b"VmHWM: 1 kB\n12 3 4 \nsh: tr: not found\n") == []
