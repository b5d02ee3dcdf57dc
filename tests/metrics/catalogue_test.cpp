#include <deeprec/metrics/catalogue.hpp>

#include <cmath>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

TEST_CASE("Coverage and Gini index by hand", "[metrics]") {
    Coverage coverage{4};
    Gini gini{4}, equal{2};
    CHECK(coverage.result() == 0);
    CHECK(std::isnan(gini.result()));
    for (const Ids& list : {Ids{1, 2}, Ids{1, 4}}) {
        coverage.update(list);
        gini.update(list);
    }
    CHECK(coverage.result() == 0.75);
    CHECK(gini.result() == Approx((-3 * 0 - 1 * 1 + 1 * 1 + 3 * 2) / (4.0 * 4)));
    equal.update(Ids{1, 2});
    CHECK(equal.result() == 0);
    Coverage other{4};
    other.update(Ids{3});
    coverage.merge(other);
    CHECK(coverage.result() == 1);
    coverage.reset();
    CHECK(coverage.result() == 0);
    CHECK(message_of<DataError>([&] { coverage.update(Ids{5}); }) ==
          "Coverage: expected items from 1 to 4, received 5");
    CHECK(message_of<ArgumentError>([&] { coverage.merge(Coverage{3}); }) ==
          "Coverage: expected another of 4 items, received 3");
    CHECK_THROWS_AS(Gini{0}, ArgumentError);
}

TEST_CASE("Novelty by hand", "[metrics]") {
    Novelty metric({4, 2, 2, 0}), other = metric;
    metric.update(Ids{1, 2});
    CHECK(metric.result() == Approx(1.5));  // 1 bit and 2 bits
    other.update(Ids{4});
    CHECK(other.result() == Approx(3));
    metric.merge(other);
    CHECK(metric.result() == Approx(2));
    metric.reset();
    CHECK(std::isnan(metric.result()));
    CHECK(message_of<DataError>([&] { metric.update(Ids{0}); }) == "Novelty: expected items from 1 to 4, received 0");
    CHECK(message_of<DataError>([] { Novelty({0, 0}); }) == "Novelty: expected interactions, received none");
}

TEST_CASE("Intra-list diversity by hand", "[metrics]") {
    IntraListDiversity metric, other;
    Tensor<float, 2> vectors(3, 2);
    vectors.setValues({{1, 0}, {2, 0}, {0, 3}});
    metric.update(vectors);
    CHECK(metric.result() == Approx(2.0 / 3));  // 0, 1 and 1
    vectors.setValues({{1, 0}, {-1, 0}, {0, 0}});
    other.update(vectors);
    CHECK(other.result() == Approx(4.0 / 3));
    other.update(Tensor<float, 2>(1, 2));  // too short to count
    metric.merge(other);
    CHECK(metric.result() == Approx(1));
}
