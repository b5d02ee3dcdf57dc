#include <deeprec/losses/binary_focal_cross_entropy.hpp>
#include <deeprec/losses/categorical_cross_entropy.hpp>
#include <deeprec/losses/cosine_embedding.hpp>
#include <deeprec/losses/cosine_similarity.hpp>
#include <deeprec/losses/hinge.hpp>
#include <deeprec/losses/in_batch_softmax.hpp>
#include <deeprec/losses/kl_divergence.hpp>
#include <deeprec/losses/pairwise.hpp>
#include <deeprec/losses/regression.hpp>
#include <deeprec/losses/triplet_margin.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {

template <class T>
Reduction reduction_of(const oracle::Case<T>& c) {
    const std::string name = c.config.value("reduction", "mean");
    if (name == "sum" || name == "none") return Reduction::sum;
    if (name == "mean" || name == "sum_over_batch_size") return Reduction::mean;
    if (name == "mean_with_sample_weight") return Reduction::mean_with_sample_weight;
    throw oracle::NotApplicable{"reduction " + name};
}
template <class T>
bool reduces(const oracle::Case<T>& c) {
    return c.config.value("reduction", "mean") != "none";
}

/// Compares loss and gradient of a view p; `reduction: none` takes the upstream gradient as weights.
template <class T, class Loss, class P, class Y>
void check_view(oracle::Case<T>& c, const Loss& loss, const P& p, const Y& y) {
    Tensor<T, 1> weight(p.rows());
    weight.setConstant(1);
    if (c.has("in/sample_weight")) weight = c.flat("in/sample_weight");
    if (!reduces(c)) {
        const Tensor<T, 1> each = loss.per_sample(p, y, weight);
        c.close_values("out/loss", each.data(), each.size());
        if (c.has("up/loss")) {
            const Tensor<T, 1> up = c.flat("up/loss");
            if (up.size() != weight.size()) throw oracle::NotApplicable{"up/loss of another size"};
            for (Index r = 0; r < weight.size(); ++r) weight(r) *= up(r);
        }
    } else {
        const double value = loss.forward(p, y, weight), plain = loss.forward(p, y);
        c.close_values("out/loss", &value, 1);
        if (!c.has("in/sample_weight")) c.close_values("out/loss", &plain, 1);
    }
    if (!c.has("grad/pred")) return;
    const auto gradient = loss.gradient(p, y, weight);
    c.close_values("grad/pred", gradient.data(), gradient.size());
}

/// A case of predictions and targets. PyTorch's losses of elements count every number as a sample.
template <class T, class Loss>
void check(oracle::Case<T>& c, const Loss& loss, bool elements = false) {
    const std::vector<T> p = c.values("in/pred"), y = c.values("in/target");
    const Index all = static_cast<Index>(p.size()), outputs = elements ? 1 : c.shape("in/pred").back();
    const Index width = loss.target_outputs(outputs);
    if (static_cast<Index>(y.size()) != all / outputs * width) throw oracle::NotApplicable{"targets of another size"};
    if (!c.has("in/mask"))
        return check_view(c, loss, View<const T, 2>{p.data(), {all / outputs, outputs}},
                          View<const T, 2>{y.data(), {all / outputs, width}});
    const auto shape = c.shape("in/pred");
    if (shape.size() != 3)
        throw oracle::NotApplicable{"a mask for predictions of rank " + std::to_string(shape.size())};
    const auto keep = c.template tensor<2, std::uint8_t>("in/mask");
    const View<const T, 3> prediction{p.data(), {shape[0], shape[1], shape[2]}, Mask{keep.data()}};
    check_view(c, loss, prediction, View<const T, 3>{y.data(), {shape[0], shape[1], width}});
}

/// A test for one op: `make(c)` gives the loss of a case.
template <class Make>
void run(const std::string& op, Make&& make) {
    oracle::run("losses", "loss/" + op, [&]<class T>(oracle::Case<T>& c) {
        c.config.only({"reduction", "from_logits", "label_smoothing", "pos_weight", "apply_class_balancing", "alpha",
                       "gamma", "delta", "beta"});
        check(c, make(c), c.semantics == "torch");
    });
}
template <class Loss>
void run(const std::string& op) {
    run(op, [](const auto& c) { return Loss{reduction_of(c)}; });
}

}  // namespace

TEST_CASE("Binary cross-entropies agree with Keras and PyTorch", "[oracle][losses]") {
    run("binary_crossentropy", [](const auto& c) {
        return BinaryCrossEntropy{{.from_logits = c.config.value("from_logits", false),
                                   .label_smoothing = c.config.value("label_smoothing", 0.0),
                                   .reduction = reduction_of(c),
                                   .clamp_log = c.semantics == "torch"}};
    });
    run("bce_with_logits", [](const auto& c) {
        return BinaryCrossEntropy{
            {.from_logits = true, .reduction = reduction_of(c), .pos_weight = c.config.value("pos_weight", 1.0)}};
    });
    run("binary_focal_crossentropy", [](const auto& c) {
        return BinaryFocalCrossEntropy{{.apply_class_balancing = c.config.value("apply_class_balancing", false),
                                        .alpha = c.config.value("alpha", 0.25),
                                        .gamma = c.config.value("gamma", 2.0),
                                        .from_logits = c.config.value("from_logits", false),
                                        .label_smoothing = c.config.value("label_smoothing", 0.0),
                                        .reduction = reduction_of(c)}};
    });
    run("sigmoid_focal_loss", [](const auto& c) {
        return BinaryFocalCrossEntropy{{.apply_class_balancing = true,
                                        .alpha = c.config.value("alpha", 0.25),
                                        .gamma = c.config.value("gamma", 2.0),
                                        .from_logits = true,
                                        .reduction = reduction_of(c)}};
    });
}

TEST_CASE("Regression losses agree with Keras and PyTorch", "[oracle][losses]") {
    run<MeanSquaredError>("mean_squared_error");
    run<MeanSquaredError>("mse_loss");
    run<MeanAbsoluteError>("mean_absolute_error");
    run<MeanAbsoluteError>("l1_loss");
    run<LogCosh>("log_cosh");
    run<MeanSquaredLogarithmicError>("mean_squared_logarithmic_error");
    run<MeanAbsolutePercentageError>("mean_absolute_percentage_error");
    run<Poisson>("poisson");
    for (const char* op : {"huber", "huber_loss"})
        run(op, [](const auto& c) { return Huber{{c.config.value("delta", 1.0), reduction_of(c)}}; });
    run("smooth_l1_loss", [](const auto& c) { return SmoothL1{{c.config.value("beta", 1.0), reduction_of(c)}}; });
}

TEST_CASE("Hinges, divergence and cosine agree with Keras", "[oracle][losses]") {
    run<Hinge>("hinge");
    run<SquaredHinge>("squared_hinge");
    run<CategoricalHinge>("categorical_hinge");
    run<KLDivergence>("kl_divergence");
    run<CosineSimilarity>("cosine_similarity");
}

TEST_CASE("Categorical cross-entropies agree with Keras and PyTorch", "[oracle][losses]") {
    run("categorical_crossentropy", [](const auto& c) {
        return CategoricalCrossEntropy{
            {c.config.value("from_logits", false), c.config.value("label_smoothing", 0.0), reduction_of(c)}};
    });
    run("sparse_categorical_crossentropy", [](const auto& c) {
        return SparseCategoricalCrossEntropy{
            {.from_logits = c.config.value("from_logits", false), .reduction = reduction_of(c)}};
    });
    oracle::run("losses", "loss/cross_entropy", []<class T>(oracle::Case<T>& c) {
        c.config.only({"reduction", "class_weight", "ignore_index", "label_smoothing"});
        SparseCategoricalCrossEntropyOptions options{.from_logits = true,
                                                     .ignore_class = c.config.value("ignore_index", -100),
                                                     .reduction = reduction_of(c),
                                                     .label_smoothing = c.config.value("label_smoothing", 0.0)};
        if (c.config.contains("class_weight")) {
            for (const auto& w : c.config["class_weight"]) options.class_weight.push_back(w);
            if (options.reduction == Reduction::mean) options.reduction = Reduction::mean_with_sample_weight;
        }
        check(c, SparseCategoricalCrossEntropy{options});
    });
}

namespace {
/// Every pair of a positive and a negative of its row as one sample.
template <class T, class Loss>
void check_pairs(oracle::Case<T>& c, const Loss& loss) {
    const std::vector<T> pos = c.values("in/pos"), neg = c.values("in/neg");
    if (pos.empty() || neg.size() % pos.size() != 0) throw oracle::NotApplicable{"negatives of another shape"};
    const std::size_t each = neg.size() / pos.size();
    const Index n = static_cast<Index>(neg.size());
    Tensor<T, 2> z(n, 2), y(n, 2);
    Tensor<T, 1> weight(n);
    const std::vector<T> weights =
        c.has("in/sample_weight") ? c.values("in/sample_weight") : std::vector<T>(pos.size(), T(1));
    if (weights.size() != pos.size()) throw oracle::NotApplicable{"weights of another shape"};
    for (std::size_t k = 0; k < neg.size(); ++k) {
        const auto r = static_cast<Index>(k);
        z(r, 0) = pos[k / each];
        z(r, 1) = neg[k];
        y(r, 0) = 1;
        y(r, 1) = 0;
        weight(r) = weights[k / each];
    }
    const double value = loss.forward(z, y, weight);
    c.close_values("out/loss", &value, 1);
    const auto gradient = loss.gradient(z, y, weight);
    std::vector<T> d_pos(pos.size(), T(0)), d_neg;
    for (std::size_t k = 0; k < neg.size(); ++k) {
        d_pos[k / each] += gradient(static_cast<Index>(k), 0);
        d_neg.push_back(gradient(static_cast<Index>(k), 1));
    }
    if (c.has("grad/pos")) c.close_values("grad/pos", d_pos.data(), static_cast<Index>(d_pos.size()));
    if (c.has("grad/neg")) c.close_values("grad/neg", d_neg.data(), n);
}
}  // namespace

TEST_CASE("Pairwise losses agree with their formulas", "[oracle][losses]") {
    oracle::run("losses", "loss/bpr", []<class T>(oracle::Case<T>& c) {
        if (!reduces(c)) throw oracle::NotApplicable{"reduction none"};
        check_pairs(c, Bpr{reduction_of(c)});
    });
    oracle::run("losses", "loss/pairwise_hinge", []<class T>(oracle::Case<T>& c) {
        if (!reduces(c)) throw oracle::NotApplicable{"reduction none"};
        check_pairs(c, PairwiseHinge{{c.config.value("margin", 1.0), reduction_of(c)}});
    });
}

TEST_CASE("In-batch softmax agrees with its formula", "[oracle][losses]") {
    oracle::run("losses", "loss/in_batch_softmax", []<class T>(oracle::Case<T>& c) {
        c.config.only({"temperature", "normalize", "logq", "mask_duplicates", "reduction"});
        if (!reduces(c)) throw oracle::NotApplicable{"reduction none"};
        const InBatchSoftmax loss{
            {c.config.value("temperature", 1.0), c.config.value("normalize", false), reduction_of(c)}};
        const Tensor<T, 2> query = c.template tensor<2>("in/query"), item = c.template tensor<2>("in/item");
        std::vector<T> log_q, weight;
        std::vector<std::int32_t> ids;
        InBatch<T> batch;
        if (c.config.value("logq", false)) batch.log_q = (log_q = c.values("in/log_q")).data();
        if (c.config.value("mask_duplicates", false))
            batch.item_ids = (ids = c.template values<std::int32_t>("in/item_ids")).data();
        if (c.has("in/sample_weight")) batch.sample_weight = (weight = c.values("in/sample_weight")).data();
        const double value = loss.forward(query, item, batch);
        c.close_values("out/loss", &value, 1);
        const auto gradient = loss.gradient(query, item, batch);
        c.close_if("grad/query", gradient.query);
        c.close_if("grad/item", gradient.item);
    });
}

namespace {
template <class T, class Loss, class... X>
void check_vectors(oracle::Case<T>& c, const Loss& loss, const std::vector<std::string>& names, const X&... x) {
    const bool none = !reduces(c);
    const std::vector<T> up = c.values("up/loss");
    if (none) {
        c.close("out/loss", loss.per_sample(x...));
    } else {
        const double value = loss.forward(x...);
        c.close_values("out/loss", &value, 1);
    }
    const auto gradient = loss.gradient(x..., none ? up.data() : nullptr);
    for (std::size_t k = 0; k < gradient.size(); ++k) c.close_if("grad/" + names[k], gradient[k]);
}
}  // namespace

TEST_CASE("Losses of vectors agree with PyTorch", "[oracle][losses]") {
    oracle::run("losses", "loss/cosine_embedding_loss", []<class T>(oracle::Case<T>& c) {
        c.config.only({"margin", "reduction"});
        check_vectors(c, CosineEmbedding{{c.config.value("margin", 0.0), reduction_of(c)}}, {"a", "b"},
                      c.template tensor<2>("in/a"), c.template tensor<2>("in/b"), c.template tensor<1>("in/target"));
    });
    oracle::run("losses", "loss/triplet_margin_loss", []<class T>(oracle::Case<T>& c) {
        c.config.only({"margin", "p", "eps", "swap", "reduction"});
        c.config.require("p", 2.0);
        c.config.require("swap", false);
        check_vectors(c, TripletMargin{{c.config.value("margin", 1.0), c.config.value("eps", 1e-6), reduction_of(c)}},
                      {"anchor", "positive", "negative"}, c.template tensor<2>("in/anchor"),
                      c.template tensor<2>("in/positive"), c.template tensor<2>("in/negative"));
    });
}
