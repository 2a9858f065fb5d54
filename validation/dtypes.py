"""The types of columns, by their names in the contract."""

from typing import Literal

DType = Literal["string", "int32", "int64", "float32", "float64", "bool", "timestamp", "strings", "floats"]
