#include <deeprec/optimizers/clipping.hpp>

#include <limits>
#include <string>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {
/// Three gradients, of any rank, as rank 1.
template <class T>
struct ThreeTensors {
    Tensor<T, 1> g0, g1, g2;
};
template <class T>
struct Model {
    using Scalar = T;
    using Gradients = ThreeTensors<T>;
    Gradients weights;
    void fields(Fields<T>& f, Gradients& g) {
        f.parameter("g0", weights.g0, g.g0);
        f.parameter("g1", weights.g1, g.g1);
        f.parameter("g2", weights.g2, g.g2);
    }
};
}  // namespace

TEST_CASE("Clipping agrees with Keras and PyTorch", "[oracle][optimizers]") {
    oracle::run("clipping", "gradient_clip", []<class T>(oracle::Case<T>& c) {
        ThreeTensors<T> gradients{c.flat("in/g0"), c.flat("in/g1"), c.flat("in/g2")};
        const Model<T> model{gradients};
        const std::string name = c.config["name"];
        c.config.only({"name", "limit"});
        const double limit = c.config["limit"], epsilon = c.semantics == "torch" ? 1e-6 : 0;
        double norm = 0;
        if (name == "clip_by_value")
            clip_by_value(model, gradients, limit);
        else if (name == "clip_by_norm")
            clip_by_norm(model, gradients, limit);
        else if (!name.starts_with("clip_by_global_norm"))
            throw oracle::NotApplicable{name};
        else
            norm = clip_by_global_norm(
                model, gradients, limit,
                {.order = name == "clip_by_global_norm_inf"  ? std::numeric_limits<double>::infinity()
                          : name == "clip_by_global_norm_l1" ? 1.0
                                                             : 2.0,
                 .epsilon = epsilon});
        c.close_number_if("out/total_norm", norm);
        c.close_values("out/g0", gradients.g0.data(), gradients.g0.size());
        c.close_values("out/g1", gradients.g1.data(), gradients.g1.size());
        c.close_values("out/g2", gradients.g2.data(), gradients.g2.size());
    });
}
