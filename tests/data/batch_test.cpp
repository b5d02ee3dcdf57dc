#include <deeprec/data/batch.hpp>

#include <vector>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
/// 0, 1, 2, ... in order.
template <class T, int Rank>
Tensor<T, Rank> counted(const std::array<Index, Rank>& extents) {
    Tensor<T, Rank> x(extents);
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<T>(i);
    return x;
}
}  // namespace

TEST_CASE("A batch has the rows that were asked for, in that order", "[data]") {
    Tensor<float, 1> weights(5);
    weights.setValues({10, 11, 12, 13, 14});
    const TensorDataset data{counted<float, 3>({5, 2, 3}), counted<float, 2>({5, 1}), weights};
    CHECK(data.size() == 5);
    const std::vector<Index> order{4, 0, 4};
    const auto batch = data.batch(order);
    REQUIRE(batch.inputs.shape() == Shape{3, 2, 3});
    for (Index b = 0; b < 3; ++b) {
        const auto row = order[static_cast<std::size_t>(b)];
        for (Index i = 0; i < 6; ++i) CHECK(batch.inputs.data()[6 * b + i] == static_cast<float>(6 * row + i));
        CHECK(batch.targets(b, 0) == static_cast<float>(row));
        CHECK(batch.weights[b] == static_cast<float>(10 + row));
    }
}

TEST_CASE("A batch of two towers has users and items of the same rows", "[data]") {
    const TensorDataset data{Pair{counted<std::int32_t, 2>({4, 3}), counted<float, 2>({4, 2})},
                             counted<float, 2>({4, 1})};
    const auto batch = data.batch(std::vector<Index>{2, 1});
    CHECK(batch.weights == nullptr);
    CHECK(batch.inputs.block == 1);
    CHECK(sample_count(batch.inputs) == 2);
    CHECK(batch.inputs.user(0, 0) == 6);
    CHECK(batch.inputs.item(0, 1) == 5);
    CHECK(batch.inputs.user(1, 2) == 5);
    CHECK(batch.targets(1, 0) == 1);
}

TEST_CASE("Batches reuse their memory, and rows in a row stay where they are", "[data]") {
    const TensorDataset data{counted<float, 2>({50, 3}), counted<float, 2>({50, 1}), Tensor<float, 1>(50)};
    const std::vector<Index> rows{1, 2, 4, 3}, others{9, 8}, in_a_row{5, 6, 7};
    data.batch(rows);
    CHECK(support::allocations_in([&] {
              data.batch(others);
              data.batch(rows);
              data.batch(in_a_row);
          }) == 0);
    const auto batch = data.batch(in_a_row);
    CHECK(batch.inputs.data() == data.inputs().data() + 5 * 3);
    CHECK(batch.inputs.extent(0) == 3);
    CHECK(batch.targets.data() == data.targets().data() + 5);
    const Record record{{"id", counted<std::int32_t, 2>({50, 2})}};
    const TensorDataset of_record{record, counted<float, 2>({50, 1})};
    const auto ids = of_record.batch(in_a_row).inputs;
    const auto expected = record.slice(5, 8);
    CHECK(ids.batch() == 3);
    CHECK(ids.get<std::int32_t>(ids.fields[0]).data == expected.get<std::int32_t>(expected.fields[0]).data);
}

TEST_CASE("TensorDataset names what does not fit", "[data]") {
    const auto x = counted<float, 2>({5, 3});
    CHECK(message_of<ShapeError>([&] {
              TensorDataset{x, counted<float, 2>({4, 1})};
          }) == "TensorDataset: expected targets and weights for 5 samples, received 4 and 0");
    CHECK(message_of<ShapeError>([&] {
              TensorDataset{x, counted<float, 2>({5, 1}), counted<float, 1>({6})};
          }) == "TensorDataset: expected targets and weights for 5 samples, received 5 and 6");
    CHECK(message_of<ShapeError>([&] {
              TensorDataset{Pair{x, counted<float, 2>({6, 3})}, counted<float, 2>({5, 1})};
          }) == "TensorDataset: expected as many items as users, received 6 and 5");
    const TensorDataset data{x, counted<float, 2>({5, 1})};
    for (const Index bad : {Index{5}, Index{-1}})
        CHECK(message_of<DataError>([&] {
                  data.batch(std::vector<Index>{0, bad});
              }) == message("TensorDataset: expected indices below 5, received ", bad));
}
