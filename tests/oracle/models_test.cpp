#include <deeprec/core/order.hpp>
#include <deeprec/data/batch.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/predict.hpp>
#include <deeprec/training/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "oracle/models.hpp"

using namespace deeprec;

namespace {

/// Compares a tensor, or of a large model the 16 numbers that stand for it.
template <class T, class X>
void close(oracle::Case<T>& c, const std::string& name, const X& x) {
    if constexpr (requires { x.dense(); }) {
        return close(c, name, x.dense());
    } else {
        if (!c.has(name)) return;
        if (c.config.value("store", "full") == "full") {
            c.close(name, x);
            return;
        }
        if (x.size() == 0) return;
        double sum = 0, absolute = 0, squares = 0;
        for (Index i = 0; i < x.size(); ++i) {
            const double v = static_cast<double>(x.data()[i]);
            sum += v;
            absolute += std::abs(v);
            squares += v * v;
        }
        std::vector<double> checks{sum, absolute, std::sqrt(squares)};
        for (Index i = 0; i <= 12; ++i) checks.push_back(static_cast<double>(x.data()[i * (x.size() - 1) / 12]));
        c.close_values(name, checks.data(), 16);
    }
}

/// Full-batch training by Keras' Adam, PyTorch's Adam and plain gradient descent, from the same weights.
template <class T, class Model, class Inputs, class Rename>
void check_training(oracle::Case<T>& c, Model& model, const Inputs& x, const Rename& rename) {
    c.load(model, rename);
    const auto before = predict(model, x);
    if (c.has("out/pred0")) c.close_values("out/pred0", before.data(), before.size(), "loss");
    const TensorDataset data{x, c.template tensor<2>("in/y")};
    const auto batch = data.batch(deeprec::detail::all_indices(data.size()));
    const double rate = c.config["lr"];
    const int steps = c.config["steps"];
    ThreadPool pool(1);
    const auto train = [&](const std::string& name, auto&& step) {
        if (!c.has("out/" + name + ".loss")) return;
        Model own = model;
        Trainer<Model, BinaryCrossEntropy> trainer(own, BinaryCrossEntropy{}, pool);
        std::vector<double> losses;
        for (int t = 0; t <= steps; ++t) {
            losses.push_back(trainer.gradient(own, batch, Seed{}).mean());
            if (t == 0)
                for_each_parameter(own, trainer.gradients(),
                                   [&](std::string_view path, const auto&, const auto& gradient) {
                                       close(c, "out/grad0." + rename(std::string(path)), gradient);
                                   });
            if (t < steps) step(own, trainer.gradients());
        }
        c.close_values("out/" + name + ".loss", losses.data(), static_cast<Index>(losses.size()), "loss");
        const auto y = predict(own, x);
        if (c.has("out/" + name + ".pred_final"))
            c.close_values("out/" + name + ".pred_final", y.data(), y.size(), "loss");
        for_each_parameter(std::as_const(own), [&](std::string_view path, const auto& parameter) {
            close(c, "out/" + name + ".final." + rename(std::string(path)), parameter);
        });
    };
    const auto adam = [](AdamOptions options) {
        return [optimizer = Adam{options}](auto& own, auto& gradients) mutable { optimizer.step(own, gradients); };
    };
    train("adam_keras", adam({.learning_rate = rate}));
    train("adam_torch", adam({.learning_rate = rate, .epsilon = 1e-8, .rule = UpdateRule::torch}));
    train("sgd", [&](auto& own, auto& gradients) {
        for_each_parameter(own, gradients, [&](std::string_view, auto& parameter, const auto& gradient) {
            const auto descend = [&](const auto& g) {
                for (Index i = 0; i < g.size(); ++i) parameter.data()[i] -= static_cast<T>(10 * rate) * g.data()[i];
            };
            if constexpr (requires { gradient.dense(); })
                descend(gradient.dense());
            else
                descend(gradient);
        });
    });
}

}  // namespace

TEST_CASE("Models train as in Keras", "[oracle][models]") {
    oracle::run("models", "model_train", []<class T>(oracle::Case<T>& c) {
        c.config.only(
            {"name", "towers", "head", "merge", "time", "features", "batch", "vocab", "store", "lr", "steps"});
        oracle::with_model(c, [&](auto& model, const auto& rename, const auto& inputs) {
            check_training(c, model, inputs(""), rename);
        });
    });
}
