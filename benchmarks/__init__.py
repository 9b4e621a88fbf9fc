"""Comparisons and measurements that anybody can make again: `python -m benchmarks.NAME`. Not part of the wheel."""
