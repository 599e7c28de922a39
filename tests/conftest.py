"""What holds for all tests: no example of a property has a deadline, since nobody knows how busy a machine is."""

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
