#include <deeprec/losses/binary_cross_entropy.hpp>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {

/// Samples as rows, each with a weight: what a case is made of once its reduction, weights and mask are worked in.
template <class T>
struct Samples {
    Tensor<T, 2> prediction, target;
    Tensor<T, 1> weight;
    Samples(const oracle::Case<T>& c, Index rows) {
        const std::vector<T> p = c.values("in/pred"), y = c.values("in/target");
        const Index outputs = static_cast<Index>(p.size()) / rows;
        prediction.resize(rows, outputs);
        target.resize(rows, outputs);
        weight.resize(rows);
        weight.setConstant(1);
        std::copy(p.begin(), p.end(), prediction.data());
        std::copy(y.begin(), y.end(), target.data());
    }
    void weigh(const std::vector<T>& by) {
        REQUIRE(static_cast<Index>(by.size()) == weight.size());
        for (Index r = 0; r < weight.size(); ++r) weight(r) *= by[static_cast<std::size_t>(r)];
    }
};

template <class T>
void check(oracle::Case<T>& c, Samples<T> samples, BinaryCrossEntropyOptions options) {
    if (c.has("in/sample_weight")) samples.weigh(c.values("in/sample_weight"));
    const std::string reduction = c.config["reduction"];
    const auto gradient = [&](const BinaryCrossEntropy& loss) {
        const auto g = loss.gradient(samples.prediction, samples.target, samples.weight);
        c.close_values("grad/pred", g.data(), g.size());
    };
    if (reduction == "none") {  // the upstream gradient of each loss is one more weight
        const BinaryCrossEntropy loss{{options.from_logits, options.label_smoothing, Reduction::sum}};
        Tensor<T, 1> each = loss.per_sample(samples.prediction, samples.target);
        for (Index r = 0; r < each.size(); ++r) each(r) *= samples.weight(r);
        c.close_values("out/loss", each.data(), each.size());
        samples.weigh(c.values("up/loss"));
        return gradient(loss);
    }
    options.reduction = reduction == "sum" ? Reduction::sum : Reduction::sum_over_batch_size;
    if (c.has("in/mask")) {  // what is masked has no weight, and the rest is divided by its own number
        const std::vector<T> mask = c.values("in/mask");
        const T kept = std::accumulate(mask.begin(), mask.end(), T(0));
        samples.weigh(mask);
        samples.weigh(std::vector<T>(mask.size(), 1 / kept));
        options.reduction = Reduction::sum;
    }
    const BinaryCrossEntropy loss{options};
    const double value = loss.forward(samples.prediction, samples.target, samples.weight);
    c.close_values("out/loss", &value, 1);
    if (!c.has("in/mask") && !c.has("in/sample_weight")) {
        const double unweighted = loss.forward(samples.prediction, samples.target);
        c.close_values("out/loss", &unweighted, 1);
    }
    gradient(loss);
}

}  // namespace

TEST_CASE("Binary cross-entropy agrees with Keras and PyTorch", "[oracle][losses]") {
    oracle::run("losses", "loss/binary_crossentropy", []<class T>(oracle::Case<T>& c) {
        const auto extents = c.shape("in/pred");
        const Index all = static_cast<Index>(c.values("in/pred").size());
        if (c.semantics == "torch") {  // a loss and a weight for each number
            const Samples<T> samples(c, all);
            const auto is_certain = [](T p) { return p < T(1e-7) || p > T(1 - 1e-7); };
            if (std::any_of(samples.prediction.data(), samples.prediction.data() + all, is_certain))
                throw oracle::NotApplicable{"probabilities of 0 and 1 under PyTorch's clamp of the logarithm"};
            return check(c, samples, {});
        }
        check(c, Samples<T>(c, all / extents.back()), {c.config["from_logits"], c.config["label_smoothing"]});
    });
}

TEST_CASE("Binary cross-entropy from logits agrees with PyTorch", "[oracle][losses]") {
    oracle::run("losses", "loss/bce_with_logits", []<class T>(oracle::Case<T>& c) {
        Samples<T> samples(c, static_cast<Index>(c.values("in/pred").size()));
        if (c.config.contains("pos_weight")) {  // the weight of the samples whose label is 1
            std::vector<T> labels = c.values("in/target");
            const T positive = c.config["pos_weight"];
            for (T& y : labels) {
                if (y != 0 && y != 1) throw oracle::NotApplicable{"pos_weight of labels between 0 and 1"};
                y = y == 1 ? positive : T(1);
            }
            samples.weigh(labels);
        }
        check(c, samples, {.from_logits = true});
    });
}
