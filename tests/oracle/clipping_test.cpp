#include <deeprec/optimizers/clipping.hpp>

#include <limits>
#include <string>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {
/// Three gradients, of any rank, as rank 1.
template <class T>
struct Gradients {
    Tensor<T, 1> g0, g1, g2;
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor("g0", self.g0, others.g0...);
        visitor("g1", self.g1, others.g1...);
        visitor("g2", self.g2, others.g2...);
    }
};
template <class T>
struct Model {
    using Gradients = ::Gradients<T>;
    ::Gradients<T> weights;
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Gradients::visit(visitor, self.weights, others...);
    }
};
}  // namespace

TEST_CASE("Clipping agrees with Keras and PyTorch", "[oracle][optimizers]") {
    oracle::run("clipping", "gradient_clip", []<class T>(oracle::Case<T>& c) {
        const auto read = [&](const std::string& name) {
            const auto values = c.values("in/" + name);
            Tensor<T, 1> tensor(static_cast<Index>(values.size()));
            std::copy(values.begin(), values.end(), tensor.data());
            return tensor;
        };
        Gradients<T> gradients{read("g0"), read("g1"), read("g2")};
        const Model<T> model{gradients};
        const std::string name = c.config["name"];
        const double limit = c.config["limit"], epsilon = c.semantics == "torch" ? 1e-6 : 0;
        double norm = 0;
        if (name == "clip_by_value")
            clip_by_value(model, gradients, limit);
        else if (name == "clip_by_norm")
            clip_by_norm(model, gradients, limit);
        else
            norm = clip_by_global_norm(
                model, gradients, limit,
                {.order = name == "clip_by_global_norm_inf"  ? std::numeric_limits<double>::infinity()
                          : name == "clip_by_global_norm_l1" ? 1.0
                                                             : 2.0,
                 .epsilon = epsilon});
        if (c.has("out/total_norm")) c.close_values("out/total_norm", &norm, 1);
        c.close_values("out/g0", gradients.g0.data(), gradients.g0.size());
        c.close_values("out/g1", gradients.g1.data(), gradients.g1.size());
        c.close_values("out/g2", gradients.g2.data(), gradients.g2.size());
    });
}
