#include <deeprec/metrics/binary.hpp>

#include <cmath>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
struct Problem {
    Tensor<double, 1> p{5}, y{5};
    Problem() {  // tp 1, fp 2, fn 1, tn 1
        p.setValues({0.9, 0.8, 0.7, 0.5, 0.1});
        y.setValues({1, 0, 0, 1, 0});
    }
};
template <class Metric>
double result_of(const Problem& x, Metric metric = Metric{}) {
    metric.update(x.p, x.y);
    return metric.result();
}
}  // namespace

TEST_CASE("Accuracy, precision, recall and F1 by hand", "[metrics]") {
    const Problem x;
    CHECK(result_of<BinaryAccuracy>(x) == Approx(2.0 / 5));  // 0.5 is not above the threshold
    CHECK(result_of<Precision>(x) == Approx(1.0 / 3));
    CHECK(result_of<Recall>(x) == 0.5);
    CHECK(result_of<F1Score>(x) == Approx(2.0 / 5));
    CHECK(result_of(x, Recall{{.threshold = 0.4}}) == 1);
}

TEST_CASE("Thresholded metrics of nothing, and of NaN", "[metrics]") {
    CHECK(std::isnan(BinaryAccuracy{}.result()));
    CHECK(Precision{}.result() == 0);
    CHECK(Recall{}.result() == 0);
    CHECK(F1Score{}.result() == 0);
    Problem x;
    x.p(2) = std::nan("");
    CHECK(std::isnan(result_of<BinaryAccuracy>(x)));
    CHECK(std::isnan(result_of<F1Score>(x)));
    Problem y;
    y.y(2) = std::nan("");  // no negative
    CHECK(std::isnan(result_of<BinaryAccuracy>(y)));
    CHECK(message_of<ArgumentError>([] { Recall{{.threshold = std::nan("")}}; }) ==
          "Recall: expected a threshold, received NaN");
}

TEST_CASE("Thresholded metrics take weights, merge and reset", "[metrics]") {
    const Problem x;
    const double weights[]{2, 1, 0, 1, 1};
    Precision a, b;
    a.update(x.p, x.y, weights);
    CHECK(a.result() == Approx(2.0 / 3));
    b.update(x.p, x.y);
    a.merge(b);
    CHECK(a.result() == Approx(3.0 / 6));
    a.reset();
    CHECK(a.result() == 0);
}
