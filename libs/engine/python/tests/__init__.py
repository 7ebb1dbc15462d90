"""Tests of what needs no training; the real engine is held to its contract by the integration tests."""
