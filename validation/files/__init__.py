"""Delivered files: found, unpacked and read into typed rows, or refused by name."""
