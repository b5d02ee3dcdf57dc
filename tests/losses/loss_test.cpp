#include <deeprec/losses/loss.hpp>

#include <cmath>
#include <initializer_list>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
/// Half the squared distance, with numbers that can be checked by hand.
struct Squares : SampleLoss<Squares> {
    using SampleLoss::SampleLoss;
    static constexpr std::string_view name() { return "Squares"; }
    template <class T>
    T sample(const T* p, const T* y, Index outputs, T scale, T* gradient) const {
        T sum = 0;
        for (Index j = 0; j < outputs; ++j) {
            sum += (p[j] - y[j]) * (p[j] - y[j]) / 2;
            if (gradient) gradient[j] = scale * (p[j] - y[j]);
        }
        return sum;
    }
};
Tensor<double, 2> rows(std::initializer_list<std::initializer_list<double>> numbers) {
    Tensor<double, 2> x(static_cast<Index>(numbers.size()), static_cast<Index>(numbers.begin()->size()));
    Index i = 0;
    for (const auto& row : numbers)
        for (const double number : row) x.data()[i++] = number;
    return x;
}
}  // namespace

TEST_CASE("Reductions and weights of losses", "[losses]") {
    const auto p = rows({{1, 2}, {3, 0}}), y = rows({{0, 0}, {1, 0}});  // losses 2.5 and 2
    Tensor<double, 1> weight(2);
    weight.setValues({2, 0.5});
    const Squares mean, sum(Reduction::sum);
    CHECK(mean.per_sample(p, y)(0) == 2.5);
    CHECK(mean.per_sample(p, y)(1) == 2);
    CHECK(mean.forward(p, y) == 2.25);
    CHECK(sum.forward(p, y) == 4.5);
    CHECK(mean.forward(p, y, weight) == 3);  // (5 + 1) / 2 samples, not / 2.5
    CHECK(sum.forward(p, y, weight) == 6);
    CHECK(mean.gradient(p, y)(1, 0) == 1);
    CHECK(sum.gradient(p, y, weight)(0, 1) == 4);
    CHECK(sum.gradient(p, y, weight)(1, 0) == 1);
}

TEST_CASE("A loss takes sequences and rows of weights", "[losses]") {
    Tensor<float, 3> p(2, 3, 1), y(2, 3, 1);
    Tensor<float, 2> weight(2, 3);
    p.setConstant(2);
    y.setZero();
    weight.setZero();
    weight(1, 2) = 3;
    CHECK(Squares{}.forward(p, y) == Approx(2));
    CHECK(Squares{}.forward(p, y, weight) == Approx(1));
    CHECK(Squares{Reduction::sum}.gradient(p, y, weight)(1, 2, 0) == 6);
}

TEST_CASE("Masked steps neither cost nor count", "[losses]") {
    Tensor<double, 3> p(2, 2, 1), y(2, 2, 1);
    Tensor<std::uint8_t, 2> mask(2, 2);
    p.setValues({{{2}, {std::nan("")}}, {{4}, {6}}});
    y.setZero();
    mask.setValues({{1, 0}, {1, 0}});
    CHECK(Squares{}.forward(masked(p, mask), y) == 5);  // (2 + 8) / 2
    CHECK(Squares{Reduction::sum}.forward(masked(p, mask), y) == 10);
    const auto gradient = Squares{}.gradient(masked(p, mask), y);
    CHECK(gradient(0, 1, 0) == 0);
    CHECK(gradient(1, 0, 0) == 2);
    CHECK(Squares{}.per_sample(masked(p, mask), y)(1) == 0);
}

TEST_CASE("mean_with_sample_weight divides by the weights", "[losses]") {
    const auto p = rows({{1, 2}, {3, 0}}), y = rows({{0, 0}, {1, 0}});  // losses 2.5 and 2
    Tensor<double, 1> weight(2);
    weight.setValues({2, 0.5});
    const Squares mean(Reduction::mean_with_sample_weight);
    CHECK(mean.forward(p, y, weight) == Approx(6 / 2.5));
    CHECK(mean.forward(p, y) == 2.25);
    CHECK(mean.gradient(p, y, weight)(1, 0) == Approx(2 * 0.5 / 2.5));
    weight.setZero();
    CHECK(mean.forward(p, y, weight) == 0);
}

TEST_CASE("An empty batch has no loss", "[losses]") {
    const Tensor<float, 2> none(0, 3);
    CHECK(Squares{}.forward(none, none) == 0);
}

TEST_CASE("Losses name shapes that do not fit", "[losses]") {
    const Tensor<double, 2> p(4, 2), y(2, 4);
    CHECK(message_of<ShapeError>([&] { Squares{}.forward(p, y); }) ==
          "Squares: expected a target of the prediction's shape [4, 2], received [2, 4]");
    const Tensor<double, 1> weight(8);
    CHECK(message_of<ShapeError>([&] { Squares{}.forward(p, p, weight); }) ==
          "Squares: expected 4 sample weights, received [8]");
}
