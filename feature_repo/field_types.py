"""The types of profile fields: Feast's names of them, and Spark's."""

from infra.errors import DefinitionError
from validation.contract import unknown

SPARK_TYPES = {
    "String": "string", "Bool": "boolean", "Int32": "int", "Int64": "bigint", "Float32": "float", "Float64": "double",
    "UnixTimestamp": "timestamp", "Bytes": "binary",
}  # fmt: skip


def spark_type(feast_type: str) -> str:
    """Spark's name of a Feast type such as Int64 or Array(String); raises DefinitionError for others."""
    if feast_type.startswith("Array(") and feast_type.endswith(")"):
        return f"array<{spark_type(feast_type[6:-1])}>"
    if feast_type not in SPARK_TYPES:
        raise DefinitionError(f"field type {unknown(feast_type, SPARK_TYPES)}")
    return SPARK_TYPES[feast_type]
