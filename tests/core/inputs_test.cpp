#include <deeprec/core/inputs.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Pairs: each user meets the candidates of its block", "[inputs]") {
    CHECK(candidates_per_user(4, 4, 1) == 1);
    CHECK(candidates_per_user(4, 12, 1) == 3);
    CHECK(candidates_per_user(4, 6, 2) == 3);
    CHECK(candidates_per_user(0, 0, 1) == 1);
    CHECK_THROWS_AS(candidates_per_user(4, 5, 1), ShapeError);
    CHECK_THROWS_AS(candidates_per_user(4, 0, 1), ShapeError);
    CHECK_THROWS_AS(candidates_per_user(0, 3, 1), ShapeError);
    CHECK_THROWS_AS(candidates_per_user(5, 4, 2), ShapeError);
    CHECK_THROWS_WITH(candidates_per_user(4, 4, 0), ContainsSubstring("blocks of 0"));
}

TEST_CASE("A slice of pairs takes whole blocks with their candidates", "[inputs]") {
    Tensor<float, 2> user(6, 2), item(9, 1);
    for (Index i = 0; i < 12; ++i) user.data()[i] = static_cast<float>(i);
    for (Index i = 0; i < 9; ++i) item.data()[i] = static_cast<float>(i);
    const Pair pair{view(user), view(item), 2};  // 3 blocks of 2 users, 3 candidates each
    CHECK(sample_count(pair) == 6);
    CHECK(sample_block(pair) == 2);
    CHECK(sample_steps(pair) == 1);
    const auto part = slice_samples(pair, 2, 6);
    CHECK(part.user.extent(0) == 4);
    CHECK(part.user(0, 0) == 4);
    CHECK(part.item.extent(0) == 6);
    CHECK(part.item(0, 0) == 3);
    CHECK(part.block == 2);
    CHECK(sample_count(view(user)) == 6);
    CHECK(slice_samples(view(user), 1, 3)(0, 0) == 2);
}

TEST_CASE("Samples of sequences and of ids have steps, samples of features have one", "[inputs]") {
    const Tensor<float, 3> sequences(2, 5, 3);
    const Tensor<float, 2> features(2, 3);
    const Tensor<std::int32_t, 2> ids(2, 7);
    CHECK(sample_steps(view(sequences)) == 5);
    CHECK(sample_steps(view(features)) == 1);
    CHECK(sample_steps(view(ids)) == 7);
}
