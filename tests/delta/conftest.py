from tests.places import local


__all__ = ["local"]
