#include <deeprec/core/output_watch.hpp>

#include <limits>

#include <deeprec/core/tensor.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("OutputWatch keeps the first layer that is not finite, of the first samples", "[output_watch]") {
    Tensor<float, 3> good(2, 3, 2), bad(2, 3, 2);
    good.setConstant(1);
    bad.setConstant(1);
    bad(1, 2, 0) = std::numeric_limits<float>::infinity();
    Tensor<std::int32_t, 2> ids(2, 3);
    ids.setZero();
    const Block<const float> fine{good.data(), {2, 3, 2}}, broken{bad.data(), {2, 3, 2}};
    const int layers[3] = {};

    OutputWatch watch;
    watch.see(&layers[0], "Embedding", 64, Block<const std::int32_t>{ids.data(), {2, 3}}, fine);
    CHECK(watch.layer() == nullptr);
    watch.see(&layers[1], "LSTM", 64, fine, broken);
    watch.see(&layers[2], "Dense", 64, broken, broken);  // read what the LSTM gave
    CHECK((watch.layer() == &layers[1] && watch.name() == "LSTM" && !watch.of_input()));
    watch.see(&layers[2], "Dense", 0, broken, fine);  // a shard before that one
    CHECK((watch.layer() == &layers[2] && watch.name() == "Dense" && watch.of_input()));

    Tensor<std::uint8_t, 2> keep(2, 3);
    keep.setConstant(1);
    keep(1, 2) = 0;
    OutputWatch masked;
    masked.see(&layers[0], "LSTM", 0, fine, Block<const float>{bad.data(), {2, 3, 2}, Mask{keep.data()}});
    CHECK(masked.layer() == nullptr);
}
