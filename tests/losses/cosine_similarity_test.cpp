#include <deeprec/losses/cosine_similarity.hpp>

#include "support/loss_battery.hpp"

using namespace deeprec;

TEST_CASE("CosineSimilarity passes the battery", "[losses]") {
    const auto numbers = [](Index r, Index j) { return std::sin(1.0 + static_cast<double>(r * 5 + j)); };
    battery::check_loss(CosineSimilarity{}, 4, {-2, 2}, numbers);
    battery::check_loss(CosineSimilarity{Reduction::sum}, 4, {-2, 2}, numbers);
    battery::check_large_logits(CosineSimilarity{}, 4, numbers);
}

TEST_CASE("Only the direction counts for the cosine", "[losses]") {
    Tensor<double, 2> p(3, 2), y(3, 2);
    p.setValues({{1, 2}, {3, 0}, {0, 0}});
    y.setValues({{10, 20}, {0, 5}, {1, 1}});
    const auto each = CosineSimilarity{}.per_sample(p, y);
    CHECK(each(0) == Approx(-1));
    CHECK(each(1) == 0);
    CHECK(each(2) == 0);
}
