"""Prints what pyarrow finds in an Arrow stream: metadata, fields, and each column of each batch."""

import struct
import sys

import pyarrow as pa


def texts(metadata):
    """Metadata in one line."""
    pairs = sorted((metadata or {}).items())
    return " ".join(key.decode() + "=" + value.decode() for key, value in pairs)


def form(value):
    """A value, doubles by their bits and texts by their bytes."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "'" + value.encode().hex()
    return str(value).lower()


def main(path):
    """Reads the stream in the file at `path`."""
    reader = pa.ipc.open_stream(path)
    print("schema", texts(reader.schema.metadata))
    for field in reader.schema:
        print("field", field.name, field.type, field.nullable, texts(field.metadata))
    while True:
        try:
            batch, metadata = reader.read_next_batch_with_custom_metadata()
        except StopIteration:
            break
        batch.validate(full=True)
        print("batch", batch.num_rows, texts(metadata))
        for name, column in zip(batch.schema.names, batch.columns):
            if pa.types.is_timestamp(column.type):
                column = column.cast(pa.int64())
            print(name, column.null_count, *map(form, column.to_pylist()))


main(sys.argv[1])
