#include <deeprec/metrics/top_k_accuracy.hpp>

#include <cmath>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

TEST_CASE("Top-k accuracy by hand, ties by the lower class", "[metrics]") {
    Tensor<double, 2> scores(3, 3);
    Tensor<std::int32_t, 1> classes(3);
    scores.setValues({{3, 2, 1}, {1, 1, 1}, {0, 1, 2}});
    classes.setValues({1, 1, 2});
    TopKAccuracy one{{.k = 1}}, two{{.k = 2}};
    one.update(scores, classes);
    two.update(scores, classes);
    CHECK(one.name() == "accuracy@1");
    CHECK(one.result() == Approx(1.0 / 3));
    CHECK(two.result() == 1);
    const double weights[]{1, 1, 2};
    TopKAccuracy weighted{{.k = 1}};
    weighted.update(scores, classes, weights);
    CHECK(weighted.result() == 0.5);
    one.merge(weighted);
    CHECK(one.result() == Approx(3.0 / 7));
    scores(0, 2) = std::nan("");
    one.update(scores, classes);
    CHECK(std::isnan(one.result()));
    classes(0) = 3;
    CHECK(support::message_of<DataError>([&] { one.update(scores, classes); }) ==
          "TopKAccuracy: expected a class from 0 to 2, received 3");
    Tensor<float, 1> numbers(3);
    for (const float wrong : {std::nanf(""), 0.5f, -1.0f, 1e30f}) {
        numbers.setValues({1, wrong, 2});
        CHECK(support::message_of<DataError>([&] { two.update(scores, numbers); }) ==
              message("TopKAccuracy: expected a class from 0 to 2, received ", wrong));
    }
}
