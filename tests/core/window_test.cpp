#include <deeprec/core/window.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Window sizes are Keras'", "[window]") {
    const auto check = [](const WindowSizes& sizes, Index steps, Index before, Index after) {
        CHECK(sizes.steps == steps);
        CHECK(sizes.before == before);
        CHECK(sizes.after == after);
    };
    check(window_sizes("", 50, 3, 1, Padding::valid), 48, 0, 0);
    check(window_sizes("", 7, 3, 2, Padding::valid), 3, 0, 0);
    check(window_sizes("", 5, 3, 1, Padding::same), 5, 1, 1);
    check(window_sizes("", 5, 4, 1, Padding::same), 5, 1, 2);
    check(window_sizes("", 6, 3, 2, Padding::same), 3, 0, 1);
    check(window_sizes("", 4, 1, 3, Padding::same), 2, 0, 0);
    check(window_sizes("", 5, 3, 1, Padding::causal), 5, 2, 0);
    check(window_sizes("", 5, 3, 2, Padding::causal), 3, 2, 0);
    check(window_sizes("", 1, 3, 1, Padding::causal), 1, 2, 0);
    CHECK_THROWS_WITH(window_sizes("Conv1D", 2, 3, 1, Padding::valid), "Conv1D: a window of 3 steps needs at least as many, received 2");
}
