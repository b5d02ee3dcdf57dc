// The scripts of examples/convert, from files of Keras and PyTorch to outputs here. What needs Python with numpy and
// h5py is skipped without them.
#include <deeprec/io/model_file.hpp>
#include <deeprec/io/npy.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "support/catch.hpp"
#include "support/files.hpp"

#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/models/two_tower.hpp>

using namespace deeprec;

namespace {

bool runs(const std::string& command) { return std::system((command + " >/dev/null").c_str()) == 0; }
/// A Python with numpy and h5py; "" after saying loudly what is skipped.
const std::string& python(const char* skipped) {
    static const std::string found = [] {
        for (const std::string name : {"python3 -B", "/usr/bin/python3 -B"})
            if (runs(name + " -c 'import h5py, numpy' 2>/dev/null")) return name;
        return std::string();
    }();
    if (found.empty())
        std::printf("SKIPPED: %s, because there is no Python with numpy and h5py (Debian: python3-h5py)\n", skipped);
    return found;
}
const std::string source = DEEPREC_SOURCE_DIR;

/// Loads what a script makes of a file into a built model and compares its outputs with the framework's.
class Files {
public:
    explicit Files(std::string directory) : directory_(std::move(directory)) {}

    /// `compute(io)` gives the model's output for the inputs of the file `io`.
    template <class Model, class F>
    void check(Model& model, const std::string& script, const std::string& file, const std::string& io,
               const std::string& layers, const F& compute) {
        INFO(file);
        const auto weights = temporary_.path() / "weights.safetensors";
        REQUIRE(runs(python("") + " " + source + "/examples/convert/" + script + " " + directory_ + file + " " +
                     weights.string() + " " + layers));
        load(model, weights);
        SafetensorsReader expected(directory_ + io);
        const auto y = compute(expected);
        Tensor<double, 2> reference(y.dimension(0), 1);
        expected.read("out/prob", {y.dimension(0), 1}, reference.data());
        for (Index i = 0; i < y.size(); ++i) CHECK(std::abs(y.data()[i] - reference.data()[i]) < 1e-5);
    }
    template <class T, int Rank>
    static Tensor<T, Rank> input(SafetensorsReader& io, const std::string& name) {
        const auto& shape = io.tensors().at("in/" + name).shape;
        typename View<T, Rank>::Extents extents;
        for (std::size_t axis = 0; axis < Rank; ++axis) extents[axis] = static_cast<Index>(shape[axis]);
        Tensor<T, Rank> x;
        x.resize(extents);
        io.read("in/" + name, {shape.begin(), shape.end()}, x.data());
        return x;
    }
    template <class T, int Rank, class Model>
    static auto two(const Model& model, typename Model::Cache& cache) {
        return [&](SafetensorsReader& io) {
            const auto user = input<T, Rank>(io, "x0"), item = input<T, Rank>(io, "x1");
            return Tensor<float, 2>(model.forward(user, item, cache));
        };
    }

private:
    std::string directory_;
    support::TemporaryDirectory temporary_;
};

}  // namespace

TEST_CASE("files of Keras and PyTorch give their outputs here", "[convert]") {
    const char* chosen = std::getenv("DEEPREC_SHARED_ORACLE");
    const std::string directory = (chosen ? chosen : source + "/../shared/oracle") + "/files/";
    if (!std::filesystem::exists(directory)) {
        std::printf("SKIPPED: conversion of files of Keras and PyTorch, because %s is not there\n", directory.c_str());
        return;
    }
    if (python("conversion of files of Keras and PyTorch").empty()) return;
    Files files(directory);
    const std::string keras = "keras_to_deeprec.py", torch = "torch_to_deeprec.py";
    const std::string both = " head_dense1=head.0 head_out=head.1", numbered = " dense=head.0 dense_1=head.1";
    {
        Sequential model{Conv1D{6, 3, relu}, MaxPool1D{2},   Conv1D{5, 3, relu}, MaxPool1D{2},
                         Flatten{},          Dense{7, relu}, Dense{1, sigmoid}};
        model.build({12, 4}, Seed{1});
        decltype(model)::Cache cache;
        const auto compute = [&](SafetensorsReader& io) {
            const auto x = Files::input<float, 3>(io, "x0");
            return Tensor<float, 2>(model.forward(x, cache));
        };
        const std::string name = "cnn_small_single", io = name + ".io.safetensors";
        files.check(model, keras, name + ".keras", io, "", compute);
        files.check(model, keras, name + ".h5", io, "", compute);
        files.check(model, keras, name + ".weights.h5", io, "conv1d=0 conv1d_1=2 dense=5 dense_1=6", compute);
    }
    {
        TwoTower model{Sequential{Embedding{12, 4, {.mask_zero = true}}, GRU{5}},
                       Sequential{Embedding{12, 4, {.mask_zero = true}}, GRU{5}},
                       Sequential{Dense{6, relu}, Dense{1, sigmoid}}};
        model.build({{6}, {6}}, Seed{1});
        decltype(model)::Cache cache;
        const auto compute = Files::two<std::int32_t, 2>(model, cache);
        const std::string name = "embedding_gru_two_tower", io = name + ".io.safetensors";
        const std::string named = "tower0_emb=user.0 tower0_gru=user.1 tower1_emb=item.0 tower1_gru=item.1" + both;
        files.check(model, keras, name + ".keras", io, named, compute);
        files.check(model, keras, name + ".h5", io, named, compute);
        files.check(model, keras, name + ".weights.h5", io,
                    "embedding=user.0 gru=user.1 embedding_1=item.0 gru_1=item.1" + numbered, compute);
    }
    {
        const Sequential tower{LSTM{5, return_sequences}, LSTM{4}};
        TwoTower model{tower, tower, Sequential{Dense{6, relu}, Dense{1, sigmoid}}};
        model.build({{6, 3}, {6, 3}}, Seed{1});
        decltype(model)::Cache cache;
        const auto compute = Files::two<float, 3>(model, cache);
        const std::string name = "rnn_small_two_tower", io = name + ".io.safetensors";
        const std::string named =
            "tower0_lstm1=user.0 tower0_lstm2=user.1 tower1_lstm1=item.0 tower1_lstm2=item.1" + both;
        files.check(model, keras, name + ".keras", io, named, compute);
        files.check(model, keras, name + ".h5", io, named, compute);
        files.check(model, keras, name + ".weights.h5", io,
                    "lstm=user.0 lstm_2=user.1 lstm_1=item.0 lstm_3=item.1" + numbered, compute);
    }
    {
        Sequential model{LSTM{5, return_sequences}, LSTM{4}, Dense{6, relu}, Dense{1, sigmoid}};
        model.build({6, 3}, Seed{1});
        decltype(model)::Cache cache;
        files.check(model, torch, "rnn_small_single.torch.safetensors", "rnn_small_single.io.safetensors",
                    "tower0.lstm1=0 tower0.lstm2=1 head_dense1=2 head_out=3", [&](SafetensorsReader& io) {
                        const auto x = Files::input<float, 3>(io, "x0");
                        return Tensor<float, 2>(model.forward(x, cache));
                    });
    }
    {
        const Sequential tower{GRU{5, return_sequences}, GRU{4}};
        TwoTower model{tower, tower, Sequential{Dense{6, relu}, Dense{1, sigmoid}}};
        model.build({{7, 3}, {7, 3}}, Seed{1});
        decltype(model)::Cache cache;
        files.check(model, torch, "gru_two_tower.torch.safetensors", "gru_two_tower.io.safetensors",
                    "tower0.gru1=user.0 tower0.gru2=user.1 tower1.gru1=item.0 tower1.gru2=item.1" + both,
                    Files::two<float, 3>(model, cache));
    }
    {
        const Sequential tower{Conv1D{64, 3, relu}, MaxPool1D{2}, Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{}};
        TwoTower model{tower, tower, Sequential{Dense{100, relu}, Dense{1, sigmoid}}};
        model.build({{12, 8}, {12, 8}}, Seed{1});
        decltype(model)::Cache cache;
        files.check(model, torch, "cnn_full_two_tower.torch.safetensors", "cnn_full_two_tower.io.safetensors",
                    "tower0.conv1=user.0 tower0.conv2=user.2 tower1.conv1=item.0 tower1.conv2=item.2" + both,
                    Files::two<float, 3>(model, cache));
    }
}

TEST_CASE("the converters on small files, and a saved model read by numpy", "[convert]") {
    if (python("the converters' own tests").empty()) return;
    Sequential model{Dense{8, relu}, Dense{1, sigmoid}};
    model.build({5}, Seed{1});
    Tensor<float, 2> x(4, 5);
    fill_uniform(x, 1, Seed{2});
    decltype(model)::Cache cache;
    const support::TemporaryDirectory directory;
    const auto path = [&](const char* name) { return (directory.path() / name).string(); };
    save(model, path("model.safetensors"));
    save_npy(x, path("x.npy"));
    save_npy(model.forward(x, cache), path("y.npy"));
    CHECK(runs(python("") + " " + source + "/tests/io/convert_test.py " + path("model.safetensors") + " " +
               path("x.npy") + " " + path("y.npy")));
}
