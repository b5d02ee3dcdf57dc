#include <deeprec/optimizers/adadelta.hpp>
#include <deeprec/optimizers/adagrad.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/adamax.hpp>
#include <deeprec/optimizers/adamw.hpp>
#include <deeprec/optimizers/ftrl.hpp>
#include <deeprec/optimizers/lion.hpp>
#include <deeprec/optimizers/nadam.hpp>
#include <deeprec/optimizers/radam.hpp>
#include <deeprec/optimizers/rmsprop.hpp>
#include <deeprec/optimizers/sgd.hpp>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {

/// The three problems of the vectors in the form that an optimizer steps; parameters that a problem lacks stay empty.
template <class T>
struct Problem {
    struct Gradients {
        Tensor<T, 1> w, b1, b2;
        Tensor<T, 2> w1, w2;
    };
    using Scalar = T;
    void fields(Fields<T>& f, Gradients& g) {
        f.parameter("w", weights.w, g.w);
        f.parameter("w1", weights.w1, g.w1);
        f.parameter("b1", weights.b1, g.b1);
        f.parameter("w2", weights.w2, g.w2);
        f.parameter("b2", weights.b2, g.b2);
    }
    void parameters_changed() {}

    explicit Problem(const oracle::Case<T>& c) : kind(c.config["problem"]) {
        if (kind != "mlp" && kind != "quadratic" && kind != "partial") throw oracle::NotApplicable{"problem " + kind};
        if (kind == "mlp") {
            x = c.template tensor<2>("in/x");
            t = c.template tensor<2>("in/t");
            weights = {{},
                       c.template tensor<1>("param/b1"),
                       c.template tensor<1>("param/b2"),
                       c.template tensor<2>("param/w1"),
                       c.template tensor<2>("param/w2")};
        } else {
            if (kind == "quadratic") a = c.template tensor<2>("in/A");
            if (kind == "partial") s = c.template tensor<1>("in/s");
            center = c.template tensor<1>("in/c");
            weights.w = c.template tensor<1>("param/w");
        }
    }
    /// The loss, and its gradient in `g`.
    double loss(Gradients& g) const { return kind == "mlp" ? mlp(g) : bowl(g); }

    Gradients weights;

private:
    double bowl(Gradients& g) const {
        const Index n = center.size();
        double sum = 0;
        for (Index i = 0; i < n; ++i) {
            T slope = kind == "partial" ? s(i) * (weights.w(i) - center(i)) : T(0);
            for (Index j = 0; j < n && kind == "quadratic"; ++j) slope += a(i, j) * (weights.w(j) - center(j));
            g.w(i) = slope;
            sum += 0.5 * static_cast<double>((weights.w(i) - center(i)) * slope);
        }
        return sum;
    }
    double mlp(Gradients& g) const {
        const Index rows = x.dimension(0), in = x.dimension(1), units = weights.b1.size();
        for_each_parameter(*this, g, [](std::string_view, const auto&, auto& gradient) { gradient.setZero(); });
        double sum = 0;
        for (Index r = 0; r < rows; ++r) {
            std::vector<T> h(static_cast<std::size_t>(units));
            T y = weights.b2(0);
            for (Index u = 0; u < units; ++u) {
                T z = weights.b1(u);
                for (Index i = 0; i < in; ++i) z += x(r, i) * weights.w1(i, u);
                h[static_cast<std::size_t>(u)] = std::tanh(z);
                y += h[static_cast<std::size_t>(u)] * weights.w2(u, 0);
            }
            const T difference = y - t(r, 0), dy = 2 * difference / static_cast<T>(rows);
            sum += static_cast<double>(difference * difference) / static_cast<double>(rows);
            g.b2(0) += dy;
            for (Index u = 0; u < units; ++u) {
                const T hu = h[static_cast<std::size_t>(u)], dz = dy * weights.w2(u, 0) * (1 - hu * hu);
                g.w2(u, 0) += dy * hu;
                g.b1(u) += dz;
                for (Index i = 0; i < in; ++i) g.w1(i, u) += dz * x(r, i);
            }
        }
        return sum;
    }
    std::string kind;
    Tensor<T, 2> a, x, t;
    Tensor<T, 1> s, center;
};

/// What the frameworks have by default where ours differs (Keras' or the only framework's are ours).
template <class Options>
void torch_defaults(Options& o) {
    if constexpr (requires { o.epsilon; }) o.epsilon = 1e-8;
    if constexpr (requires { o.rho; }) o.rho = 0.99;
    if constexpr (std::is_same_v<Options, AdagradOptions>) o.initial_accumulator_value = 0, o.epsilon = 1e-10;
    if constexpr (std::is_same_v<Options, AdadeltaOptions>) o.rho = 0.9, o.epsilon = 1e-6;
    if constexpr (std::is_same_v<Options, NadamOptions>) o.momentum_decay = 4e-3;
}

/// The options of a case; TensorFlow.js' rule is sometimes Keras', sometimes PyTorch's.
template <class Options>
Options options_of(const oracle::Config& config, const std::string& semantics, UpdateRule tfjs) {
    Options o;
    if (semantics == "torch") torch_defaults(o);
    if constexpr (requires { o.rule; })
        o.rule = semantics == "keras" ? UpdateRule::keras : semantics == "torch" ? UpdateRule::torch : tfjs;
    o.learning_rate = config["lr"];
    std::map<std::string, bool> known;
    for (const std::string& hyper : config.value("hyper", std::vector<std::string>{})) known[hyper] = false;
#define TAKE(name, field)                                                                                              \
    if constexpr (requires { o.field; })                                                                               \
        if (known.count(name)) known[name] = true, o.field = config[name].template get<decltype(o.field)>()
    TAKE("momentum", momentum);
    TAKE("nesterov", nesterov);
    TAKE("dampening", dampening);
    TAKE("initial_accumulator_value", initial_accumulator_value);
    TAKE("lr_decay", learning_rate_decay);
    TAKE("rho", rho);
    TAKE("alpha", rho);
    TAKE("decay", rho);
    TAKE("centered", centered);
    TAKE("beta_1", beta_1);
    TAKE("beta_2", beta_2);
    TAKE("eps", epsilon);
    TAKE("epsilon", epsilon);
    TAKE("amsgrad", amsgrad);
    TAKE("weight_decay", weight_decay);
    TAKE("l1_regularization_strength", l1_regularization_strength);
    TAKE("l2_regularization_strength", l2_regularization_strength);
    TAKE("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength);
    TAKE("clipvalue", clipping.value);
    TAKE("clipnorm", clipping.norm);
    TAKE("global_clipnorm", clipping.global_norm);
#undef TAKE
    if constexpr (requires { o.beta_1; })
        if (known.count("betas")) {
            known["betas"] = true;
            o.beta_1 = config["betas"].at(0);
            o.beta_2 = config["betas"].at(1);
        }
    for (const auto& [name, taken] : known)
        if (!taken) throw oracle::NotApplicable{"hyperparameter " + name};
    return o;
}

/// Calls f with the optimizer of a case.
template <class F>
void with_optimizer(const oracle::Config& config, const std::string& semantics, F&& f) {
    const std::string name = config["name"];
    if (semantics != "keras" && semantics != "torch" && semantics != "tfjs")
        throw oracle::NotApplicable{"semantics " + semantics};
    const auto run = [&]<class Optimizer>(UpdateRule tfjs, Optimizer*) {
        f(Optimizer{options_of<typename Optimizer::Options>(config, semantics, tfjs)});
    };
    const auto keras = UpdateRule::keras, torch = UpdateRule::torch;
    if (name == "rmsprop" && semantics == "tfjs" && config.value("centered", false))
        throw oracle::NotApplicable{"TensorFlow.js subtracts epsilon in a centered RMSprop"};
    if (name == "adadelta" && semantics == "tfjs")
        throw oracle::NotApplicable{"TensorFlow.js' Adadelta divides by the average of before the step"};
    if (name == "sgd" || name == "momentum") return run(torch, static_cast<SGD*>(nullptr));
    if (name == "adagrad") return run(keras, static_cast<Adagrad*>(nullptr));
    if (name == "rmsprop") return run(keras, static_cast<RMSprop*>(nullptr));
    if (name == "adam") return run(torch, static_cast<Adam*>(nullptr));
    if (name == "adamw") return run(torch, static_cast<AdamW*>(nullptr));
    if (name == "adamax") return run(keras, static_cast<Adamax*>(nullptr));
    if (name == "nadam") return run(keras, static_cast<Nadam*>(nullptr));
    if (name == "adadelta") return run(keras, static_cast<Adadelta*>(nullptr));
    if (name == "radam") return run(torch, static_cast<RAdam*>(nullptr));
    if (name == "ftrl") return run(keras, static_cast<Ftrl*>(nullptr));
    if (name == "lion") return run(keras, static_cast<Lion*>(nullptr));
    throw oracle::NotApplicable{"optimizer " + name};
}

/// One optimizer, whatever its type.
template <class T>
struct Steps {
    std::function<void(Problem<T>&, typename Problem<T>::Gradients&)> step;
    std::function<void(double)> set_learning_rate;
    std::function<Index()> iterations;
};
template <class T>
void descend_by(oracle::Case<T>& c, const Steps<T>& optimizer) {
    Problem<T> problem(c);
    auto gradients = problem.weights;
    const int steps = c.config["steps"];
    const double rate = c.config["lr"];
    const std::string schedule = c.config.value("lr_schedule", "");
    if (!schedule.empty() && schedule != "halve_every_3") throw oracle::NotApplicable{"schedule " + schedule};
    std::vector<double> losses;
    std::vector<T> trace;
    for (int t = 0; t < steps; ++t) {
        losses.push_back(problem.loss(gradients));
        if (!schedule.empty()) optimizer.set_learning_rate(rate * std::pow(0.5, t / 3));
        optimizer.step(problem, gradients);
        trace.insert(trace.end(), problem.weights.w.data(), problem.weights.w.data() + problem.weights.w.size());
    }
    losses.push_back(problem.loss(gradients));
    if (optimizer.iterations() != steps) c.differs("the optimizer counts other steps");
    c.close_values("out/loss", losses.data(), static_cast<Index>(losses.size()));
    if (c.has("out/w_trace")) c.close_values("out/w_trace", trace.data(), static_cast<Index>(trace.size()));
    for (const auto& p : parameter_list(problem))
        if (!p.is_state()) c.close_parameter_if("out/" + p.path + "_final", p);
}
template <class T, class Optimizer>
void descend(oracle::Case<T>& c, Optimizer optimizer) {
    descend_by<T>(c, {[&](Problem<T>& problem, auto& gradients) { optimizer.step(problem, gradients); },
                      [&](double rate) { optimizer.set_learning_rate(rate); }, [&] { return optimizer.iterations(); }});
}

}  // namespace

TEST_CASE("Optimizers agree with Keras, PyTorch and TensorFlow.js", "[oracle][optimizers]") {
    oracle::run("optimizers", "optimizer", []<class T>(oracle::Case<T>& c) {
        with_optimizer(c.config, c.semantics, [&](const auto& optimizer) { descend(c, optimizer); });
    });
}

namespace {
/// A table and its sparse gradient.
template <class T>
struct Table {
    using Scalar = T;
    struct Gradients {
        SparseRows<T> rows;
    };
    void fields(Fields<T>& f, Gradients& g) { f.parameter("embeddings", embeddings, g.rows); }
    void parameters_changed() {}
    Tensor<T, 2> embeddings;
};
}  // namespace

TEST_CASE("Optimizers on sparse rows agree with PyTorch", "[oracle][optimizers]") {
    oracle::run("sparse_optimizers", "optimizer_sparse", []<class T>(oracle::Case<T>& c) {
        oracle::Json config = c.config.json();
        const std::string name = c.config["name"];
        config["name"] = name.substr(name.find('_') + 1);
        config["hyper"] = name == "sparse_adam"      ? oracle::Json{"eps", "betas"}
                          : name == "sparse_adagrad" ? oracle::Json{"eps"}
                                                     : oracle::Json::array();
        // SparseAdam, unlike PyTorch's dense Adam, adds epsilon to the uncorrected root: Keras' rule
        const std::string semantics = name == "sparse_adam" ? "keras" : c.semantics;
        with_optimizer(config, semantics, [&](auto optimizer) {
            Table<T> table{c.template tensor<2>("param/embeddings")};
            const auto ids = c.template tensor<2, std::int32_t>("in/ids");
            const auto row_gradient = c.template tensor<3>("in/row_grad");
            typename Table<T>::Gradients gradients{{table.embeddings.dimension(0), table.embeddings.dimension(1)}};
            std::vector<T> trace;
            for (Index t = 0; t < ids.dimension(0); ++t) {
                gradients.rows.setZero();
                for (Index b = 0; b < ids.dimension(1); ++b) {
                    T* row = gradients.rows.row(ids(t, b));
                    for (Index j = 0; j < gradients.rows.width(); ++j) row[j] += row_gradient(t, b, j);
                }
                optimizer.step(table, gradients);
                trace.insert(trace.end(), table.embeddings.data(), table.embeddings.data() + table.embeddings.size());
            }
            c.close_values("out/embeddings_trace", trace.data(), static_cast<Index>(trace.size()));
        });
    });
}
