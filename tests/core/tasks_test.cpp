#include <deeprec/core/tasks.hpp>

#include <limits>
#include <string>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
// The sum of all predictions that it sees.
struct Total {
    static constexpr std::string_view name() { return "total"; }
    double result() const { return sum; }
    void reset() { sum = 0; }
    void update(const View<const float, 2>& prediction, const View<const float, 2>&) {
        for (Index i = 0; i < prediction.size(); ++i) sum += static_cast<double>(prediction.data()[i]);
    }
    double sum = 0;
};
}  // namespace

TEST_CASE("A metric of a task sees its own columns, of the samples that have the target", "[core][tasks]") {
    const RecordShape heads{{"click", {1}, element_type<float>}, {"buy", {2}, element_type<float>}};
    const RecordShape targets{{"buy", {2}, element_type<float>}, {"click", {1}, element_type<float>}};
    const float missing = std::numeric_limits<float>::quiet_NaN();
    const float predictions[] = {1, 10, 100, 2, 20, 200}, wanted[] = {0, 1, missing, missing, 1, 1};
    auto clicks = on("click", Total{}), buys = on("buy", Total{});
    for (auto* metric : {&clicks, &buys})
        metric->update<float>({heads, targets}, {predictions, {2, 3}}, {wanted, {2, 3}}, {});
    CHECK(clicks.name() == "click_total");
    CHECK(clicks.result() == 2);  // the first sample has no click target
    CHECK(buys.result() == 110);  // a target that is missing in part is missing
    buys.reset();
    CHECK(buys.result() == 0);

    auto likes = on("like", Total{});
    CHECK(message_of<ArgumentError>([&] {
              likes.update<float>({heads, targets}, {predictions, {2, 3}}, {wanted, {2, 3}}, {});
          }) == "like_total: expected the task 'like' among the model's heads, there are 'click', 'buy'");
    const std::string fewer = message_of<ShapeError>(
        [&] { buys.update<float>({heads, targets}, {predictions, {2, 3}}, {wanted, {1, 3}}, {}); });
    CHECK(fewer == "buy_total: expected predictions [B, 3 or more] and targets [B, 2 or more], received [2, 3] and [1, 3]");
    CHECK_THROWS_AS(buys.update<float>({heads, targets}, {predictions, {3, 2}}, {wanted, {3, 2}}, {}), ShapeError);
    CHECK_THROWS_AS(clicks.update<float>({heads, targets}, {predictions, {3, 2}}, {wanted, {3, 2}}, {}), ShapeError);
}
