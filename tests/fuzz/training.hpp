/// The training whose states are fuzzed.
#pragma once

#include <filesystem>

#include <deeprec/layers/dense.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/auc_approximate.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/callbacks.hpp>
#include <deeprec/training/checkpoint.hpp>
#include <deeprec/training/fit.hpp>

namespace fuzz {

/// Goes on from the state in that directory, if there is one, up to so many epochs. Writes one after each epoch or,
/// with `inside`, after the third batch.
enum class Writes { nothing, epochs, inside };
inline void train(const std::filesystem::path& run, deeprec::Index epochs, Writes writes = Writes::nothing) {
    using namespace deeprec;
    Sequential model{Dense{2, relu}, Dense{1, sigmoid}};
    model.build({2}, Seed{1});
    Tensor<float, 2> x(4, 2), y(4, 1);
    fill_uniform(x, 1, Seed{2});
    y.setConstant(1);
    Adam optimizer;
    const TensorDataset data{x, y};
    EarlyStopping stopping{.monitor = "loss", .patience = 9, .restore_best_weights = true};
    Checkpoint checkpoint{.directory = run.string()};
    Auc auc;
    AucApproximate approximate{{.num_thresholds = 3}};
    const auto go = [&](auto&... callbacks) {
        fit(model, data, BinaryCrossEntropy{}, optimizer,
            {.epochs = epochs, .batch_size = 2, .threads = 1, .resume = (run / "last.state").string()}, auc,
            approximate, callbacks...);
    };
    auto stop = [n = 0, writes](const BatchEnd& e) mutable {
        if (writes == Writes::inside && ++n == 3) e.stop();
    };
    writes == Writes::nothing ? go(stopping) : go(stopping, stop, checkpoint);
}

}  // namespace fuzz
