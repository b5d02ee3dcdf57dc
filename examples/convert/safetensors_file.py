"""Reading and writing safetensors files with numpy alone, and what the converters share."""
import argparse
import json
import struct

import numpy as np

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}


def read(path):
    """The tensors of a file by name."""
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        numbers = np.frombuffer(data[8 + size + begin : 8 + size + end], TYPES[entry["dtype"]])
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors


def write(path, tensors):
    """Writes tensors of float32, row-major."""
    header, at = {}, 0
    arrays = {name: np.ascontiguousarray(array, "<f4") for name, array in tensors.items()}
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.tobytes())


def arguments(description, layer_help):
    """The command line: SOURCE TARGET [LAYER=PATH[:OPTION...] ...]."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("source")
    parser.add_argument("target", help="the .safetensors file to write")
    parser.add_argument("layers", nargs="*", metavar="LAYER=PATH", help=layer_help)
    found = parser.parse_args()
    paths = {}
    for layer in found.layers:
        name, separator, path = layer.partition("=")
        if not separator or name in paths:
            parser.error(f"expected LAYER=PATH, each layer once, received {layer!r}")
        paths[name] = path
    return found.source, found.target, paths


def match(layers, paths):
    """Pairs of (PATH, layer) for layers that have weights. Exits with both lists unless they are the same."""
    missing = [name for name in layers if name not in paths]
    unknown = [name for name in paths if name not in layers]
    if missing or unknown:
        lines = [f"  {name}=...: {kind}" for name, kind in ((n, describe(layers[n])) for n in layers)]
        raise SystemExit(
            (f"no LAYER=PATH for {', '.join(missing)}\n" if missing else "")
            + (f"the file has no layer {', '.join(unknown)}\n" if unknown else "")
            + "layers with weights:\n" + "\n".join(lines)
        )
    return [(paths[name], layers[name]) for name in layers]


def describe(weights):
    return ", ".join(f"{name} {list(np.shape(array))}" for name, array in weights.items())
