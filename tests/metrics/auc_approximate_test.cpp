#include <deeprec/metrics/auc_approximate.hpp>

#include <cmath>

#include <deeprec/core/random.hpp>
#include <deeprec/metrics/auc.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

TEST_CASE("The approximate AUC comes close to the exact one", "[metrics]") {
    const RandomStream random(Seed{3});
    Tensor<double, 1> p(2000), y(2000);
    for (Index i = 0; i < 2000; ++i) {
        y(i) = static_cast<double>(i % 2);
        p(i) = 0.3 * y(i) + 0.7 * random.uniform(static_cast<std::uint64_t>(i));
    }
    Auc exact;
    AveragePrecision exact_pr;
    AucApproximate roc, pr{{.curve = Curve::precision_recall}};
    exact.update(p, y);
    exact_pr.update(p, y);
    roc.update(p, y);
    pr.update(p, y);
    CHECK(std::abs(roc.result() - exact.result()) < 1e-3);
    CHECK(std::abs(pr.result() - exact_pr.result()) < 5e-3);
    roc.reset();
    CHECK(std::isnan(roc.result()));
}

TEST_CASE("The approximate AUC takes probabilities only, and does not hide NaN", "[metrics]") {
    AucApproximate metric, other{{.num_thresholds = 10}};
    metric.add(0, 0, 1);
    metric.add(1, 1, 1);
    CHECK(metric.result() == 1);
    metric.add(std::nan(""), 1, 1);
    CHECK(std::isnan(metric.result()));
    metric.reset();
    metric.add(1, std::nan(""), 1);
    CHECK(std::isnan(metric.result()));
    CHECK(support::message_of<ArgumentError>([&] { metric.add(1.5, 1, 1); }) ==
          "AucApproximate: expected probabilities, received 1.5");
    CHECK(support::message_of<ArgumentError>([&] { metric.merge(other); }) ==
          "AucApproximate: expected another of 200 thresholds, received 10");
    CHECK(support::message_of<ArgumentError>([] { AucApproximate{{.num_thresholds = 1}}; }) ==
          "AucApproximate: expected num_thresholds > 1, received 1");
}
