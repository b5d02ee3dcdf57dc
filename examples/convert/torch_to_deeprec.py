#!/usr/bin/env python3
"""Weights of a PyTorch state dict (.pt, .pth or .safetensors) as a safetensors file with deeprec's names and layouts,
for `load(model, "weights.safetensors")` into a built model. Needs numpy; no PyTorch, and nothing in the file is run.

    torch_to_deeprec.py model.pt weights.safetensors conv1=user.0 fc1=head.0 out=head.1 ...

Without LAYER=PATH it prints the layers that have weights. Options stand behind a PATH:

    emb=user.0:embedding        a weight of two axes without bias may be an Embedding or a Linear (:linear)
    rnn=user.1,user.2           a recurrent module of two layers
    fc=head.0:channels=64       a Linear behind Flatten of [batch, 64, time]: here Flatten joins [time, 64]
"""
import collections
import pickle
import types
import zipfile

import numpy as np

import safetensors_file

STORAGES = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8",
            "IntStorage": "<i4", "ShortStorage": "<i2", "ByteStorage": "|u1", "CharStorage": "|i1",
            "BoolStorage": "|b1"}  # fmt: skip


def rebuild(storage, offset, shape, strides, *_):
    """What torch._utils._rebuild_tensor_v2 does."""
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
    if min(shape, default=1) > 0 and (offset < 0 or min(strides, default=0) < 0 or last >= len(storage)):
        raise SystemExit(f"a tensor of {shape} with strides {strides} is not inside its {len(storage)} numbers")
    steps = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()


class Restricted(pickle.Unpickler):
    """Reads tensors and the containers around them; every other name is refused."""

    def __init__(self, file, load_storage):
        super().__init__(file)
        self.load_storage = load_storage

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in STORAGES:
            return types.SimpleNamespace(dtype=STORAGES[name])
        raise SystemExit(f"the file asks for {module}.{name}: expected torch.save(model.state_dict(), path)")

    def persistent_load(self, key):
        kind, storage, name, _, size = key
        if kind != "storage":
            raise SystemExit(f"the file has a {kind} where a storage was expected")
        numbers = self.load_storage(str(name), storage.dtype)
        if len(numbers) < size:
            raise SystemExit(f"storage {name}: expected {size} numbers, received {len(numbers)}")
        return numbers


def read(path):
    """Tensors by name."""
    if path.endswith(".safetensors"):
        return safetensors_file.read(path)
    if not zipfile.is_zipfile(path):
        raise SystemExit(f"{path}: expected the zip file that torch.save writes since version 1.6")
    with zipfile.ZipFile(path) as archive:
        (described,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = described[: -len("data.pkl")]
        load = lambda name, dtype: np.frombuffer(archive.read(f"{folder}data/{name}"), dtype)
        with archive.open(described) as file:
            state = Restricted(file, load).load()
    while isinstance(state, dict) and isinstance(state.get("state_dict"), dict):  # a checkpoint around it
        state = state["state_dict"]
    bad = [name for name, value in state.items() if not isinstance(value, np.ndarray)]
    if bad:
        raise SystemExit(f"expected tensors alone, received something else as {', '.join(map(str, bad))}")
    return state


def gates(weight, count):
    """[gates u, in] -> [in, gates u]; a GRU's r, z, n becomes z, r, n."""
    parts = np.split(np.asarray(weight), count)
    if count == 3:
        parts[:2] = parts[1::-1]
    return np.concatenate(parts).T


def recurrent(layer, number, suffix):
    """One layer and direction of a recurrent module."""
    take = lambda name: layer.pop(f"{name}_l{number}{suffix}", None)
    weight, hidden, bias, hidden_bias = take("weight_ih"), take("weight_hh"), take("bias_ih"), take("bias_hh")
    count = hidden.shape[0] // hidden.shape[1]
    if count not in (1, 3, 4) or hidden.shape[0] != count * hidden.shape[1]:
        raise SystemExit(f"weight_hh_l{number} of {hidden.shape}: expected an RNN, a GRU or an LSTM without proj_size")
    weights = {"kernel": gates(weight, count), "recurrent_kernel": gates(hidden, count)}
    if bias is not None:
        rows = [gates(bias, count), gates(hidden_bias, count)]
        weights["bias"] = np.stack(rows) if count == 3 else rows[0] + rows[1]
    return weights


def converted(name, layer, places):
    """deeprec's tensors of one module. `places` is PATH[:OPTION]."""
    layer = dict(layer)
    places, *options = places.split(":")
    paths = places.split(",")
    if "weight_ih_l0" in layer:
        found = {}
        for number, path in enumerate(paths):
            if f"weight_ih_l{number}" not in layer:
                raise SystemExit(f"{name}: {len(paths)} paths, but no layer {number}")
            both = f"weight_ih_l{number}_reverse" in layer
            for suffix, part in (("", "forward."), ("_reverse", "backward.")) if both else (("", ""),):
                for weight, array in recurrent(layer, number, suffix).items():
                    found[f"{path}.{part}{weight}"] = array
        if layer or options:
            raise SystemExit(f"{name}: left over: {', '.join([*layer, *options])}; each of its layers needs a path")
        return found

    weight, bias = layer.pop("weight", None), layer.pop("bias", None)
    layer.pop("num_batches_tracked", None)
    mean, variance = layer.pop("running_mean", None), layer.pop("running_var", None)
    if layer or weight is None or len(paths) != 1:
        raise SystemExit(f"{name}: nothing is known of a module with {', '.join([*layer]) or 'these weights'}")
    kind = options[0] if options else ""
    known = weight.ndim == 2 and kind in ("embedding", "linear") or kind.startswith("channels=") and weight.ndim == 2
    if len(options) > 1 or kind and not known:
        raise SystemExit(f"{name}: unknown option {':'.join(options)}")
    if weight.ndim == 1:
        found = {"gamma": weight, "beta": bias, "moving_mean": mean, "moving_variance": variance}
    elif weight.ndim == 3:
        found = {"kernel": np.transpose(weight, (2, 1, 0)), "bias": bias}
    elif kind == "embedding":
        found = {"embeddings": weight}
    elif weight.ndim == 2 and (bias is not None or kind):
        if kind.startswith("channels="):
            channels = int(kind.removeprefix("channels="))
            if channels < 1 or weight.shape[1] % channels:
                raise SystemExit(f"{name}: {weight.shape[1]} inputs are not a multiple of {channels} channels")
            weight = weight.reshape(len(weight), channels, -1).transpose(0, 2, 1).reshape(weight.shape)
        found = {"kernel": weight.T, "bias": bias}
    else:
        shape = list(weight.shape)
        raise SystemExit(f"{name}: a weight of {shape} without bias: write {name}=PATH:embedding or :linear")
    return {f"{paths[0]}.{weight}": array for weight, array in found.items() if array is not None}


def main():
    source, target, paths = safetensors_file.arguments(__doc__, "deeprec's path of a module of PyTorch")
    layers = {}
    for name, array in read(source).items():
        module, _, weight = name.rpartition(".")
        layers.setdefault(module, {})[weight] = array
    tensors = {}
    for name, (path, layer) in zip(layers, safetensors_file.match(layers, paths)):
        tensors.update(converted(name, layer, path))
    safetensors_file.write(target, tensors)


if __name__ == "__main__":
    main()
