#include <deeprec/losses/cosine_embedding.hpp>

#include "support/files.hpp"
#include "support/loss_battery.hpp"

using namespace deeprec;

TEST_CASE("Gradients of CosineEmbedding are its slopes", "[losses]") {
    Tensor<double, 2> a(6, 4), b(6, 4);
    Tensor<double, 1> target(6);
    battery::fill(a, {-1, 1}, 1);
    battery::fill(b, {-1, 1}, 2);
    for (Index r = 0; r < 6; ++r) target(r) = r % 2 ? 1 : -1;
    for (const double margin : {-0.5, 0.0, 0.5})
        for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
            const CosineEmbedding loss{{margin, reduction}};
            const auto gradient = loss.gradient(a, b, target);
            const auto value = [&] { return loss.forward(a, b, target); };
            CHECK(battery::slope_error(a, gradient[0], value) < 1e-6);
            CHECK(battery::slope_error(b, gradient[1], value) < 1e-6);
        }
}

TEST_CASE("CosineEmbedding by hand, and what does not fit", "[losses]") {
    Tensor<float, 2> a(2, 2), b(2, 2);
    Tensor<float, 1> target(2);
    a.setValues({{1e4f, 0}, {0, 2}});
    b.setValues({{0, -1e4f}, {0, 5}});
    target.setValues({1, -1});
    const auto each = CosineEmbedding{{.margin = 0.25}}.per_sample(a, b, target);
    CHECK(each(0) == 1);
    CHECK(each(1) == Approx(0.75));
    CHECK(support::message_of<ShapeError>([&] { CosineEmbedding{}.forward(a, b, Tensor<float, 1>(3)); }) ==
          "CosineEmbedding: expected 2 targets, received 3");
    CHECK(support::message_of<ShapeError>([&] { CosineEmbedding{}.forward(a, Tensor<float, 2>(2, 3), target); }) ==
          "CosineEmbedding: expected vectors of equal shapes, received [2, 2] and [2, 3]");
    CHECK_THROWS_AS((CosineEmbedding{{.reduction = Reduction::mean_with_sample_weight}}), ArgumentError);
}

TEST_CASE("CosineEmbedding has its slope at the margin too, as PyTorch does", "[losses]") {
    Tensor<double, 2> a(1, 2), b(1, 2);
    Tensor<double, 1> target(1);
    a.setValues({{1, 0}});
    b.setValues({{0, 1}});
    target(0) = -1;
    const auto gradient = CosineEmbedding{}.gradient(a, b, target);
    CHECK(gradient[0](0, 0) == 0);
    CHECK(gradient[0](0, 1) == Approx(1));
}
