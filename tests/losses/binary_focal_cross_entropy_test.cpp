#include <deeprec/losses/binary_focal_cross_entropy.hpp>

#include "support/files.hpp"
#include "support/loss_battery.hpp"

using namespace deeprec;

namespace {
const auto labels = [](Index r, Index j) { return (r + j) % 2 ? 1.0 : 0.0; };
}

TEST_CASE("Focal cross-entropy passes the battery", "[losses]") {
    for (const double gamma : {0.0, 0.5, 2.0})
        for (const bool balancing : {false, true}) {
            battery::check_loss(BinaryFocalCrossEntropy{{balancing, 0.3, gamma, true, 0.1}}, 3, {-4, 4}, labels);
            battery::check_loss(BinaryFocalCrossEntropy{{balancing, 0.3, gamma, true}}, 1, {-4, 4}, labels);
            battery::check_loss(BinaryFocalCrossEntropy{{balancing, 0.3, gamma}}, 2, {0.1, 0.9}, labels);
            battery::check_loss(BinaryFocalCrossEntropy{{balancing, 0.3, gamma}}.on_logits(), 1, {-4, 4}, labels);
            battery::check_large_logits(BinaryFocalCrossEntropy{{balancing, 0.3, gamma}}.on_logits(), 3, labels);
        }
}

TEST_CASE("Focal cross-entropy without focus is cross-entropy", "[losses]") {
    Tensor<double, 2> z(2, 1), y(2, 1);
    z.setValues({{3}, {-40}});
    y.setValues({{0}, {1}});
    const BinaryCrossEntropy plain{{.from_logits = true}};
    CHECK(BinaryFocalCrossEntropy{{.gamma = 0}}.on_logits().forward(z, y) == Approx(plain.forward(z, y)));
}

TEST_CASE("Focal cross-entropy clips within the cross-entropy alone, as Keras does", "[losses]") {
    struct Case {
        bool from_logits;
        double x, y, loss, slope;
    };
    for (const Case& c :
         {Case{false, 0, 1, 16.118095651, -32.2361913019}, Case{false, 1, 0, 16.1180956515, 32.236191303},
          Case{true, 20, 0, 16.118095585, 6.644374e-8}, Case{true, 100, 0, 16.1180956515, 0}}) {
        Tensor<double, 2> x(1, 1), y(1, 1);
        x(0, 0) = c.x, y(0, 0) = c.y;
        const BinaryFocalCrossEntropy loss{{.from_logits = c.from_logits}};
        CAPTURE(c.from_logits, c.x);
        CHECK(loss.forward(x, y) == Approx(c.loss).epsilon(1e-9));
        CHECK(loss.gradient(x, y)(0, 0) == Approx(c.slope).epsilon(1e-6).margin(1e-12));
    }
}

TEST_CASE("Options of the focal cross-entropy have bounds", "[losses]") {
    CHECK(support::message_of<ArgumentError>([] { BinaryFocalCrossEntropy{{.gamma = -1}}; }) ==
          "BinaryFocalCrossEntropy: expected gamma >= 0, received -1");
    CHECK(support::message_of<ArgumentError>([] { BinaryFocalCrossEntropy{{.alpha = 2}}; }) ==
          "BinaryFocalCrossEntropy: expected alpha in [0, 1], received 2");
}
