from syncd.session.answers import chunks
from syncd.wire import MAX_MESSAGE, as_text, encode


def test_paths_are_asked_about_in_messages_that_fit_in_a_frame() -> None:
    paths = [b"%04d" % number + b"\xff" * 4000 for number in range(1000)]

    parts = list(chunks(reversed(paths)))

    assert [path for part in parts for path in part] == paths
    assert len(parts) > 1
    for part in parts:
        message = {"op": "list", "dirs": [as_text(path) for path in part]}
        assert len(encode(message)) < MAX_MESSAGE


def test_paths_of_the_usual_length_are_asked_about_in_a_few_messages() -> None:
    paths = [b"src/app/module/file_%06d.py" % number for number in range(100_000)]

    assert len(list(chunks(paths))) < 5
    assert list(chunks([])) == []
