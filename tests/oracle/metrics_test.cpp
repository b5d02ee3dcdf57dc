#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/auc_approximate.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/metrics/ranking.hpp>
#include <deeprec/metrics/regression.hpp>
#include <deeprec/metrics/top_k_accuracy.hpp>

#include <string>
#include <vector>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {

template <class T, class Labels, class Metric>
void check(oracle::Case<T>& c, const std::string& name, const Tensor<T, 1>& scores, const Labels& labels,
           Metric metric) {
    metric.update(scores, labels);
    const double result = metric.result();
    c.close_values("out/" + name, &result, 1);
}

/// The first half in one metric, the rest in another, merged.
template <class T, class Labels, class Metric>
void check_merged(oracle::Case<T>& c, const std::string& name, const Tensor<T, 1>& scores, const Labels& labels,
                  Metric first) {
    Metric second = first;
    const Index half = scores.size() / 2, all = scores.size();
    first.update(view(scores).slice(0, half), view(labels).slice(0, half));
    second.update(view(scores).slice(half, all), view(labels).slice(half, all));
    first.merge(second);
    const double result = first.result();
    c.close_values("out/" + name, &result, 1);
}

}  // namespace

TEST_CASE("AUC agrees with its definition", "[oracle][metrics]") {
    oracle::run("metrics", "metric/auc", []<class T>(oracle::Case<T>& c) {
        const Tensor<T, 1> scores = c.template tensor<1>("in/scores");
        const auto labels = c.template tensor<1, std::int32_t>("in/labels");
        const auto weights = c.template tensor<1>("in/sample_weight");
        check_merged(c, "auc", scores, labels, Auc{});
        Auc weighted;
        weighted.update(scores, labels, weights.data());
        const double result = weighted.result();
        if (c.has("out/auc_weighted")) c.close_values("out/auc_weighted", &result, 1);
    });
}

TEST_CASE("Binary metrics agree with scikit-learn", "[oracle][metrics]") {
    oracle::run("metrics", "metric/binary", []<class T>(oracle::Case<T>& c) {
        const Tensor<T, 1> scores = c.template tensor<1>("in/scores");
        const auto labels = c.template tensor<1, std::int32_t>("in/labels");
        const ThresholdOptions at{c.config["threshold"]};
        check(c, "log_loss", scores, labels, LogLoss{});
        check(c, "accuracy", scores, labels, BinaryAccuracy{at});
        check(c, "precision", scores, labels, Precision{at});
        check(c, "recall", scores, labels, Recall{at});
        check(c, "f1", scores, labels, F1Score{at});
        check(c, "brier", scores, labels, Mse{});
        check(c, "average_precision", scores, labels, AveragePrecision{});
    });
}

TEST_CASE("Streaming metrics agree with Keras", "[oracle][metrics]") {
    oracle::run("metrics", "metric/keras_streaming", []<class T>(oracle::Case<T>& c) {
        const Tensor<T, 1> scores = c.template tensor<1>("in/scores");
        const auto labels = c.template tensor<1, std::int32_t>("in/labels");
        check_merged(c, "keras_auc_200", scores, labels, AucApproximate{});
        check_merged(c, "keras_auc_50", scores, labels, AucApproximate{{.num_thresholds = 50}});
        check_merged(c, "keras_auc_pr_200", scores, labels, AucApproximate{{.curve = Curve::precision_recall}});
        check_merged(c, "keras_binary_accuracy", scores, labels, BinaryAccuracy{});
        check_merged(c, "keras_precision", scores, labels, Precision{});
        check_merged(c, "keras_recall", scores, labels, Recall{});
    });
}

TEST_CASE("GAUC agrees with its definition", "[oracle][metrics]") {
    oracle::run("metrics", "metric/gauc", []<class T>(oracle::Case<T>& c) {
        Gauc metric;
        metric.update(c.template tensor<1>("in/scores"), c.template tensor<1, std::int32_t>("in/labels"),
                      c.template tensor<1, std::int32_t>("in/groups"));
        const double result = metric.result();
        c.close_values("out/gauc", &result, 1);
    });
}

TEST_CASE("Regression metrics agree with scikit-learn", "[oracle][metrics]") {
    oracle::run("metrics", "metric/regression", []<class T>(oracle::Case<T>& c) {
        const Tensor<T, 1> p = c.template tensor<1>("in/pred"), y = c.template tensor<1>("in/target");
        check_merged(c, "mse", p, y, Mse{});
        check_merged(c, "rmse", p, y, RootMeanSquaredError{});
        check_merged(c, "mae", p, y, Mae{});
        check(c, "r2", p, y, R2Score{});
        check_merged(c, "r2", p, y, R2Score{});
    });
}

TEST_CASE("Top-k accuracy agrees with its definition", "[oracle][metrics]") {
    oracle::run("metrics", "metric/top_k_accuracy", []<class T>(oracle::Case<T>& c) {
        TopKAccuracy metric{{c.config["k"]}};
        metric.update(c.template tensor<2>("in/scores"), c.template tensor<1, std::int32_t>("in/labels"));
        const double result = metric.result();
        c.close_values("out/value", &result, 1);
    });
}

TEST_CASE("Ranking metrics agree with their definitions", "[oracle][metrics]") {
    oracle::run("metrics", "metric/ranking", []<class T>(oracle::Case<T>& c) {
        const Tensor<T, 2> scores = c.template tensor<2>("in/scores");
        const auto relevance = c.template tensor<2, std::int32_t>("in/relevance");
        const Index k = c.config["k"];
        std::vector<double> means, means_of_relevant;
        const auto check = [&]<class Metric>(const char* name, Metric metric, RankingMetricOptions options) {
            metric.update(scores, relevance);
            c.close_values(std::string("out/") + name, metric.values().data(),
                           static_cast<Index>(metric.values().size()));
            options.skip_irrelevant = true;
            Metric skipping{options};
            skipping.update(scores, relevance);
            means.push_back(metric.result());
            means_of_relevant.push_back(skipping.result());
        };
        const RankingMetricOptions at{.k = k}, whole{.k = whole_list}, powers{.k = k, .gain = Gain::power};
        // in the cases' mean_order
        check("hr", HitRate{at}, at);
        check("precision", PrecisionAtK{at}, at);
        check("recall", RecallAtK{at}, at);
        check("ndcg_linear", Ndcg{at}, at);
        check("ndcg_exp", Ndcg{powers}, powers);
        check("mrr", Mrr{whole}, whole);
        check("mrr_at_k", Mrr{at}, at);
        check("ap", MeanAveragePrecision{whole}, whole);
        check("ap_at_k", MeanAveragePrecision{at}, at);
        c.close_values("out/mean_all_users", means.data(), static_cast<Index>(means.size()));
        c.close_values("out/mean_users_with_relevant", means_of_relevant.data(), static_cast<Index>(means.size()));
        const RankingMetricOptions tied{.k = k, .average_ties = true};
        check("ndcg_linear_tie_averaged", Ndcg{tied}, tied);
    });
}
