"""The Arrow types of the contract's type names."""

import pyarrow as pa

from validation.dtypes import DType

ARROW: dict[DType, pa.DataType] = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),  # microseconds: Spark reads no finer
    "strings": pa.list_(pa.string()),
    "floats": pa.list_(pa.float32()),
}
