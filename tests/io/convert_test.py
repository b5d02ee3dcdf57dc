"""The converters of examples/convert on small files made here, and the Python of docs/exchange.md and chapter 10.

Run by tests/io/convert_test.cpp. Arguments: the MODEL that it saved, and its INPUT and OUTPUT, .npy files.
"""
import collections
import os
import pickle
import re
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile

import h5py
import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CONVERT = os.path.join(ROOT, "examples", "convert")
sys.path.insert(0, CONVERT)
import safetensors_file  # noqa: E402


def run(script, *arguments):
    command = [sys.executable, "-B", os.path.join(CONVERT, script), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


class Tensor:
    """Pickled as torch.save does a tensor whose numbers are a storage of the file."""

    def __init__(self, key, array, strides=None):
        self.key, self.array, self.strides = key, np.ascontiguousarray(array, "<f4"), strides

    def __reduce__(self):
        strides = self.strides or [s // 4 for s in self.array.strides]
        return torch_utils._rebuild_tensor_v2, (Storage(self), 0, self.array.shape, tuple(strides), False, None)


class Storage:
    def __init__(self, tensor):
        self.tensor = tensor


def named(module, name):
    """A function with the name of one of torch's, for the pickle to write down."""
    function = types.FunctionType((lambda *_: None).__code__, {}, name)
    function.__module__, function.__qualname__ = module, name
    setattr(sys.modules.setdefault(module, types.ModuleType(module)), name, function)
    return function


sys.modules["torch"] = types.ModuleType("torch")
named("torch._utils", "_rebuild_tensor_v2")
torch_utils = sys.modules["torch._utils"]
float_storage = named("torch", "FloatStorage")


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", float_storage, value.tensor.key, "cpu", value.tensor.array.size)
        return None


def save_torch(path, state):
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("model/data.pkl", "w") as file:
            Pickler(file, 2).dump(state)
        for value in state.values():
            if isinstance(value, Tensor):
                archive.writestr(f"model/data/{value.key}", value.array.tobytes())


class Converters(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = lambda name: os.path.join(folder.name, name)
        self.random = np.random.default_rng(1)

    def convert(self, script, source, *layers):
        result = run(script, source, self.path("out.safetensors"), *layers)
        self.assertEqual(result.returncode, 0, result.stderr)
        return safetensors_file.read(self.path("out.safetensors"))

    def torch(self, state, *layers):
        tensors = {name: Tensor(str(i), array) for i, (name, array) in enumerate(state.items())}
        save_torch(self.path("model.pt"), collections.OrderedDict(tensors))
        return self.convert("torch_to_deeprec.py", self.path("model.pt"), *layers)

    def test_torch_layouts(self):
        new = lambda *shape: self.random.normal(size=shape).astype("f4")
        state = {"conv.weight": new(4, 3, 2), "conv.bias": new(4), "fc.weight": new(5, 12), "fc.bias": new(5),
                 "emb.weight": new(7, 3), "norm.weight": new(3), "norm.bias": new(3), "bn.weight": new(3),
                 "bn.bias": new(3), "bn.running_mean": new(3), "bn.running_var": new(3)}  # fmt: skip
        got = self.torch(state, "conv=0", "fc=3:channels=4", "emb=user.0:embedding", "norm=4", "bn=5")
        np.testing.assert_array_equal(got["0.kernel"], state["conv.weight"].transpose(2, 1, 0))
        np.testing.assert_array_equal(got["user.0.embeddings"], state["emb.weight"])
        np.testing.assert_array_equal(got["4.gamma"], state["norm.weight"])
        np.testing.assert_array_equal(got["5.moving_variance"], state["bn.running_var"])
        x = new(4, 3)  # [channels, time]: the same product behind either Flatten
        np.testing.assert_allclose(x.T.reshape(-1) @ got["3.kernel"], state["fc.weight"] @ x.reshape(-1), rtol=1e-5)

    def test_torch_recurrent(self):
        new = lambda *shape: self.random.normal(size=shape).astype("f4")
        state = {}
        for name, gates, suffixes in (("lstm", 4, ("_l0", "_l0_reverse")), ("gru", 3, ("_l0", "_l1"))):
            for suffix in suffixes:
                inputs = 2 if suffix == "_l1" else 3
                state[f"{name}.weight_ih{suffix}"] = new(gates * 2, inputs)
                state[f"{name}.weight_hh{suffix}"] = new(gates * 2, 2)
                state[f"{name}.bias_ih{suffix}"] = new(gates * 2)
                state[f"{name}.bias_hh{suffix}"] = new(gates * 2)
        got = self.torch(state, "lstm=0", "gru=1,2")
        np.testing.assert_array_equal(got["0.backward.kernel"], state["lstm.weight_ih_l0_reverse"].T)
        np.testing.assert_array_equal(got["0.forward.bias"], state["lstm.bias_ih_l0"] + state["lstm.bias_hh_l0"])
        z_first = [2, 3, 0, 1, 4, 5]
        np.testing.assert_array_equal(got["2.recurrent_kernel"], state["gru.weight_hh_l1"][z_first].T)
        np.testing.assert_array_equal(got["1.bias"][1], state["gru.bias_hh_l0"][z_first])

    def test_torch_refuses(self):
        def complain(state, *layers):
            save_torch(self.path("m.pt"), state)
            return run("torch_to_deeprec.py", self.path("m.pt"), self.path("o"), *layers).stderr

        weight = Tensor("0", np.ones((2, 3)))
        self.assertIn("without bias: write a=PATH:embedding or :linear", complain({"a.weight": weight}, "a=0"))
        self.assertIn("no LAYER=PATH for a", complain({"a.weight": weight}))
        self.assertIn("the file has no layer b", complain({"a.weight": weight}, "a=0:linear", "b=1"))
        self.assertIn("asks for posix.system", complain({"a": os.system}, "a=0"))
        outside = Tensor("0", np.ones((2, 3)), strides=[300, 1])
        self.assertIn("is not inside its 6 numbers", complain({"a.weight": outside}, "a=0:linear"))
        self.assertFalse(os.path.exists(self.path("o")))

    def test_keras_parts(self):
        with h5py.File(self.path("model.weights.h5"), "w") as file:
            for part in ("forward_layer", "backward_layer"):
                for i, shape in enumerate(((3, 8), (2, 8), (8,))):
                    file[f"layers/bidirectional/{part}/cell/vars/{i}"] = self.random.normal(size=shape)
            for part in ("_query_dense", "_output_dense"):
                file[f"layers/multi_head_attention/{part}/vars/0"] = np.ones((3, 2, 4))
                file[f"layers/multi_head_attention/{part}/vars/1"] = np.ones(3)
            for i in range(4):
                file[f"layers/batch_normalization_1/vars/{i}"] = np.full(3, i)
        layers = ("bidirectional=0", "batch_normalization_1=1", "multi_head_attention=2")
        got = self.convert("keras_to_deeprec.py", self.path("model.weights.h5"), *layers)
        names = ("kernel", "recurrent_kernel", "bias")
        cell = [f"0.{part}.{name}" for part in ("forward", "backward") for name in names]
        norm = [f"1.{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")]
        attention = [f"2.{part}.{name}" for part in ("query", "attention_output") for name in ("kernel", "bias")]
        self.assertEqual(sorted(got), sorted(cell + norm + attention))
        self.assertEqual(got["1.moving_mean"][0], 2)


class SavedModel(unittest.TestCase):
    def test_numpy_reads_it(self):
        """The ten lines of docs/exchange.md give what the model gave."""
        with open(os.path.join(ROOT, "docs", "exchange.md"), encoding="utf-8") as file:
            lines = re.search(r"```python\n(.*?)```", file.read(), re.DOTALL).group(1)
        model, x, y = arguments
        names = {}
        exec(lines.replace("model.safetensors", model).replace("x.npy", x), names)
        np.testing.assert_allclose(names["y"], np.load(y), rtol=1e-5, atol=1e-6)

    def test_keras_writes_it(self):
        """The lines of chapter 10, with stand-ins for a Keras model and the package safetensors."""
        with open(os.path.join(ROOT, "docs", "guide", "10-keras-pytorch.md"), encoding="utf-8") as file:
            lines = re.search(r"```py\n(.*?)```", file.read(), re.DOTALL).group(1)
        weight = lambda name, array: types.SimpleNamespace(name=name, numpy=lambda: array)  # noqa: E731
        layers = [[weight("kernel", np.ones((3, 8, 64), "<f4")), weight("bias", np.zeros(64, "<f4"))], [], []]
        model = types.SimpleNamespace(layers=[types.SimpleNamespace(weights=w) for w in layers])
        written = {}
        package, module = types.ModuleType("safetensors"), types.ModuleType("safetensors.numpy")
        module.save_file = lambda weights, path: written.update({path: weights})
        sys.modules.update({"safetensors": package, "safetensors.numpy": module})
        exec(lines, {"model": model})
        self.assertEqual({name: a.shape for name, a in written["keras.safetensors"].items()},
                         {"0.kernel": (3, 8, 64), "0.bias": (64,)})


if __name__ == "__main__":
    arguments = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
