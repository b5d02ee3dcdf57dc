#include <deeprec/core/record.hpp>

#include <deeprec/core/inputs.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

using namespace deeprec;

namespace {

Record people() {
    Tensor<std::int32_t, 1> country(3);
    Tensor<std::int32_t, 2> item(3, 2);
    Tensor<std::int32_t, 3> tags(3, 2, 4);
    Tensor<float, 2> age(3, 1);
    Tensor<double, 3> price(3, 2, 2);
    country.setValues({7, 8, 9});
    item.setValues({{1, 2}, {3, 4}, {5, 6}});
    for (Index i = 0; i < tags.size(); ++i) tags.data()[i] = static_cast<std::int32_t>(i);
    age.setValues({{20}, {30}, {40}});
    for (Index i = 0; i < price.size(); ++i) price.data()[i] = static_cast<double>(i);
    return {{"country", country}, {"item", item}, {"tags", std::move(tags)}, {"age", age}, {"price", view(price)}};
}

}  // namespace

TEST_CASE("A record has tensors of every rank and type by name", "[record]") {
    const Record x = people();
    CHECK(x.size() == 3);
    CHECK(x.shape() == RecordShape{{"country", {}, ElementType::int32},
                                   {"item", {2}, ElementType::int32},
                                   {"tags", {2, 4}, ElementType::int32},
                                   {"age", {1}, ElementType::float32},
                                   {"price", {2, 2}, ElementType::float64}});
    const RecordView all = view(x);
    CHECK(all.get<std::int32_t>(*all.find("country")).as<1>()(2) == 9);
    CHECK(all.get<std::int32_t>(*all.find("item")).as<2>()(1, 0) == 3);
    CHECK(all.get<std::int32_t>(*all.find("tags")).as<3>()(2, 1, 3) == 23);
    CHECK(all.get<float>(*all.find("age")).as<2>()(1, 0) == 30);
    CHECK(all.get<double>(*all.find("price")).as<3>()(2, 1, 1) == 11);
    CHECK(all.find("ages") == nullptr);
    CHECK(sample_count(all) == 3);
    CHECK(sample_steps(all) == 8);  // ids of the longest field
}

TEST_CASE("Slices and copies of a record share its memory", "[record]") {
    const Record x = people();
    const void* const before = x.fields()[1].data;
    Index found = 0;
    CHECK(support::allocations_in([&] {
              const RecordView some = x.slice(1, 3), last = some.slice(1, 2);
              found = last.get<std::int32_t>(*last.find("item")).as<2>()(0, 1);
          }) == 0);
    CHECK(found == 6);
    Record copy = x, moved = std::move(copy);
    copy = moved;
    CHECK(copy.fields()[1].data == before);
    CHECK(copy.fields()[1].name == "item");
    CHECK(Record().size() == 0);
    CHECK(Record().fields().empty());
    CHECK_THROWS_WITH(x.slice(1, 4), "Record: expected samples of 0 to 3, received 1 to 4");
    CHECK_THROWS_AS(x.slice(2, 1), ShapeError);
}

TEST_CASE("A record refuses fields that do not belong together", "[record]") {
    const Tensor<std::int32_t, 1> two(2), three(3);
    CHECK_THROWS_WITH((Record{{"a", two}, {"b", three}}),
                      "Record: expected as many samples in each field, received 2 of 'a' and 3 of 'b'");
    CHECK_THROWS_AS((Record{{"a", two}, {"b", three}}), ShapeError);
    CHECK_THROWS_WITH((Record{{"a", two}, {"a", two}}), "Record: two fields have the name 'a'");
    CHECK_THROWS_AS((Record{{"a", two}, {"a", two}}), ArgumentError);
}
