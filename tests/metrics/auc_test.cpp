#include <deeprec/metrics/auc.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <deeprec/core/random.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
double auc_of(const std::vector<double>& scores, const std::vector<double>& targets) {
    Tensor<double, 2> p(static_cast<Index>(scores.size()), 1), y(static_cast<Index>(scores.size()), 1);
    std::copy(scores.begin(), scores.end(), p.data());
    std::copy(targets.begin(), targets.end(), y.data());
    Auc metric;
    metric.update(p, y);
    return metric.result();
}
}  // namespace

TEST_CASE("AUC by hand", "[metrics]") {
    CHECK(auc_of({0.1, 0.4, 0.35, 0.8}, {0, 0, 1, 1}) == 0.75);
    CHECK(auc_of({1, 1, 1, 1}, {0, 1, 0, 1}) == 0.5);  // ties count one half
    CHECK(auc_of({1, 1, 2}, {0, 1, 0}) == 0.25);
    CHECK(auc_of({-1, 0, 1}, {1, 0, 0}) == 0);
}

TEST_CASE("AUC is NaN without both classes, and where a score is NaN", "[metrics]") {
    CHECK(std::isnan(Auc{}.result()));
    CHECK(std::isnan(auc_of({0.3, 0.4}, {1, 1})));
    CHECK(std::isnan(auc_of({0.3, 0.4}, {0, 0})));
    const RandomStream random(Seed{1});
    for (const std::size_t at : {0u, 50u, 99u}) {
        std::vector<double> scores(100), targets(100);
        for (std::size_t i = 0; i < 100; ++i) {
            scores[i] = random.uniform(i);
            targets[i] = static_cast<double>(i % 2);
        }
        const double score = std::exchange(scores[at], std::nan(""));
        CHECK(std::isnan(auc_of(scores, targets)));
        scores[at] = score;
        targets[at] = std::nan("");  // of no class
        CHECK(std::isnan(auc_of(scores, targets)));
    }
}

TEST_CASE("AUC counts all updates together, until reset", "[metrics]") {
    Tensor<float, 2> p(2, 2), y(2, 2);
    p.setValues({{0.1f, 0.4f}, {0.35f, 0.8f}});
    y.setValues({{0, 0}, {1, 1}});
    Auc metric;
    metric.update(view(p).slice(0, 1), view(y).slice(0, 1));
    CHECK(std::isnan(metric.result()));
    metric.update(view(p).slice(1, 2), view(y).slice(1, 2));
    CHECK(metric.result() == 0.75);
    metric.reset();
    CHECK(std::isnan(metric.result()));
    const float weights[]{1, 3};  // of a row each
    metric.update(p, y, weights);
    CHECK(metric.result() == 0.75);
    CHECK(support::message_of<ShapeError>([&] { metric.update(p, Tensor<float, 2>(2, 1)); }) ==
          "Auc: expected as many targets as predictions of [2, 2], received [2, 1]");
}

TEST_CASE("AUC and average precision merge", "[metrics]") {
    Tensor<double, 1> p(5), y(5);
    p.setValues({0.9, 0.8, 0.8, 0.3, 0.1});
    y.setValues({1, 0, 1, 1, 0});
    Auc whole, first, second;
    AveragePrecision precision, part;
    whole.update(p, y);
    precision.update(p, y);
    first.update(view(p).slice(0, 2), view(y).slice(0, 2));
    second.update(view(p).slice(2, 5), view(y).slice(2, 5));
    first.merge(second);
    CHECK(first.result() == whole.result());
    CHECK(whole.result() == Approx((2 + 1.5 + 1) / 6));
    CHECK(precision.result() == Approx((1 + 2.0 / 3 + 3.0 / 4) / 3));  // ties are one threshold
    CHECK(std::isnan(part.result()));
    part.merge(precision);
    CHECK(part.result() == precision.result());
}

TEST_CASE("GAUC leaves out users of one class", "[metrics]") {
    Tensor<double, 1> p(6), y(6);
    Tensor<std::int32_t, 1> user(6);
    p.setValues({0.9, 0.1, 0.2, 0.3, 0.5, 0.6});
    y.setValues({1, 0, 0, 1, 0, 0});
    user.setValues({1, 1, 2, 1, 2, 3});
    Gauc metric, other;
    metric.update(p, y, user);
    CHECK(metric.result() == 1);
    p.setValues({0.1, 0.9, 0.2, 0.9, 0.5, 0.6});
    y(4) = 1;
    other.update(p, y, user);
    CHECK(other.result() == Approx((3 * 0.25 + 2 * 1) / 5));
    metric.merge(other);
    CHECK(std::abs(metric.result()) <= 1);
    other.reset();
    CHECK(std::isnan(other.result()));
    p(4) = std::nan("");  // a user's score, who is not left out for it
    other.update(p, y, user);
    CHECK(std::isnan(other.result()));
    metric.merge(other);
    CHECK(std::isnan(metric.result()));
    CHECK(support::message_of<ShapeError>([&] { metric.update(p, y, Tensor<std::int32_t, 1>(2)); }) ==
          "Gauc: expected as many groups as predictions of [6], received [2]");
}
