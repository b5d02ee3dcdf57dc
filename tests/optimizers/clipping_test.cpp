#include <deeprec/optimizers/clipping.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "optimizers/rule_battery.hpp"

using namespace deeprec;
using support::message_of;

namespace {
/// bias gradient (3, -4), table gradient 12 in row 2: norms 5 and 12, together 13.
struct Small {
    rules::Model<float> model{2, 4, 1};
    rules::Model<float>::Gradients gradients = model.zero_gradients();
    Small() {
        gradients.bias.setValues({3, -4});
        gradients.table.row(2)[0] = 12;
    }
    std::vector<float> all() { return {gradients.bias(0), gradients.bias(1), gradients.table.values(0)[0]}; }
};
constexpr double infinity = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("Gradients have norms of any order", "[optimizers]") {
    Small s;
    CHECK(gradient_norm(s.model, s.gradients) == 13);
    CHECK(gradient_norm(s.model, s.gradients, 1) == 19);
    CHECK(gradient_norm(s.model, s.gradients, 3) == Approx(std::cbrt(27 + 64 + 1728)));
    CHECK(gradient_norm(s.model, s.gradients, infinity) == 12);
    CHECK(message_of<ArgumentError>([&] { gradient_norm(s.model, s.gradients, 0); }) ==
          "gradient_norm: expected a positive order, received 0");
    s.gradients.bias(0) = std::nanf("");
    for (const double order : {1.0, 2.0, 3.0, infinity}) CHECK(std::isnan(gradient_norm(s.model, s.gradients, order)));
}

TEST_CASE("Gradients are clipped in place by value, norm and global norm", "[optimizers]") {
    Small value, norm, global, loose;
    clip_by_value(value.model, value.gradients, 3.5);
    CHECK(value.all() == std::vector<float>{3, -3.5, 3.5});
    clip_by_norm(norm.model, norm.gradients, 10);
    CHECK(norm.all() == std::vector<float>{3, -4, 10});
    CHECK(clip_by_global_norm(global.model, global.gradients, 6.5) == 13);
    CHECK(global.all() == std::vector<float>{1.5, -2, 6});
    CHECK(clip_by_global_norm(loose.model, loose.gradients, 13) == 13);
    CHECK(loose.all() == std::vector<float>{3, -4, 12});
    CHECK(clip_by_global_norm(loose.model, loose.gradients, 6.5, {.order = infinity, .epsilon = 1}) == 12);
    CHECK(loose.all() == std::vector<float>{1.5, -2, 6});
}

TEST_CASE("A gradient that is NaN makes all that share its norm NaN", "[optimizers]") {
    Small s;
    s.gradients.bias(0) = std::nanf("");
    CHECK(std::isnan(clip_by_global_norm(s.model, s.gradients, 6.5)));
    for (const float g : s.all()) CHECK(std::isnan(g));
}

TEST_CASE("Clipping asks for a positive limit", "[optimizers]") {
    Small s;
    CHECK(message_of<ArgumentError>([&] { clip_by_value(s.model, s.gradients, 0); }) ==
          "clip_by_value: expected a positive limit, received 0");
    CHECK_THROWS_AS(clip_by_norm(s.model, s.gradients, -1), ArgumentError);
    CHECK_THROWS_AS(clip_by_global_norm(s.model, s.gradients, std::nan("")), ArgumentError);
}
