"""Networks in ONNX as bytes: whether they refer to other files, and the part of one that some outputs need.

ONNX is protobuf (onnx.proto of onnx); a package that reads all of it is no part of the runtime.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from emotone.errors import EmotoneError

_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "file", 14: "place"},
}
"""Messages of ONNX (onnx.proto) that may hold a tensor, by field; a tensor's fields 13 and 14 are for other files."""


def refers_to_files(network: bytes) -> bool:
    """Whether a tensor of a network lies in another file; raises EmotoneError for bytes that are no ONNX.

    >>> refers_to_files(bytes([0x3A, 6, 0x2A, 4, 0x6A, 2, 0x0A, 0]))  # model, graph, initializer, external_data
    False
    >>> refers_to_files(bytes([0x3A, 14, 0x2A, 12, 0x6A, 10, 0x0A, 8]) + b"location")
    True
    """
    if network[4:8] == b"ORTM":
        raise EmotoneError("it is in onnxruntime's own format, not in ONNX")
    if b"location" not in network:  # without that key nothing is read
        return False
    view = memoryview(network)
    waiting = [(view, "model")]
    while waiting:
        message, kind = waiting.pop()
        for field, value in _fields(message):
            part = _PARTS[kind].get(field)
            if part in ("file", "place"):
                if part == "file" or value:
                    return True
            elif part is not None and isinstance(value, memoryview):
                waiting.append((value, part))
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Fields of a protobuf message: numbers, and bytes where they have a length; raises EmotoneError for damage."""
    position = 0
    while position < len(message):
        key, position = _number(message, position)
        form = key & 7
        if form == 0:
            value, position = _number(message, position)
            yield key >> 3 & 0x1FFF_FFFF, value
            continue
        size = {1: 8, 5: 4}.get(form)
        if form == 2:
            size, position = _number(message, position)
        if size is None or size > len(message) - position:
            raise EmotoneError("it is damaged")
        if form == 2:
            yield key >> 3 & 0x1FFF_FFFF, message[position : position + size]
        position += size


def _number(message: memoryview, position: int) -> tuple[int, int]:
    """The number that begins at a place, in seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise EmotoneError("it is damaged")


GRAPH = 7
"""The field of a model that is its graph."""
NODE, OUTPUT = 1, 12
"""Fields of a graph."""


def part_for(network: bytes, outputs: Collection[str]) -> bytes:
    """The network without its other outputs and the nodes that only they need; raises EmotoneError for damage.

    onnxruntime runs all nodes of a network, whichever outputs it is asked for.
    """
    return b"".join(
        _written(field, _graph_for(value, outputs) if field == GRAPH and isinstance(value, memoryview) else value)
        for field, value in _fields(memoryview(network))
    )


def _graph_for(graph: memoryview, outputs: Collection[str]) -> bytes:
    needed, kept = set(outputs), []
    for field, value in reversed([*_fields(graph)]):  # nodes stand behind those whose outputs they take
        if field == NODE and isinstance(value, memoryview):
            if needed.isdisjoint(_texts(value, 2)):
                continue
            needed.update(_inputs(value))
        if field == OUTPUT and isinstance(value, memoryview) and needed.isdisjoint(_texts(value, 1)):
            continue
        kept.append(_written(field, value))
    return b"".join(reversed(kept))


def _inputs(node: memoryview) -> Iterator[str]:
    """Names of what a node takes, and of all that its branches and bodies take or give."""
    yield from _texts(node, 1)
    for attribute in _parts(node, 5):
        for graph in (*_parts(attribute, 6), *_parts(attribute, 11)):
            for inner in _parts(graph, NODE):
                yield from _inputs(inner)
            for given in _parts(graph, OUTPUT):
                yield from _texts(given, 1)


def _texts(message: memoryview, wanted: int) -> Iterator[str]:
    """The texts of a field of a message."""
    return (bytes(value).decode(errors="replace") for value in _parts(message, wanted))


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """All values of a field of a message that have a length."""
    return (value for field, value in _fields(message) if field == wanted and isinstance(value, memoryview))


def _written(field: int, value: memoryview | bytes | int) -> bytes:
    """A field of a message as protobuf has it."""
    if isinstance(value, int):
        return _as_number(field << 3) + _as_number(value)
    return _as_number(field << 3 | 2) + _as_number(len(value)) + bytes(value)


def _as_number(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
