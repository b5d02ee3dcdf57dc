// Trains, saves, loads and prints the bits of the weights: the same whether the library is compiled here or in
// deeprec::compiled.
#include <cstdio>
#include <cstring>

#include <deeprec/deeprec.hpp>
using namespace deeprec;

template <class T, class Model>
void report(const char* name, const Model& model) {
    std::uint64_t hash = 0xcbf29ce484222325ull;
    for (const auto& p : parameter_list(model))
        for (Index i = 0; i < p.size(); ++i) {
            std::uint64_t bits = 0;
            std::memcpy(&bits, p.values + i, sizeof(T));
            hash = (hash ^ bits) * 0x100000001b3ull;
        }
    std::printf("%s %016llx\n", name, static_cast<unsigned long long>(hash));
}

template <class T, class Optimizer>
void train(const char* name, Optimizer optimizer) {
    Tensor<T, 3> x(150, 12, 6);
    Tensor<T, 2> y(150, 1);
    const RandomStream random(Seed{1});
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<T>(random.normal(static_cast<std::uint64_t>(i)));
    for (Index i = 0; i < 150; ++i) y(i, 0) = x(i, 11, 0) > 0 ? T(1) : T(0);
    const TensorDataset data{x, y};
    Sequential model{Conv1D<T, ReLU>{40, 3}, LSTM<T>{13}, Dense<T, Swish>{9}, Dense<T, Sigmoid>{1}};
    model.build({12, 6}, Seed{42});
    fit(model, data, BinaryCrossEntropy{}, optimizer, {.epochs = 2, .batch_size = 70, .threads = 2});
    report<T>(name, model);
}

int main() {
    train<float>("float Adam", Adam{{.learning_rate = 1e-2}});
    train<double>("double SGD", SGD{{.learning_rate = 1e-1, .momentum = 0.9}});

    Sequential towers{Embedding{50, 8}, GRU{12}, Dense{1, sigmoid}};
    towers.build({7}, Seed{3});
    Tensor<std::int32_t, 2> ids(90, 7);
    Tensor<float, 2> likes(90, 1);
    for (Index i = 0; i < ids.size(); ++i) ids.data()[i] = static_cast<std::int32_t>(i * i % 50);
    for (Index i = 0; i < 90; ++i) likes(i, 0) = static_cast<float>(i % 2);
    AdamW optimizer;
    fit(towers, TensorDataset{ids, likes}, BinaryCrossEntropy{}, optimizer, {.epochs = 2},
        Checkpoint{.directory = "run", .monitor = "loss"}, HistoryFile{"history.csv"});
    report<float>("ids AdamW", towers);
    report<float>("from its file", load<decltype(towers)>("run/best.safetensors"));
}
