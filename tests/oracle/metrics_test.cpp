#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>

#include <span>
#include <vector>

#include "support/oracle.hpp"

using namespace deeprec;

TEST_CASE("AUC agrees with its definition", "[oracle][metrics]") {
    oracle::run("metrics", "metric/auc", []<class T>(oracle::Case<T>& c) {
        const Tensor<T, 1> scores = c.template tensor<1>("in/scores");
        const auto labels = c.template tensor<1, std::int32_t>("in/labels");
        const auto weights = c.template tensor<1>("in/sample_weight");
        const Index n = scores.size();
        const View<const T, 2> p{scores.data(), {n, 1}};
        const View<const std::int32_t, 2> y{labels.data(), {n, 1}};
        Auc plain, weighted;
        plain.update(p, y);
        weighted.update(p, y, weights.data());
        const double results[]{plain.result(), weighted.result()};
        c.close_values("out/auc", &results[0], 1);
        if (c.has("out/auc_weighted")) c.close_values("out/auc_weighted", &results[1], 1);
    });
}

TEST_CASE("LogLoss agrees with scikit-learn", "[oracle][metrics]") {
    oracle::run("metrics", "metric/binary", []<class T>(oracle::Case<T>& c) {
        const Tensor<T, 1> scores = c.template tensor<1>("in/scores");
        const auto labels = c.template tensor<1, std::int32_t>("in/labels");
        LogLoss metric;
        metric.update(View<const T, 2>{scores.data(), {scores.size(), 1}},
                      View<const std::int32_t, 2>{labels.data(), {labels.size(), 1}});
        const double result = metric.result();
        INFO(c.id);
        CHECK(c.close_values("out/log_loss", &result, 1));
        throw oracle::NotApplicable{"accuracy, precision, recall, F1, Brier score (log loss agrees)"};
    });
}

TEST_CASE("HR, NDCG and reciprocal ranks of one relevant item agree with their definitions", "[oracle][metrics]") {
    oracle::run("metrics", "metric/ranking", []<class T>(oracle::Case<T>& c) {
        if (c.config["kind"] != "one_positive")
            throw oracle::NotApplicable{"evaluate_ranking: one relevant item a query"};
        const Tensor<T, 2> scores = c.template tensor<2>("in/scores");
        const auto relevance = c.template tensor<2, std::int32_t>("in/relevance");
        const Index rows = scores.dimension(0), items = scores.dimension(1);
        std::vector<Query> queries;
        for (Index u = 0; u < rows; ++u)
            for (Index i = 0; i < items; ++i)
                if (relevance(u, i))
                    queries.push_back({static_cast<std::int32_t>(u + 1), {}, static_cast<std::int32_t>(i + 1)});
        const auto scorer = [&](const Query& query, std::span<float> out) {
            for (Index i = 0; i < items; ++i)
                out[static_cast<std::size_t>(i) + 1] = static_cast<float>(scores(query.user - 1, i));
        };
        std::vector<double> hr(static_cast<std::size_t>(rows), 0), ndcg(hr), mrr(hr);
        for (const Query& query : queries) {
            const auto report = evaluate_ranking(scorer, std::span(&query, 1), static_cast<std::int32_t>(items),
                                                 {.k = c.config["k"], .threads = 1});
            const auto u = static_cast<std::size_t>(query.user - 1);
            hr[u] = report.hr;
            ndcg[u] = report.ndcg;
            mrr[u] = 1 / static_cast<double>(report.ranks[0]);
        }
        const auto compare = [&](const char* name, const std::vector<double>& figures) {
            c.close_values(name, figures.data(), static_cast<Index>(figures.size()));
        };
        compare("out/hr", hr);
        compare("out/recall", hr);  // with one relevant item these are the same
        compare("out/ndcg_linear", ndcg);
        compare("out/ndcg_exp", ndcg);
        compare("out/mrr", mrr);
        compare("out/ap", mrr);
    });
}
