"""Fixtures that this room shares with the edge's."""

from tests.sip.conftest import edge_programs

__all__ = ["edge_programs"]
