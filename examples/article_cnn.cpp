// The convolutional recommender of the tutorial, layer for layer, on sequences that it can learn from.
//
// A sample is what one person did in 50 steps, each step one of 8 kinds of behaviour (one-hot). The rule to find: the
// person likes the item when behaviour 2 was directly followed by behaviour 5, anywhere.
#include <cstdio>
#include <iostream>

#include <deeprec/deeprec.hpp>

using namespace deeprec;

constexpr Index steps = 50, kinds = 8;

// Sequences [n, steps, kinds] and whether the rule holds, [n, 1]; about half of them do.
auto make_data(Index n, Seed seed) {
    const RandomStream random(seed);
    Tensor<float, 3> x(n, steps, kinds);
    Tensor<float, 2> y(n, 1);
    x.setZero();
    y.setZero();
    for (Index i = 0; i < n; ++i) {
        Index before = 0;
        for (Index t = 0; t < steps; ++t) {
            const auto kind = static_cast<Index>(random.below(static_cast<std::uint64_t>(i * steps + t), kinds));
            x(i, t, kind) = 1;
            if (before == 2 && kind == 5) y(i, 0) = 1;
            before = kind;
        }
    }
    return TensorDataset{x, y};
}

int main() {
    const auto train = make_data(4000, Seed{1}), valid = make_data(1000, Seed{2}), test = make_data(2000, Seed{3});

    Sequential cnn{
        Conv1D{64, 3, relu},
        MaxPool1D{2},
        Conv1D{64, 3, relu},
        MaxPool1D{2},
        Flatten{},
        Dense{100, relu},
        Dense{1, sigmoid},
    };
    cnn.build({steps, kinds}, Seed{42});
    cnn.summary(std::cout);

    Adam optimizer{{.learning_rate = 1e-3}};
    const History history = fit(cnn, train, BinaryCrossEntropy{}, optimizer,
                                {.epochs = 12, .batch_size = 64, .validation = &valid, .seed = 7}, ProgressBar{.stream = stdout},
                                EarlyStopping{.monitor = "val_loss", .patience = 3, .restore_best_weights = true});

    const Report report = evaluate(cnn, test, Auc{}, LogLoss{});
    std::printf("%zu epochs; on 2,000 unseen people: AUC %.4f, log loss %.4f\n", history.epochs.size(), report["auc"],
                report["log_loss"]);

    // Five people ranked by how well the item fits them.
    const auto probability = predict(cnn, test.inputs());
    std::printf("person  similarity  likes it\n");
    for (Index i = 0; i < 5; ++i)
        std::printf("%6ld  %10.3f  %s\n", static_cast<long>(i), static_cast<double>(probability(i, 0)), test.targets()(i, 0) > 0.5f ? "yes" : "no");
    return report["auc"] > 0.95 ? 0 : 1;
}
