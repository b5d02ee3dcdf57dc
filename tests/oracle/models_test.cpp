#include <deeprec/core/order.hpp>
#include <deeprec/data/batch.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/predict.hpp>
#include <deeprec/training/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "oracle/models.hpp"

using namespace deeprec;

namespace {

/// Compares a parameter or its gradient, or of a large model the 16 numbers that stand for it.
template <class T>
void close(oracle::Case<T>& c, const std::string& name, const Parameter<T>& p, const T* x) {
    if (!c.has(name)) return;
    if (c.config.value("store", "full") == "full") {
        if (x == p.values)
            c.close_parameter_if(name, p);
        else
            c.close_gradient_if(name, p);
        return;
    }
    const Index size = p.size();
    if (size == 0) return;
    double sum = 0, absolute = 0, squares = 0;
    for (Index i = 0; i < size; ++i) {
        const double v = static_cast<double>(x[i]);
        sum += v;
        absolute += std::abs(v);
        squares += v * v;
    }
    std::vector<double> checks{sum, absolute, std::sqrt(squares)};
    for (Index i = 0; i <= 12; ++i) checks.push_back(static_cast<double>(x[i * (size - 1) / 12]));
    c.close_values(name, checks.data(), 16);
}
/// f(parameter, its whole gradient) for what is trained.
template <class T, class F>
void with_gradients(const ParameterList<T>& list, const F& f) {
    for (const Parameter<T>& p : list) {
        if (p.is_state()) continue;
        if (p.rows)
            f(p, p.rows->dense().data());
        else
            f(p, static_cast<const T*>(p.gradient));
    }
}
template <class T>
void close_gradients(oracle::Case<T>& c, const ParameterList<T>& list, const oracle::Rename& rename) {
    with_gradients(list, [&](const Parameter<T>& p, const T* g) { close(c, "out/grad0." + rename(p.path), p, g); });
}
template <class T>
void close_parameters(oracle::Case<T>& c, const std::string& prefix, const ParameterList<T>& list,
                      const oracle::Rename& rename) {
    for (const Parameter<T>& p : list)
        if (!p.is_state()) close(c, prefix + rename(p.path), p, static_cast<const T*>(p.values));
}
template <class T>
void descend(const ParameterList<T>& list, T rate) {
    with_gradients(list, [&](const Parameter<T>& p, const T* g) {
        for (Index i = 0; i < p.size(); ++i) p.values[i] -= rate * g[i];
    });
}

/// Full-batch training by Keras' Adam, PyTorch's Adam and plain gradient descent, from the same weights.
template <class T, class Model, class Inputs>
void check_training(oracle::Case<T>& c, Model& model, const Inputs& x, const oracle::Rename& rename) {
    c.load(model, rename);
    const auto before = predict(model, x);
    if (c.has("out/pred0")) c.close_values("out/pred0", before.data(), before.size(), "loss");
    const TensorDataset data{x, c.template tensor<2>("in/y")};
    const auto batch = data.batch(deeprec::detail::all_indices(data.size()));
    const double rate = c.config["lr"];
    const int steps = c.config["steps"];
    ThreadPool pool(1);
    using Step = std::function<void(Model&, typename Model::Gradients&)>;
    const auto train = [&](const std::string& name, const Step& step) {
        if (!c.has("out/" + name + ".loss")) return;
        Model own = model;
        Trainer<Model, BinaryCrossEntropy> trainer(own, BinaryCrossEntropy{}, pool);
        std::vector<double> losses;
        for (int t = 0; t <= steps; ++t) {
            losses.push_back(trainer.gradient(own, batch, Seed{}).mean());
            if (t == 0) close_gradients(c, parameter_list(own, trainer.gradients()), rename);
            if (t < steps) step(own, trainer.gradients());
        }
        c.close_values("out/" + name + ".loss", losses.data(), static_cast<Index>(losses.size()), "loss");
        const auto y = predict(own, x);
        if (c.has("out/" + name + ".pred_final"))
            c.close_values("out/" + name + ".pred_final", y.data(), y.size(), "loss");
        close_parameters(c, "out/" + name + ".final.", parameter_list(own), rename);
    };
    const auto adam = [](AdamOptions options) -> Step {
        return [optimizer = Adam{options}](Model& own, auto& gradients) mutable { optimizer.step(own, gradients); };
    };
    train("adam_keras", adam({.learning_rate = rate}));
    train("adam_torch", adam({.learning_rate = rate, .epsilon = 1e-8, .rule = UpdateRule::torch}));
    train("sgd", [&](Model& own, auto& gradients) {
        descend(parameter_list(own, gradients), static_cast<T>(10 * rate));
        own.parameters_changed();
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
