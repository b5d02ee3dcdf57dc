#include <deeprec/training/vector_trainer.hpp>

#include <cmath>

#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/losses/cosine_embedding.hpp>
#include <deeprec/losses/in_batch_softmax.hpp>
#include <deeprec/losses/triplet_margin.hpp>
#include <deeprec/models/branches.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/predict.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using namespace worlds;
using support::message_of;

namespace {

/// Towers of vectors alone; the head is not trained.
auto vectors() {
    TwoTower model{Sequential{Dense{9, relu}, Dense{4}}, Sequential{Dense{7, relu}, Dense{4}}, Dot{}};
    model.build({{5}, {3}}, Seed{2});
    return model;
}
Tensor<float, 2> random(Index rows, Index width, std::uint64_t seed) {
    Tensor<float, 2> x(rows, width);
    fill_uniform(x, 1, Seed{seed});
    return x;
}
/// Users with `items` items each.
template <class Source>
struct PairsOf {
    Tensor<float, 2> users, items, targets;
    Index each;
    Index size() const { return users.dimension(0); }
    auto batch(std::span<const Index> indices) {
        u = Tensor<float, 2>(static_cast<Index>(indices.size()), users.dimension(1));
        v = Tensor<float, 2>(static_cast<Index>(indices.size()) * each, items.dimension(1));
        y = Tensor<float, 2>(static_cast<Index>(indices.size()), 1);
        for (std::size_t i = 0; i < indices.size(); ++i) {
            const Index to = static_cast<Index>(i), from = indices[i];
            std::copy_n(&users(from, 0), users.dimension(1), &u(to, 0));
            std::copy_n(&items(from * each, 0), each * items.dimension(1), &v(to * each, 0));
            y(to, 0) = targets(from, 0);
        }
        return Batch<decltype(Pair{view(u), view(v)}), float>{Pair{view(u), view(v)}, view(y)};
    }
    Tensor<float, 2> u{}, v{}, y{};
};

/// Loss and gradient of a step, by the loss's own functions on the vectors of the whole batch.
template <class Loss, class Expected>
void check_step(const Loss& loss, Index each, const Expected& expected) {
    auto model = vectors();
    constexpr Index people = 70;  // three shards
    PairsOf<Loss> data{random(people, 5, 1), random(people * each, 3, 2), random(people, 1, 3), each};
    const auto batch = data.batch(deeprec::detail::all_indices(people));
    std::vector<float> first;
    for (const int threads : {1, 3}) {
        ThreadPool pool(threads);
        Trainer<decltype(model), Loss> trainer(model, loss, pool);
        const LossSum got = trainer.gradient(model, batch, Seed{1});
        std::vector<float> flat;
        for (const auto& p : trainer.list()) flat.insert(flat.end(), p.gradient, p.gradient + p.size());
        if (first.empty()) first = flat;
        CHECK(same_bits(flat, first));
        CHECK(trainer.evaluate(model, batch).mean() == Approx(got.mean()));
        if (threads == 1) CHECK(support::allocations_in([&] { trainer.gradient(model, batch, Seed{1}); }) == 0);

        const auto u = predict(model.user, data.users), v = predict(model.item, data.items);
        const auto [value, du, dv] = expected(u, v, data.targets);
        CHECK(got.mean() == Approx(value).epsilon(1e-5));
        auto gradients = model.zero_gradients();
        decltype(model)::Cache cache;
        model.user.forward(data.users, cache.user, Training{1});
        model.item.forward(data.items, cache.item, Training{1});
        model.user.backward(du, cache.user, gradients.user);
        model.item.backward(dv, cache.item, gradients.item);
        std::size_t at = 0;
        for (const auto& p : parameter_list(model, gradients))
            for (Index i = 0; i < p.size(); ++i) CHECK(flat[at++] == Approx(p.gradient[i]).margin(1e-6));
    }
}

}  // namespace

TEST_CASE("InBatchSoftmax trains two towers on the vectors of the whole batch", "[training][threads]") {
    const InBatchSoftmax loss{{.temperature = 0.5, .normalize = true}};
    check_step(loss, 1, [&](const auto& u, const auto& v, const auto&) {
        const auto gradient = loss.gradient(u, v);
        return std::tuple(loss.forward(u, v), gradient.query, gradient.item);
    });
}

TEST_CASE("CosineEmbedding trains on pairs that are alike or not", "[training][threads]") {
    const CosineEmbedding loss{{.margin = 0.1}};
    check_step(loss, 1, [&](const auto& u, const auto& v, const auto& y) {
        Tensor<float, 1> target(y.dimension(0));
        for (Index i = 0; i < target.size(); ++i) target(i) = y(i, 0) > 0 ? 1.0f : -1.0f;
        const auto gradient = loss.gradient(u, v, target);
        return std::tuple(loss.forward(u, v, target), gradient[0], gradient[1]);
    });
}

TEST_CASE("TripletMargin trains on a positive and a negative for each user", "[training][threads]") {
    const TripletMargin loss;
    check_step(loss, 2, [&](const auto& u, const auto& v, const auto&) {
        Tensor<float, 2> positive(u.dimension(0), 4), negative(u.dimension(0), 4), dv(v.dimension(0), 4);
        for (Index i = 0; i < u.dimension(0); ++i) {
            std::copy_n(&v(2 * i, 0), 4, &positive(i, 0));
            std::copy_n(&v(2 * i + 1, 0), 4, &negative(i, 0));
        }
        const auto gradient = loss.gradient(u, positive, negative);
        for (Index i = 0; i < u.dimension(0); ++i) {
            std::copy_n(&gradient[1](i, 0), 4, &dv(2 * i, 0));
            std::copy_n(&gradient[2](i, 0), 4, &dv(2 * i + 1, 0));
        }
        return std::tuple(loss.forward(u, positive, negative), gradient[0], dv);
    });
}

TEST_CASE("fit finds each user's item among the others by InBatchSoftmax", "[training]") {
    TwoTower model{Sequential{Dense{8}}, Sequential{Dense{8}}, Dot{}};
    model.build({{12}, {12}}, Seed{2});
    const auto x = random(64, 12, 5);
    const TensorDataset data{Pair{x, x}, random(64, 1, 6)};
    Adam optimizer{{.learning_rate = 0.02}};
    const History history = fit(model, data, InBatchSoftmax{}, optimizer,
                                {.epochs = 60, .batch_size = 32, .validation = &data, .threads = 1});
    CHECK(history.series("loss").front() > 2);
    CHECK(history.series("loss").back() < 0.2);
    CHECK(history.series("val_loss").back() < 0.2);
}

TEST_CASE("InBatchSoftmax trains towers of named fields, and an item that is there twice is no negative",
          "[training]") {
    const auto make = [] {
        TwoTower model{Sequential{Branches{field("age", Dense{4})}},
                       Sequential{Branches{field("id", Embedding{9, 2}), field("price", Dense{2})}}, Dot{}};
        model.build({{{"age", {1}}}, {{"id", {}}, {"price", {1}}}}, Seed{2});
        return model;
    };
    const auto model = make();
    const Record users{{"age", random(4, 1, 3)}};
    Tensor<std::int32_t, 1> id(4);
    Tensor<float, 2> price(4, 1);
    id.setValues({1, 2, 1, 1});
    price.setValues({{5}, {5}, {5}, {6}});  // the first and the third are the same item
    const Record items{{"id", id}, {"price", price}};
    const std::vector<std::int32_t> numbers{0, 1, 0, 2};
    const double expected = InBatchSoftmax{}.forward(predict(model.user, users), predict(model.item, items),
                                                     {.item_ids = numbers.data()});
    auto trained = make();
    SGD still{{.learning_rate = 0}};
    const TensorDataset data{Pair{users, items}, random(4, 1, 4)};
    CHECK(fit(trained, data, InBatchSoftmax{}, still, {.threads = 1}).epochs[0].at("loss") == Approx(expected));
    CHECK(expected < InBatchSoftmax{}.forward(predict(model.user, users), predict(model.item, items)));
}

TEST_CASE("A batch without the loss's items is refused", "[training]") {
    auto model = vectors();
    ThreadPool pool(1);
    Trainer<decltype(model), TripletMargin> trainer(model, TripletMargin{}, pool);
    const auto u = random(3, 5, 1), v = random(3, 3, 2), y = random(3, 1, 3);
    const Batch<decltype(Pair{view(u), view(v)}), float> batch{Pair{view(u), view(v)}, view(y)};
    CHECK(message_of<ShapeError>([&] { trainer.gradient(model, batch, Seed{1}); }) ==
          "TripletMargin: expected 2 items for each of 3 users, in blocks of 1, received 3 items");
}
