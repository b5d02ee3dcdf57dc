#include <deeprec/ranking/scorer.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("A scorer gets a score for padding and each item", "[ranking]") {
    const std::vector<float> six(6), none;
    CHECK_NOTHROW(deeprec::detail::check_scores("Markov", 5, six));
    CHECK(message_of<DataError>([&] { deeprec::detail::check_scores("Markov", 4, six); }) ==
          "Markov: expected 5 scores, of items 0 to 4, received 6");
    CHECK(message_of<DataError>([&] { deeprec::detail::check_scores("Markov", 4, none); }) ==
          "Markov: expected 5 scores, of items 0 to 4, received 0");
}

TEST_CASE("A history has items alone, no padding", "[ranking]") {
    for (const std::int32_t item : {1, 5}) CHECK_NOTHROW(deeprec::detail::check_history_item("Markov", 5, item));
    for (const std::int32_t item : {-1, 0, 6})
        CHECK(message_of<DataError>([&] { deeprec::detail::check_history_item("Markov", 5, item); }) ==
              message("Markov: expected a history of items 1 to 5, received ", item));
}
