// The recurrent recommender of the tutorial, layer for layer, on sequences that it can learn from.
//
// A sample is what one person did in 20 steps, each step one of 8 kinds of behaviour (one-hot). The rule to find needs
// memory: the person likes the item when the last of behaviours 2 and 5 that was seen is 5.
#include <cstdio>
#include <iostream>

#include <deeprec/deeprec.hpp>

using namespace deeprec;

constexpr Index steps = 20, kinds = 8;

// Sequences [n, steps, kinds] and whether the rule holds, [n, 1]; about half of them do.
auto make_data(Index n, Seed seed) {
    const RandomStream random(seed);
    Tensor<float, 3> x(n, steps, kinds);
    Tensor<float, 2> y(n, 1);
    x.setZero();
    y.setZero();
    for (Index i = 0; i < n; ++i)
        for (Index t = 0; t < steps; ++t) {
            const auto kind = static_cast<Index>(random.below(static_cast<std::uint64_t>(i * steps + t), kinds));
            x(i, t, kind) = 1;
            if (kind == 2 || kind == 5) y(i, 0) = kind == 5 ? 1.0f : 0.0f;
        }
    return TensorDataset{x, y};
}

int main() {
    const auto train = make_data(2000, Seed{1}), valid = make_data(500, Seed{2}), test = make_data(2000, Seed{3});

    Sequential rnn{
        LSTM{128, return_sequences},
        LSTM{128},
        Dense{100, relu},
        Dense{1, sigmoid},
    };
    rnn.build({steps, kinds}, Seed{42});
    rnn.summary(std::cout);

    Adam optimizer{{.learning_rate = 2e-3}};
    const History history = fit(rnn, train, BinaryCrossEntropy{}, optimizer,
                                {.epochs = 12, .batch_size = 64, .validation = &valid, .seed = 7}, ProgressBar{.stream = stdout},
                                EarlyStopping{.monitor = "val_loss", .patience = 3, .restore_best_weights = true});

    const Report report = evaluate(rnn, test, Auc{}, LogLoss{});
    std::printf("%zu epochs; on 2,000 unseen people: AUC %.4f, log loss %.4f\n", history.epochs.size(), report["auc"],
                report["log_loss"]);

    // Five people ranked by how well the item fits them.
    const auto probability = predict(rnn, test.inputs());
    std::printf("person  similarity  likes it\n");
    for (Index i = 0; i < 5; ++i)
        std::printf("%6ld  %10.3f  %s\n", static_cast<long>(i), static_cast<double>(probability(i, 0)), test.targets()(i, 0) > 0.5f ? "yes" : "no");
    return report["auc"] > 0.95 ? 0 : 1;
}
