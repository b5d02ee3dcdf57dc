#include <deeprec/explain/occlusion.hpp>

#include "support/catch.hpp"

#include "explain/random_model.hpp"

using namespace deeprec;
using namespace deeprec::test;

TEST_CASE("occlusion has the exact differences of the model", "[explain]") {
    const auto model = random_model(Sequential{Dense<double, ReLU>{8}, Dense<double, Sigmoid>{1}});
    const Explanation why = explain_by_occlusion(model, user, item);
    CHECK(why.score == score(model, user, item));
    CHECK(why.baseline == score(model, ids({0, 0, 0, 0, 0, 0}), ids({0, 0, 0, 0, 0})));
    CHECK(positions(why.events) == std::vector<Index>{2, 3, 4, 5});
    CHECK(positions(why.tokens) == std::vector<Index>{0, 2, 3, 4});
    CHECK(descending(why.events));
    for (const Contribution& c : why.events) {
        auto without = user;
        CHECK(without(0, c.position) == c.id);
        without(0, c.position) = 0;
        CHECK(c.value == why.score - score(model, without, item));
    }
    for (const Contribution& c : why.tokens) {
        auto without = item;
        without(0, c.position) = 0;
        CHECK(c.value == why.score - score(model, user, without));
    }
}
