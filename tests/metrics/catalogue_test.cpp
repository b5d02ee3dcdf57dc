#include <deeprec/metrics/catalogue.hpp>

#include <cmath>
#include <limits>

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

TEST_CASE("Figures of a catalogue refuse counts and vectors without meaning", "[metrics]") {
    CHECK_THROWS_WITH(Novelty({5, -1}), "Novelty: expected 0 or more interactions of an item, received -1");
    IntraListDiversity diversity;
    Tensor<float, 2> vectors(2, 1);
    vectors.setValues({{1}, {std::numeric_limits<float>::quiet_NaN()}});
    CHECK_THROWS_WITH(diversity.update(vectors), "IntraListDiversity: a vector of the list is not finite, or too long");
}

TEST_CASE("A repeated item of a list counts once", "[metrics]") {
    Gini repeated{3}, once{3};
    repeated.update(Ids{1, 1, 2, 1});
    once.update(Ids{1, 2});
    CHECK(repeated.result() == once.result());
    repeated.update(Ids{1});  // another list
    once.update(Ids{1});
    CHECK(repeated.result() == once.result());
    CHECK_THROWS_AS(repeated.update(Ids{3, 4}), DataError);
    CHECK(repeated.result() == once.result());  // nothing of the list was added

    Novelty novelty({4, 2, 2});
    novelty.update(Ids{2, 1, 2, 2});
    CHECK(novelty.result() == Approx(1.5));

    IntraListDiversity diversity, distinct;
    Tensor<float, 2> vectors(4, 2), two(2, 2);
    vectors.setValues({{1, 0}, {1, 0}, {0, 3}, {1, 0}});
    two.setValues({{1, 0}, {0, 3}});
    diversity.update(Ids{7, 7, 9, 7}, vectors);
    distinct.update(two);
    CHECK(diversity.result() == distinct.result());
    diversity.reset();
    diversity.update(Ids{7, 8, 9, 6}, vectors);  // others may have the same vector
    CHECK(diversity.result() == Approx(0.5));
    diversity.reset();
    diversity.update(Ids{7, 7, 7, 7}, vectors);  // one item alone
    CHECK(std::isnan(diversity.result()));
    CHECK(message_of<ShapeError>([&] {
              diversity.update(Ids{1, 2}, vectors);
          }) == "IntraListDiversity: expected a vector for each of 2 items, received 4");
}
