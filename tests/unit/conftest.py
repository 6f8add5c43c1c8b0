"""Settings of hypothesis for all unit tests."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is slow, which says nothing about the code: no test asserts on time.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")
