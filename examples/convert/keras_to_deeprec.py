#!/usr/bin/env python3
"""Weights of a Keras model (.keras, .h5 or .weights.h5) as a safetensors file with deeprec's names, for
`load(model, "weights.safetensors")` into a built model. Needs h5py and numpy (Debian: python3-h5py); no Keras.

    keras_to_deeprec.py model.keras weights.safetensors                       # a Sequential: layer 0 is "0", ...
    keras_to_deeprec.py model.h5 weights.safetensors emb=user.0 lstm=user.1 dense=head.0 ...

Without LAYER=PATH it prints the layers that have weights. Layouts are the same in both libraries; nothing is
transposed. GlobalPooling, Dropout, Flatten and so on have no weights, but count in a Sequential, here as there.
"""
import io
import json
import re
import zipfile

import h5py

import safetensors_file

CELL = ["kernel", "recurrent_kernel", "bias"]
# The weights of a layer in the order in which Keras numbers them.
WEIGHTS = {
    "dense": ["kernel", "bias"],
    "conv1d": ["kernel", "bias"],
    "embedding": ["embeddings"],
    "layer_normalization": ["gamma", "beta"],
    "batch_normalization": ["gamma", "beta", "moving_mean", "moving_variance"],
    "lstm": CELL, "lstm_cell": CELL, "gru": CELL, "gru_cell": CELL, "simple_rnn": CELL, "simple_rnn_cell": CELL,
}  # fmt: skip
NAMES = {name for names in WEIGHTS.values() for name in names}
PARTS = {"forward_layer": "forward.", "backward_layer": "backward.", "query_dense": "query.", "key_dense": "key.",
         "value_dense": "value.", "output_dense": "attention_output."}  # fmt: skip


def snake(name):
    """As Keras: LSTM -> lstm, SimpleRNN -> simple_rnn, Conv1D -> conv1d."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def named(kind, values, config):
    """Weights by name, from their numbers."""
    names = list(WEIGHTS.get(kind, []))
    if config.get("use_bias") is False and "bias" in names:
        names.remove("bias")
    for option, name in (("scale", "gamma"), ("center", "beta")):
        if config.get(option) is False and name in names:
            names.remove(name)
    if "bias" in names and not config and len(values) == len(names) - 1:
        names.remove("bias")
    if len(values) != len(names):
        raise SystemExit(f"a layer of kind {kind} with {len(values)} weights: expected {names or 'none'}")
    return dict(zip(names, values))


def numbered(group, kind, config, prefix=""):
    """Weights below a group of Keras 3: vars/0, vars/1, ..., of the layer itself and of its parts."""
    found = {}
    variables = group.get("vars", {})
    values = [variables[str(i)][()] for i in range(len(variables))]
    if values:
        found.update({prefix + name: value for name, value in named(kind, values, config).items()})
    for key, inner in group.items():
        part = key.lstrip("_")
        if part == "vars" or not has_weights(inner):
            continue
        if part == "cell":
            found.update(numbered(inner, kind, config, prefix))
        elif part in PARTS and part.endswith("_layer"):
            inner_config = config.get("layer", {})
            inner_kind = snake(inner_config["class_name"]) if inner_config else "lstm"
            found.update(numbered(inner, inner_kind, inner_config.get("config", {}), prefix + PARTS[part]))
        elif part in PARTS:
            found.update(numbered(inner, "dense", config, prefix + PARTS[part]))
        elif not part.startswith("seed_generator"):
            raise SystemExit(f"{group.name}: nothing is known of the part {part}")
    return found


def has_weights(group):
    found = []
    if isinstance(group, h5py.Dataset):
        return True
    group.visititems(lambda _, item: found.append(1) if isinstance(item, h5py.Dataset) else None)
    return bool(found)


def of_keras_3(file, layers):
    """{layer: {weight: array}}. `layers` are [(name, class, configuration)] of the model, None where nobody knows."""
    groups = file["layers"] if "layers" in file else file["_layer_checkpoint_dependencies"]
    if layers is None:
        kinds = {name: re.sub(r"_\d+$", "", name) for name in groups}
        layers = [(name, kinds[name], {}) for name in groups]
        places = {name: name for name in groups}
    else:
        places, counts = {}, {}
        for name, kind, _ in layers:  # by class and number in older versions, by name in newer ones
            number = counts[kind] = counts.get(kind, -1) + 1
            counted = kind if number == 0 else f"{kind}_{number}"
            places[name] = name if name in groups and counted not in groups else counted
    found = {}
    for name, kind, config in layers:
        if places[name] in groups and has_weights(groups[places[name]]):
            if kind.startswith(("functional", "sequential")):
                raise SystemExit(f"{name}: a model inside of the model; save its weights by themselves")
            found[name] = numbered(groups[places[name]], kind, config)
    return found


def of_keras_2(file):
    """The format that names the weights."""
    weights = file["model_weights"] if "model_weights" in file else file
    text = lambda name: name.decode() if isinstance(name, bytes) else str(name)
    found = {}
    for layer in map(text, weights.attrs["layer_names"]):
        for path in map(text, weights[layer].attrs["weight_names"]):
            parts = re.sub(r":\d+$", "", path).split("/")
            name = parts[-1]
            if name not in NAMES:
                raise SystemExit(f"{layer}: nothing is known of the weight {path}")
            for part in parts[:-1]:
                if part in ("query", "key", "value", "attention_output"):
                    name = f"{part}.{name}"
                elif part.startswith(("forward_", "backward_")):
                    name = f"{part.split('_')[0]}.{name}"
            if name in found.setdefault(layer, {}):
                raise SystemExit(f"{layer}: two weights {name}; a model inside of the model must be saved by itself")
            found[layer][name] = weights[layer][path][()]
    return {layer: weights for layer, weights in found.items() if weights}


def read(path):
    """Weights by layer, and the PATH of each where the model is a Sequential."""
    config = None
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            file = h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r")
    else:
        file = h5py.File(path, "r")
        if "model_config" in file.attrs:
            config = json.loads(file.attrs["model_config"])
    layers, paths = None, {}
    if config:
        described = [layer for layer in config["config"]["layers"] if layer["class_name"] != "InputLayer"]
        name_of = lambda layer: layer.get("name") or layer["config"]["name"]
        layers = [(name_of(layer), snake(layer["class_name"]), layer["config"]) for layer in described]
        if config["class_name"] == "Sequential":
            paths = {name: str(number) for number, (name, _, _) in enumerate(layers)}
    keras_2 = "layer_names" in file.attrs or "model_weights" in file
    return (of_keras_2(file) if keras_2 else of_keras_3(file, layers)), paths


def main():
    source, target, paths = safetensors_file.arguments(__doc__, "deeprec's path of a layer of Keras")
    layers, own = read(source)
    if not paths:
        paths = {name: path for name, path in own.items() if name in layers}
    tensors = {
        f"{path}.{name}": array
        for path, weights in safetensors_file.match(layers, paths)
        for name, array in weights.items()
    }
    safetensors_file.write(target, tensors)


if __name__ == "__main__":
    main()
