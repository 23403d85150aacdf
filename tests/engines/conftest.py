"""The toy model's reference and artifact."""

from tests.toy_fixtures import artifact, reference

__all__ = ["artifact", "reference"]
