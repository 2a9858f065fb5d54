"""What a column may hold, in the contract's words."""

from typing import Literal

DType = Literal["string", "int32", "int64", "float32", "float64", "bool", "timestamp", "strings", "floats"]
