#include <deeprec/data/alias_table.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

TEST_CASE("An alias table draws by weight, and what has none never", "[alias_table]") {
    const std::vector<double> weights{0, 1, 5, 0, 0.5, 2.5, 1};
    const AliasTable table(weights);
    std::vector<int> counts(weights.size());
    const RandomStream random(Seed{7});
    for (std::uint64_t i = 0; i < 100000; ++i) ++counts[static_cast<std::size_t>(table.draw(random, i))];
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double expected = weights[i] / 10 * 100000;
        INFO(i);
        CHECK(std::abs(counts[i] - expected) <= 4.5 * std::sqrt(expected));
    }
}

TEST_CASE("An alias table of weights without meaning is refused", "[alias_table]") {
    CHECK(support::message_of<ArgumentError>([] {
              AliasTable{std::vector<double>{1, -2}};
          }) == "AliasTable: expected weights >= 0, received -2");
    CHECK(support::message_of<ArgumentError>([] {
              AliasTable{std::vector<double>{0, 0}};
          }) == "AliasTable: expected weights with a positive sum, received 0 for 2 entries");
    CHECK_THROWS_AS(AliasTable{std::vector<double>{std::numeric_limits<double>::infinity()}}, ArgumentError);
}
