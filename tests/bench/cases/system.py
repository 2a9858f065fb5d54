"""The made-up system by its path: its service is made from `tests.bench.cases.serving`."""

PATH = "tests.bench.cases.system:PATH"
