#include <deeprec/models/branches.hpp>

#include <sstream>
#include <string>

#include <deeprec/data/batch.hpp>
#include <deeprec/io/model_file.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/metrics/auc.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/evaluate.hpp>
#include <deeprec/training/fit.hpp>

#include "support/files.hpp"
#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {

using battery::Random;

template <class T>
Record make_record(Index samples) {
    Tensor<std::int32_t, 2> item(samples, 5), event(samples, 5);
    Tensor<std::int32_t, 3> tags(samples, 5, 2);
    Tensor<std::int32_t, 1> country(samples);
    Tensor<T, 3> numbers(samples, 5, 2);
    Tensor<T, 2> age(samples, 1);
    Random random(3);
    for (Index i = 0; i < item.size(); ++i) {
        item.data()[i] = i % 5 < i / 5 % 3 ? 0 : static_cast<std::int32_t>(random.between(1, 6));
        event.data()[i] = static_cast<std::int32_t>(random.between(0, 3));
    }
    for (Index i = 0; i < tags.size(); ++i) tags.data()[i] = static_cast<std::int32_t>(random.between(0, 4));
    for (Index i = 0; i < samples; ++i) country(i) = static_cast<std::int32_t>(random.between(0, 2));
    random.fill(numbers.data(), numbers.size());
    random.fill(age.data(), age.size());
    return {{"item", item}, {"event", event}, {"tags", tags}, {"numbers", numbers}, {"age", age}, {"country", country}};
}
const RecordShape shapes{{"item", {5}},       {"event", {5}}, {"tags", {5, 2}},
                         {"numbers", {5, 2}}, {"age", {1}},   {"country", {}}};

/// Ids of all three ranks, numbers of both, and fields joined after the sequence.
template <class T>
auto make_model() {
    return Sequential{Branches{Sequential{Branches{field("item", Embedding<T>{7, 3, {.mask_zero = true}}),
                                                   field("event", Embedding<T>{4, 2}),
                                                   field("tags", EmbeddingBag<T>{5, 2, {.mask_zero = true}}),
                                                   field("numbers", Dense<T, Tanh>{2})},
                                          Dropout<T>{0.25}, LSTM<T, ReturnLast>{4}},
                               field("age", Dense<T, Tanh>{2}), field<"country">(Embedding<T>{3, 2})},
                      Dense<T, Sigmoid>{1}};
}

}  // namespace

TEST_CASE("Branches: gradients are central differences, and a warm step allocates nothing", "[branches]") {
    auto model = make_model<double>();
    static_assert(Layer<decltype(model)>);
    CHECK(model.build(shapes, Seed{1}) == Shape{1});
    for_each_parameter(model,
                       [random = Random(9)](std::string_view, auto& p) mutable { random.fill(p.data(), p.size()); });
    const Record x = make_record<double>(4);
    decltype(model)::Cache cache;
    auto gradients = model.zero_gradients();
    model.forward(x, cache, Training{Seed{1}});
    Tensor<double, 2> dy(4, 1);
    Random(2).fill(dy.data(), 4);
    model.backward(dy, cache, gradients);
    const auto loss = [&] {
        const auto at = model.forward(x, cache, Training{Seed{1}});
        double sum = 0;
        for (Index i = 0; i < 4; ++i) sum += dy(i, 0) * at(i, 0);
        return sum;
    };
    double worst = 0;
    for (const auto& [name, gradient] : battery::detail::copy_gradients(model, gradients)) {
        std::vector<double> expected(gradient.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const auto move = [&, wanted = name](double by) {
                for_each_parameter(model, [&](std::string_view n, auto& p) {
                    if (n == wanted) p.data()[i] += by;
                });
                return loss();
            };
            const double above = move(1e-5), below = move(-2e-5);
            move(1e-5);
            expected[i] = (above - below) / 2e-5;
        }
        worst = std::max(worst, battery::detail::difference(gradient, expected));
    }
    CHECK(worst < 1e-6);
    CHECK(support::allocations_in([&] {
              model.forward(view(x), cache, Training{Seed{1}});
              model.backward(dy, cache, gradients, InputGradient::skip);
          }) == 0);
}

TEST_CASE("Branches: what stands side by side, and its mask", "[branches]") {
    Branches model{field("item", Embedding{7, 3, {.mask_zero = true}}), field("numbers", Dense{2})};
    CHECK(model.build({{"numbers", {5, 2}}, {"item", {5}}}, Seed{1}) == Shape{5, 5});
    const Record all = make_record<float>(3);
    const Record x{{"item", all.slice(0, 3).get<std::int32_t>(all.fields()[0]).as<2>()},
                   {"numbers", all.slice(0, 3).get<float>(all.fields()[3]).as<3>()}};
    decltype(model)::Cache cache;
    const View<const float, 3> y = model.forward(x, cache);
    Embedding<float>::Cache items;
    Dense<float>::Cache numbers;
    const auto a = model.layer<0>().forward(view(x).get<std::int32_t>(x.fields()[0]).as<2>(), items);
    const auto b = model.layer<1>().forward(view(x).get<float>(x.fields()[1]).as<3>(), numbers);
    for (Index i = 0; i < 3; ++i)
        for (Index t = 0; t < 5; ++t) {
            for (Index j = 0; j < 3; ++j) CHECK(y(i, t, j) == a(i, t, j));
            for (Index j = 0; j < 2; ++j) CHECK(y(i, t, 3 + j) == b(i, t, j));
            CHECK((y.mask.keep[i * 5 + t] != 0) == (x.slice(i, i + 1).get<std::int32_t>(x.fields()[0]).data[t] != 0));
        }
    CHECK_THROWS_WITH((View<const float, 2>(model.forward(x, cache))),
                      ContainsSubstring("expected 2 axes, received [3, 5, 5]; end sequences first"));
    CHECK_THROWS_WITH(predict(model, x), ContainsSubstring("expected 2 axes"));

    Branches both{field("a", Embedding{3, 1, {.mask_zero = true}}), field("b", Embedding{3, 1, {.mask_zero = true}})};
    both.build({{"a", {3}}, {"b", {3}}}, Seed{1});
    Tensor<std::int32_t, 2> left(1, 3), right(1, 3);
    left.setValues({{0, 1, 2}});
    right.setValues({{1, 1, 0}});
    decltype(both)::Cache two;
    const auto joined = both.forward(Record{{"a", left}, {"b", right}}, two);
    CHECK(std::vector<int>(joined.mask.keep, joined.mask.keep + 3) == std::vector{0, 1, 0});
}

TEST_CASE("Branches: the names of its parameters, and a summary", "[branches]") {
    auto model = make_model<float>();
    model.build(shapes, Seed{1});
    battery::check_parameters(model, {{"0.0.0.item.embeddings", {7, 3}},
                                      {"0.0.0.event.embeddings", {4, 2}},
                                      {"0.0.0.tags.embeddings", {5, 2}},
                                      {"0.0.0.numbers.kernel", {2, 2}},
                                      {"0.0.0.numbers.bias", {2}},
                                      {"0.0.2.kernel", {9, 16}},
                                      {"0.0.2.recurrent_kernel", {4, 16}},
                                      {"0.0.2.bias", {16}},
                                      {"0.age.kernel", {1, 2}},
                                      {"0.age.bias", {2}},
                                      {"0.country.embeddings", {3, 2}},
                                      {"1.kernel", {8, 1}},
                                      {"1.bias", {1}}});
    std::ostringstream out;
    model.summary(out);
    CHECK_THAT(out.str(), ContainsSubstring("0.0.0.item Embedding      [5, 3]") && ContainsSubstring("0.0.2 LSTM") &&
                              ContainsSubstring("0.country Embedding       [2]") && ContainsSubstring("total"));
    CHECK_THAT(out.str(), ContainsSubstring(std::to_string(parameter_count(model))));
    CHECK(RecordShape(model.input_shape()).size() == 6);
}

TEST_CASE("Branches trains the same bits with any number of threads, predicts, is saved and loaded",
          "[branches][threads]") {
    const Index n = 96;
    const Record x = make_record<float>(n);
    Tensor<float, 2> y(n, 1);
    for (Index i = 0; i < n; ++i) y(i, 0) = view(x).get<float>(x.fields()[4]).data[i] > 0 ? 1 : 0;
    const TensorDataset data{x, y};
    std::vector<std::vector<float>> results;
    auto model = make_model<float>();
    for (const int threads : {1, 3}) {
        model.build(shapes, Seed{42});
        Adam adam{{.learning_rate = 0.05f}};
        const History history =
            fit(model, data, BinaryCrossEntropy{}, adam, {.epochs = 25, .batch_size = 64, .threads = threads});
        CHECK(history.epochs.back().at("loss") < 0.5 * history.epochs.front().at("loss"));
        const auto p = predict(model, x, {.batch_size = 7, .threads = threads});
        results.emplace_back(p.data(), p.data() + p.size());
    }
    CHECK(results[0] == results[1]);
    CHECK(evaluate(model, data, Auc{})["auc"] > 0.95);

    const support::TemporaryDirectory folder;
    save(model, folder.path() / "model.safetensors");
    const auto same = load<decltype(model)>(folder.path() / "model.safetensors");
    const auto again = predict(same, x);
    CHECK(std::vector<float>(again.data(), again.data() + n) == results[0]);
    CHECK(same.input_shape() == model.input_shape());
    auto other = Sequential{Branches{field("years", Dense{2})}, Dense{1, sigmoid}};
    CHECK_THROWS_AS(load<decltype(other)>(folder.path() / "model.safetensors"), FormatError);
}

TEST_CASE("TwoTower of records", "[branches][two_tower]") {
    const auto tower = [] {
        return Sequential{
            Branches{field("item", Embedding{7, 3, {.mask_zero = true}}), field("event", Embedding{4, 2})}, LSTM{4}};
    };
    TwoTower model{tower(), Branches{field("country", Embedding{3, 3}), field("age", Dense{1})}, Dot{}};
    model.build({{{"item", {5}}, {"event", {5}}}, {{"country", {}}, {"age", {1}}}}, Seed{1});
    const Record all = make_record<float>(6);
    const RecordView rows = view(all);
    const Record users{{"item", rows.get<std::int32_t>(all.fields()[0]).as<2>()},
                       {"event", rows.get<std::int32_t>(all.fields()[1]).as<2>()}};
    const Record items{{"country", rows.get<std::int32_t>(all.fields()[5]).as<1>()},
                       {"age", rows.get<float>(all.fields()[4]).as<2>()}};
    const auto scores = predict(model, Pair{users, items});
    const auto u = predict(model.user, users), v = predict(model.item, items);
    for (Index i = 0; i < 6; ++i) {
        float dot = 0;
        for (Index j = 0; j < 4; ++j) dot += u(i, j) * v(i, j);
        CHECK(scores(i, 0) == Approx(dot));
    }
    Tensor<float, 2> y(6, 1);
    for (Index i = 0; i < 6; ++i) y(i, 0) = static_cast<float>(i % 2);
    Adam adam{{.learning_rate = 0.05f}};
    const History history = fit(model, TensorDataset{Pair{users, items}, y}, BinaryCrossEntropy{{.from_logits = true}},
                                adam, {.epochs = 20});
    CHECK(history.epochs.back().at("loss") < history.epochs.front().at("loss"));
    const support::TemporaryDirectory folder;
    save(model, folder.path() / "model.safetensors");
    const auto same = load<decltype(model)>(folder.path() / "model.safetensors");
    CHECK(predict(same, Pair{users, items})(3, 0) == predict(model, Pair{users, items})(3, 0));
    CHECK_THROWS_WITH((model.build({{{"item", {5}}}, {{"country", {}}, {"age", {1}}}}, Seed{1})),
                      "user tower, Sequential: expected one shape of the field 'event'; the model reads 'item' ids, "
                      "'event' ids, received 'item' [5]");
}

TEST_CASE("Names that no file could keep are refused before there is a model", "[branches]") {
    for (const char* name : {"a.b", "two words", "a\xff", "\xc3"})
        CHECK_THROWS_WITH((Branches{field("item", Embedding{7, 3}), field(name, Dense{2})}),
                          "Branches: expected names of UTF-8 without spaces and any of .,:;= in them, received " +
                              detail::shown(name, "'"));
    CHECK_NOTHROW(Branches{field("caf\xc3\xa9", Embedding{7, 3}), field("\"/", Dense{2})});
}

TEST_CASE("Branches says which field does not fit", "[branches]") {
    Sequential model{Branches{field("item", Embedding{7, 3}), field("price", Dense{2})}, LSTM{4}};
    Tensor<std::int32_t, 2> item(2, 5), other(2, 4);
    Tensor<float, 3> price(2, 5, 1), two(2, 5, 2);
    Tensor<float, 2> flat(2, 1);
    decltype(model)::Cache cache;
    const auto run = [&](const Record& x) { model.forward(x, cache); };
    CHECK_THROWS_WITH(run({{"item", item}}), "Sequential: the model reads nothing yet; build it first");
    CHECK_THROWS_WITH((model.build({{"item", {5}}}, Seed{1})),
                      "Sequential: expected one shape of the field 'price'; the model reads 'item' ids, 'price' float, "
                      "received 'item' [5]");
    CHECK_THROWS_WITH((model.build({{"item", {5}}, {"price", {5, 1}}, {"age", {1}}}, Seed{1})),
                      "Sequential: nothing reads the field 'age'; the model reads 'item' ids, 'price' float, received "
                      "'item' [5], 'price' [5, 1], 'age' [1]");
    CHECK_THROWS_WITH((model.build({{"item", {5}}, {"price", {4, 1}}}, Seed{1})),
                      "layer 0: Branches: expected parts of the same steps, or one vector a sample each, received "
                      "'item' [5, 3], 'price' [4, 2]");
    CHECK_THROWS_WITH((model.build({{"item", {5, 2, 2}}, {"price", {5, 1}}}, Seed{1})),
                      "layer 0: field 'item': Embedding: expected samples of at most 2 axes, received [5, 2, 2]");
    model.build({{"item", {5}}, {"price", {5, 1}}}, Seed{1});
    const std::string reads = "; the model reads 'item' ids [5], 'price' float [5, 1], received ";
    CHECK_THROWS_WITH(run({{"item", item}}), "Sequential: expected the field 'price'" + reads + "'item' ids [5]");
    CHECK_THROWS_WITH(
        run({{"item", item}, {"price", price}, {"age", flat}}),
        "Sequential: nothing reads the field 'age'" + reads + "'item' ids [5], 'price' float [5, 1], 'age' float [1]");
    CHECK_THROWS_WITH(
        run({{"item", price}, {"price", price}}),
        "Sequential: expected another type of the field 'item'" + reads + "'item' float [5, 1], 'price' float [5, 1]");
    CHECK_THROWS_WITH(run({{"item", item}, {"price", flat}}), "Sequential: expected another rank of the field 'price'" +
                                                                  reads + "'item' ids [5], 'price' float [1]");
    CHECK_THROWS_WITH(run({{"item", item}, {"price", two}}),
                      "Sequential: expected another number of features of the field 'price'" + reads +
                          "'item' ids [5], 'price' float [5, 2]");
    CHECK_THROWS_WITH(run({{"item", other}, {"price", price}}),
                      "Branches: expected parts of the same steps, or one vector a sample each, received 'item' [2, 4, "
                      "3], 'price' [2, 5, 2]");
    item(1, 2) = 7;
    CHECK_THROWS_WITH(run({{"item", item}, {"price", price}}),
                      "field 'item': Embedding: id 7 at [1, 2] is outside the table of 7 rows");

    CHECK_THROWS_WITH((Branches{field("a", Dense{2}), field("a", Dense{2})}), "Branches: two parts have the name 'a'");
    CHECK_THROWS_WITH((Branches{field("a.b", Dense{2})}), ContainsSubstring("received 'a.b'"));
    CHECK_THROWS_AS((Branches{field("", Dense{2})}), ArgumentError);
}
