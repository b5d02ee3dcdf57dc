#include <deeprec/models/two_tower.hpp>

#include <sstream>

#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/max_pool1d.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {

/// A TwoTower as a layer on [user features; item features], so that the battery can take it.
template <class Model>
struct OnHalves : LayerInterface<OnHalves<Model>, double> {
    using Scalar = double;
    using Gradients = typename Model::Gradients;
    struct Cache {
        typename Model::Cache model;
        Buffer<double> u, v, dx;
    };
    static constexpr Reads reads = Reads::features;
    Model model;
    Index user_width = 0;

    OnHalves() = default;
    OnHalves(Model m, Index width) : model(std::move(m)), user_width(width) {}
    static constexpr std::string_view name() { return "TwoTower"; }
    template <class, int>
    static constexpr int output_rank() {
        return 2;
    }
    Shape size(const Shape& in) { return model.size({{user_width}, {in[0] - user_width}}); }
    void fields(Fields<double>& f, Gradients& g) { model.fields(f, g); }
    void parameters_changed() { model.parameters_changed(); }
    Block<const double> apply(const Block<const double>& x, Cache& cache, const Pass& pass) const {
        const Index rows = x.batch(), wu = user_width, wv = x.last() - wu;
        double *u = cache.u.need(rows * wu), *v = cache.v.need(rows * wv);
        for (Index r = 0; r < rows; ++r) {
            std::copy_n(x.data + r * (wu + wv), wu, u + r * wu);
            std::copy_n(x.data + r * (wu + wv) + wu, wv, v + r * wv);
        }
        const View<const double, 2> uu{u, {rows, wu}}, vv{v, {rows, wv}};
        return Block(model.forward(Pair{uu, vv}, cache.model, pass));
    }
    Block<const double> apply_backward(const Block<const double>& dy, Cache& cache, Gradients& gradients, bool) const {
        const auto d = model.backward(dy.template as<2>(), cache.model, gradients);
        const Index rows = d.user.extent(0), wu = user_width, wv = d.item.last();
        double* dx = cache.dx.need(rows * (wu + wv));
        for (Index r = 0; r < rows; ++r) {
            std::copy_n(d.user.data() + r * wu, wu, dx + r * (wu + wv));
            std::copy_n(d.item.data() + r * wv, wv, dx + r * (wu + wv) + wu);
        }
        return {dx, {rows, wu + wv}};
    }
};

template <class Head>
void check_battery(const Head& head) {
    battery::check<2>([&](battery::Random& random) {
        const Index user_width = random.between(1, 6);
        TwoTower model{Sequential{Dense<double, Tanh>{4}}, Sequential{Dense<double, Tanh>{3}, Dense<double>{4}}, head};
        return battery::Subject{OnHalves<decltype(model)>{model, user_width}, {user_width + random.between(1, 6)}};
    });
}

auto small_cnn(auto head) {
    return TwoTower{Sequential{Embedding<double>{9, 3, {.mask_zero = true}}, Conv1D<double, Tanh>{4, 3},
                               MaxPool1D<double>{2}, Flatten<double>{}},
                    Sequential{Embedding<double>{7, 3}, GlobalAveragePool1D<double>{}, Dense<double>{8}}, head};
}

template <class Head>
void check_blocks(const Head& head) {
    constexpr Index users = 6, block = 2, candidates = 3, items = users / block * candidates,
                    pairs = users * candidates;
    auto model = small_cnn(head);
    model.build({{6}, {4}}, Seed{1});
    battery::Random random(4);
    for_each_parameter(model, [&](std::string_view, auto& p) { random.fill(p.data(), p.size()); });
    Tensor<std::int32_t, 2> user(users, 6), item(items, 4), each_user(pairs, 6), each_item(pairs, 4);
    for (Index i = 0; i < user.size(); ++i) user.data()[i] = static_cast<std::int32_t>(random.between(0, 8));
    for (Index i = 0; i < item.size(); ++i) item.data()[i] = static_cast<std::int32_t>(random.between(0, 6));
    for (Index b = 0; b < users; ++b)
        for (Index j = 0; j < candidates; ++j) {
            std::copy_n(&user(b, 0), 6, &each_user(b * candidates + j, 0));
            std::copy_n(&item(b / block * candidates + j, 0), 4, &each_item(b * candidates + j, 0));
        }
    Tensor<double, 2> dy(pairs, 1);
    random.fill(dy.data(), dy.size());

    typename decltype(model)::Cache cache, plain;
    auto gradients = model.zero_gradients(), expected = model.zero_gradients();
    const auto y = model.forward(Pair{view(user), view(item), block}, cache, Training{});
    CHECK(battery::detail::same_bits(y, model.forward(Pair{view(each_user), view(each_item)}, plain, Training{})));
    model.backward(dy, cache, gradients);
    model.backward(dy, plain, expected);
    const auto a = battery::detail::copy_gradients(model, gradients),
               b = battery::detail::copy_gradients(model, expected);
    for (const auto& [name, gradient] : a) {
        INFO(name);
        CHECK(battery::detail::difference(gradient, b.at(name)) < 1e-12);
    }
    const auto warm = support::allocations_in([&] {
        model.forward(Pair{view(user), view(item), block}, cache, Training{});
        model.backward(dy, cache, gradients);
    });
    CHECK(warm == 0);
}

}  // namespace

TEST_CASE("TwoTower passes the battery with each kind of head", "[two_tower][threads]") {
    check_battery(Sequential{Dense<double, Tanh>{5}, Dense<double, Sigmoid>{1}});
    check_battery(Sequential{Dense<double, Sigmoid>{1}});
    check_battery(BasicDot<double>{});
    check_battery(BasicCosine<double>{.temperature = 0.5});
    check_battery(Sequential{BasicDot<double>{}, Dense<double, Tanh>{3}, Dense<double, Sigmoid>{1}});
}

TEST_CASE("A head takes both vectors and has halves for an index", "[two_tower]") {
    STATIC_REQUIRE(Head<Concatenation<Sequential<Dense<float, ReLU>, Dense<float, Sigmoid>>>>);
    STATIC_REQUIRE(Head<PairScores<Cosine>>);
    STATIC_REQUIRE(Head<PairScores<Sequential<Dot, Dense<float, Sigmoid>>>>);
    STATIC_REQUIRE_FALSE(Head<Dense<float, Sigmoid>>);
    STATIC_REQUIRE_FALSE(Head<Dot>);  // which PairScores makes one
}

TEST_CASE("Users in blocks with shared candidates equal the written-out pairs", "[two_tower]") {
    check_blocks(Sequential{Dense<double, ReLU>{5}, Dense<double, Sigmoid>{1}});
    check_blocks(Sequential{Dense<double, HardSigmoid>{1}});
    check_blocks(BasicDot<double>{.normalize = true});
    check_blocks(BasicCosine<double>{.temperature = 0.5});
}

TEST_CASE("The article's two-tower CNN: names, shapes, parts, summary", "[two_tower]") {
    TwoTower model{Sequential{Embedding{101, 64, {.mask_zero = true}}, Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{}},
                   Sequential{Embedding{51, 64, {.mask_zero = true}}, Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{}},
                   Sequential{Dense{100, relu}, Dense{1, sigmoid}}};
    CHECK(model.build({{50}, {20}}, Seed{42}) == Shape{1});
    battery::check_parameters(model, {{"user.0.embeddings", {101, 64}},
                                      {"user.1.kernel", {3, 64, 64}},
                                      {"user.1.bias", {64}},
                                      {"item.0.embeddings", {51, 64}},
                                      {"item.1.kernel", {3, 64, 64}},
                                      {"item.1.bias", {64}},
                                      {"head.0.kernel", {24 * 64 + 9 * 64, 100}},
                                      {"head.0.bias", {100}},
                                      {"head.1.kernel", {100, 1}},
                                      {"head.1.bias", {1}}});
    std::ostringstream out;
    model.summary(out);
    CHECK_THAT(out.str(), ContainsSubstring("user.0 Embedding") && ContainsSubstring("item.3 Flatten") &&
                              ContainsSubstring("head.1 Dense"));
    CHECK(model.user.output_shape() == Shape{24 * 64});
    static_assert(std::is_same_v<FinalActivationOf<decltype(model)>::type, Sigmoid>);
}

TEST_CASE("Layers behind a Dot: names, summary, logits", "[two_tower]") {
    TwoTower model{Sequential{Dense<double>{3}}, Sequential{Dense<double>{3}},
                   Sequential{BasicDot<double>{}, Dense<double, ReLU>{4}, Dense<double, Sigmoid>{1}}};
    CHECK(model.build({{2}, {5}}, Seed{42}) == Shape{1});
    battery::check_parameters(model.head,
                              {{"1.kernel", {1, 4}}, {"1.bias", {4}}, {"2.kernel", {4, 1}}, {"2.bias", {1}}});
    std::ostringstream out;
    model.summary(out);
    CHECK_THAT(out.str(), ContainsSubstring("head.0 Dot") && ContainsSubstring("head.2 Dense"));
    static_assert(std::is_same_v<FinalActivationOf<decltype(model)>::type, Sigmoid>);

    Tensor<double, 2> u(4, 2), v(4, 5), dz(4, 1), dy(4, 1);
    battery::Random random(3);
    random.fill(u.data(), u.size());
    random.fill(v.data(), v.size());
    random.fill(dz.data(), dz.size());
    decltype(model)::Cache cache, logits;
    const auto y = model.forward(u, v, cache, Training{}),
               z = model.forward(Pair{view(u), view(v)}, logits, Training{}.on_logits());
    for (Index i = 0; i < 4; ++i) {
        CHECK(std::abs(y.data()[i] - 1 / (1 + std::exp(-z.data()[i]))) < 1e-12);
        dy(i, 0) = dz(i, 0) / (y.data()[i] * (1 - y.data()[i]));
    }
    auto gradients = model.zero_gradients(), expected = model.zero_gradients();
    model.backward(dz, logits, gradients);
    model.backward(dy, cache, expected);
    const auto a = battery::detail::copy_gradients(model, gradients),
               b = battery::detail::copy_gradients(model, expected);
    for (const auto& [name, gradient] : a) CHECK(battery::detail::difference(gradient, b.at(name)) < 1e-9);
}

TEST_CASE("A retrieval model has a summary too", "[two_tower]") {
    TwoTower model{Sequential{Embedding{9, 4}, GlobalAveragePool1D{}},
                   Sequential{Embedding{9, 4}, GlobalAveragePool1D{}}, Cosine{.temperature = 0.05f}};
    model.build({{5}, {1}}, Seed{1});
    std::ostringstream out;
    model.summary(out);
    CHECK_THAT(out.str(), ContainsSubstring("head.Cosine") && ContainsSubstring("72"));
}

TEST_CASE("A copy of a TwoTower is a value of its own", "[two_tower]") {
    auto model = small_cnn(Sequential{Dense<double, ReLU>{5}, Dense<double, Sigmoid>{1}});
    model.build({{6}, {4}}, Seed{1});
    Tensor<std::int32_t, 2> user(2, 6), item(2, 4);
    user.setConstant(3);
    item.setConstant(2);
    decltype(model)::Cache a, b, c;
    const auto before = model.forward(user, item, a);
    auto copy = model;
    CHECK(battery::detail::same_bits(before, copy.forward(user, item, b)));
    for_each_parameter(copy, [](std::string_view, auto& p) { p.setConstant(0.5); });
    CHECK_FALSE(battery::detail::same_bits(before, copy.forward(user, item, b)));
    CHECK(battery::detail::same_bits(before, model.forward(user, item, c)));
}

TEST_CASE("TwoTower says which part is wrong", "[two_tower]") {
    auto model = small_cnn(Sequential{Dense<double, ReLU>{5}, Dense<double, Sigmoid>{1}});
    CHECK_THROWS_WITH((model.build({{2}, {4}}, Seed{1})),
                      "user tower, layer 1: Conv1D: a window of 3 steps needs at least as many, received 2");
    CHECK_THROWS_WITH(
        (model.build({{6}, {4, 2}}, Seed{1})),
        "item tower, layer 1: GlobalAveragePool1D: expected samples of shape [time, features], received [4, 2, 3]");
    auto dot = small_cnn(BasicDot<double>{});
    CHECK_THROWS_WITH((dot.build({{8}, {4}}, Seed{1})),
                      "head, Dot: expected two vectors of one width, received [12] and [8]");

    auto vectors = small_cnn(Sequential{Dense<double>{5}});
    vectors.build({{6}, {4}}, Seed{1});
    Tensor<std::int32_t, 2> user(3, 6), item(4, 4), three(3, 4);
    user.setConstant(1);
    item.setConstant(1);
    three.setConstant(1);
    decltype(vectors)::Cache trained;
    auto gradients = vectors.zero_gradients();
    vectors.forward(user, three, trained, Training{});
    CHECK_THROWS_WITH(vectors.backward(Tensor<double, 2>(3, 1), trained, gradients),
                      "TwoTower: expected a gradient of [3, 5], received [3, 1]");

    model.build({{6}, {4}}, Seed{1});
    decltype(model)::Cache cache;
    CHECK_THROWS_AS(model.forward(user, item, cache), ShapeError);
    CHECK_THROWS_WITH(model.forward(user, item, cache), ContainsSubstring("3 users and 4 items"));
    item(2, 3) = 7;
    CHECK_THROWS_AS(model.forward(user, item, cache), Error);
}
