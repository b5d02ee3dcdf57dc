#include <deeprec/optimizers/adam.hpp>

#include <cmath>
#include <string>
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
        template <class Visitor, class Self, class... Others>
        static void visit(Visitor& visitor, Self& self, Others&... others) {
            visitor("w", self.w, others.w...);
            visitor("w1", self.w1, others.w1...);
            visitor("b1", self.b1, others.b1...);
            visitor("w2", self.w2, others.w2...);
            visitor("b2", self.b2, others.b2...);
        }
    };
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Gradients::visit(visitor, self.weights, others...);
    }
    void parameters_changed() {}

    explicit Problem(const oracle::Case<T>& c) : kind(c.config["problem"]) {
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

template <class T>
AdamOptions adam_options(const oracle::Case<T>& c) {
    const std::string name = c.config["name"];
    if (name != "adam" && name != "adamw") throw oracle::NotApplicable{"optimizer " + name};
    if (name == "adamw" && c.semantics == "torch")
        throw oracle::NotApplicable{"decoupled weight decay with PyTorch's epsilon"};
    const bool keras = c.semantics == "keras";
    AdamOptions o;
    o.rule = keras ? UpdateRule::keras : UpdateRule::torch;  // TensorFlow.js' rule is PyTorch's
    o.epsilon = c.semantics == "torch" ? 1e-8 : 1e-7;
    o.learning_rate = c.config["lr"];
    for (const std::string hyper : c.config["hyper"]) {
        const auto& value = c.config[hyper];
        if (hyper == "betas") {
            o.beta_1 = value[0];
            o.beta_2 = value[1];
        } else if (hyper == "beta_1") {
            o.beta_1 = value;
        } else if (hyper == "beta_2") {
            o.beta_2 = value;
        } else if (hyper == "eps" || hyper == "epsilon") {
            o.epsilon = value;
        } else if (hyper == "amsgrad") {
            o.amsgrad = value;
        } else if (hyper == "weight_decay") {
            o.weight_decay = value;
        } else if (hyper == "clipvalue") {
            o.clipping.value = value;
        } else if (hyper == "clipnorm") {
            o.clipping.norm = value;
        } else if (hyper == "global_clipnorm") {
            o.clipping.global_norm = value;
        } else {
            throw oracle::NotApplicable{"hyperparameter " + hyper};
        }
    }
    return o;
}

}  // namespace

TEST_CASE("Adam agrees with Keras, PyTorch and TensorFlow.js", "[oracle][optimizers]") {
    oracle::run("optimizers", "optimizer", []<class T>(oracle::Case<T>& c) {
        Adam optimizer{adam_options(c)};
        Problem<T> problem(c);
        auto gradients = zeros_like(problem.weights);
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
        CHECK(optimizer.iterations() == steps);
        c.close_values("out/loss", losses.data(), static_cast<Index>(losses.size()));
        if (c.has("out/w_trace")) c.close_values("out/w_trace", trace.data(), static_cast<Index>(trace.size()));
        for_each_parameter(problem, [&](std::string_view name, const auto& weights) {
            if (c.has("out/" + std::string(name) + "_final")) c.close("out/" + std::string(name) + "_final", weights);
        });
    });
}

namespace {
/// A table and its sparse gradient.
template <class T>
struct Table {
    struct Gradients {
        SparseRows<T> rows;
    };
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor("embeddings", self.embeddings, others.rows...);
    }
    void parameters_changed() {}
    Tensor<T, 2> embeddings;
};
}  // namespace

TEST_CASE("Adam on sparse rows agrees with PyTorch's SparseAdam", "[oracle][optimizers]") {
    oracle::run("sparse_optimizers", "optimizer_sparse", []<class T>(oracle::Case<T>& c) {
        if (c.config["name"] != "sparse_adam")
            throw oracle::NotApplicable{"optimizer " + c.config["name"].template get<std::string>()};
        // PyTorch's sparse form, unlike its dense one, adds epsilon to the uncorrected root: Keras' rule
        Adam optimizer{{.learning_rate = c.config["lr"],
                        .beta_1 = c.config["betas"][0],
                        .beta_2 = c.config["betas"][1],
                        .epsilon = c.config["eps"],
                        .rule = UpdateRule::keras}};
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
}
