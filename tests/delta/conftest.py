from tests.places import local, nobody, open_path


__all__ = ["local", "nobody", "open_path"]
