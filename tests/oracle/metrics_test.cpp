#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/auc_approximate.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/metrics/ranking.hpp>
#include <deeprec/metrics/regression.hpp>
#include <deeprec/metrics/top_k_accuracy.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {

/// Predictions and targets of any shape in a row, with the weights that the case may have.
template <class T, class Target>
struct Rows {
    Tensor<T, 1> predictions, weights;
    Tensor<Target, 1> targets;
    Rows(const oracle::Case<T>& c, const std::string& predicted, const std::string& known)
        : predictions(c.flat("in/" + predicted)), targets(c.template flat<Target>("in/" + known)) {
        if (c.has("in/sample_weight")) weights = c.flat("in/sample_weight");
        if (predictions.size() != targets.size() || (weights.size() && weights.size() != targets.size()))
            throw oracle::NotApplicable{"other numbers of predictions, targets and weights"};
    }
};

/// "out/<name>" at once and in two halves, each in a metric of its own, merged; "out/<name>_weighted" under the
/// weights of the case. What the case does not have is passed over.
template <class T, class Target, class Metric>
void check(oracle::Case<T>& c, const std::string& name, const Rows<T, Target>& rows, const Metric& fresh) {
    Metric whole = fresh, first = fresh, second = fresh, weighted = fresh;
    const auto p = view(rows.predictions), y = view(rows.targets);
    const Index half = p.size() / 2, all = p.size();
    whole.update(p, y);
    c.close_number_if("out/" + name, whole.result());
    first.update(p.slice(0, half), y.slice(0, half));
    second.update(p.slice(half, all), y.slice(half, all));
    first.merge(second);
    c.close_number_if("out/" + name, first.result());
    if (rows.weights.size() == 0) return;
    weighted.update(p, y, rows.weights.data());
    c.close_number_if("out/" + name + "_weighted", weighted.result());
}

}  // namespace

TEST_CASE("AUC agrees with its definition", "[oracle][metrics]") {
    oracle::run("metrics", "metric/auc", []<class T>(oracle::Case<T>& c) {
        check(c, "auc", Rows<T, std::int32_t>(c, "scores", "labels"), Auc{});
    });
}

TEST_CASE("Binary metrics agree with scikit-learn", "[oracle][metrics]") {
    oracle::run("metrics", "metric/binary", []<class T>(oracle::Case<T>& c) {
        const Rows<T, std::int32_t> rows(c, "scores", "labels");
        const ThresholdOptions at{c.config.value("threshold", 0.5)};
        check(c, "log_loss", rows, LogLoss{});
        check(c, "accuracy", rows, BinaryAccuracy{at});
        check(c, "precision", rows, Precision{at});
        check(c, "recall", rows, Recall{at});
        check(c, "f1", rows, F1Score{at});
        check(c, "brier", rows, Mse{});
        check(c, "average_precision", rows, AveragePrecision{});
        check(c, "auc", rows, Auc{});
    });
}

TEST_CASE("Streaming metrics agree with Keras", "[oracle][metrics]") {
    oracle::run("metrics", "metric/keras_streaming", []<class T>(oracle::Case<T>& c) {
        const Rows<T, std::int32_t> rows(c, "scores", "labels");
        const ThresholdOptions at{c.config.value("threshold", 0.5)};
        for (const std::string& name : c.names("out"))  // keras_auc_200, keras_auc_pr_50, ...: with so many thresholds
            for (const auto& [prefix, curve] : {std::pair{std::string("keras_auc_pr_"), Curve::precision_recall},
                                                std::pair{std::string("keras_auc_"), Curve::roc}}) {
                if (!name.starts_with(prefix)) continue;
                Index thresholds = 0;
                std::from_chars(name.data() + prefix.size(), name.data() + name.size(), thresholds);
                if (thresholds > 0)
                    check(c, name, rows, AucApproximate{{.num_thresholds = thresholds, .curve = curve}});
            }
        check(c, "keras_binary_accuracy", rows, BinaryAccuracy{at});
        check(c, "keras_precision", rows, Precision{at});
        check(c, "keras_recall", rows, Recall{at});
    });
}

TEST_CASE("GAUC agrees with its definition", "[oracle][metrics]") {
    oracle::run("metrics", "metric/gauc", []<class T>(oracle::Case<T>& c) {
        c.config.require("weight", "impressions");
        const Rows<T, std::int32_t> rows(c, "scores", "labels");
        const auto groups = c.template flat<std::int32_t>("in/groups");
        Gauc metric, weighted;
        metric.update(rows.predictions, rows.targets, groups);
        c.close_number_if("out/gauc", metric.result());
        if (rows.weights.size() == 0) return;
        weighted.update(rows.predictions, rows.targets, groups, rows.weights);
        c.close_number_if("out/gauc_weighted", weighted.result());
    });
}

TEST_CASE("Regression metrics agree with scikit-learn", "[oracle][metrics]") {
    oracle::run("metrics", "metric/regression", []<class T>(oracle::Case<T>& c) {
        const Rows<T, T> rows(c, "pred", "target");
        check(c, "mse", rows, Mse{});
        check(c, "rmse", rows, RootMeanSquaredError{});
        check(c, "mae", rows, Mae{});
        check(c, "r2", rows, R2Score{});
    });
}

TEST_CASE("Top-k accuracy agrees with its definition", "[oracle][metrics]") {
    oracle::run("metrics", "metric/top_k_accuracy", []<class T>(oracle::Case<T>& c) {
        const TopKAccuracyOptions at{c.config["k"]};
        TopKAccuracy metric{at}, weighted{at};
        const auto scores = c.template tensor<2>("in/scores");
        const auto labels = c.template flat<std::int32_t>("in/labels");
        metric.update(scores, labels);
        c.close_number_if("out/value", metric.result());
        if (!c.has("in/sample_weight")) return;
        weighted.update(scores, labels, c.flat("in/sample_weight"));
        c.close_number_if("out/value_weighted", weighted.result());
    });
}

TEST_CASE("Ranking metrics agree with their definitions", "[oracle][metrics]") {
    oracle::run("metrics", "metric/ranking", []<class T>(oracle::Case<T>& c) {
        const Tensor<T, 2> scores = c.template tensor<2>("in/scores");
        const auto relevance = c.template tensor<2, std::int32_t>("in/relevance");
        const Index k = c.config["k"];
        const std::vector<std::string> order = c.config.value("mean_order", std::vector<std::string>{});
        std::vector<double> means(order.size()), means_of_relevant(order.size());
        std::size_t known = 0;
        const auto check = [&]<class Metric>(const char* name, Metric metric, RankingMetricOptions options) {
            metric.update(scores, relevance);
            const std::string out = std::string("out/") + name;
            if (c.has(out)) c.close_values(out, metric.values().data(), static_cast<Index>(metric.values().size()));
            options.skip_irrelevant = true;
            Metric skipping{options};
            skipping.update(scores, relevance);
            for (std::size_t i = 0; i < order.size(); ++i) {
                if (order[i] != name) continue;
                ++known;
                means[i] = metric.result();
                means_of_relevant[i] = skipping.result();
            }
        };
        const RankingMetricOptions at{.k = k}, whole{.k = whole_list}, powers{.k = k, .gain = Gain::power},
            tied{.k = k, .average_ties = true};
        check("hr", HitRate{at}, at);
        check("precision", PrecisionAtK{at}, at);
        check("recall", RecallAtK{at}, at);
        check("ndcg_linear", Ndcg{at}, at);
        check("ndcg_exp", Ndcg{powers}, powers);
        check("mrr", Mrr{whole}, whole);
        check("mrr_at_k", Mrr{at}, at);
        check("ap", MeanAveragePrecision{whole}, whole);
        check("ap_at_k", MeanAveragePrecision{at}, at);
        check("ndcg_linear_tie_averaged", Ndcg{tied}, tied);
        if (known != order.size()) throw oracle::NotApplicable{"a mean of a metric that is not known"};
        const auto n = static_cast<Index>(order.size());
        if (c.has("out/mean_all_users")) c.close_values("out/mean_all_users", means.data(), n);
        if (c.has("out/mean_users_with_relevant"))
            c.close_values("out/mean_users_with_relevant", means_of_relevant.data(), n);
    });
}
