/// People who like an item for exactly one thing that they did.
#pragma once

#include <vector>

#include <deeprec/data/batch.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/fit.hpp>

namespace planted {

using namespace deeprec;

inline constexpr std::int32_t groups = 4, events = 30, tokens = 12;
inline constexpr Index steps = 10, features = 4;

/// Person r likes item r if and only if event g is among what they did, where g in 1..4 is the item's group: one of its
/// tokens. Everybody did exactly one thing of 1..4, somewhere among things of 5..30 and after up to two steps of
/// padding.
struct World {
    Tensor<std::int32_t, 2> users, items;
    Tensor<float, 2> likes;
    std::vector<Index> cause, token;  ///< where the event of 1..4 and the group's token are

    World(Index rows, std::uint64_t seed) : users(rows, steps), items(rows, features), likes(rows, 1) {
        const RandomStream random(Seed{seed});
        std::uint64_t next = 0;
        const auto draw = [&](std::int32_t low, std::int32_t high) {
            return low + static_cast<std::int32_t>(random.below(next++, static_cast<std::uint64_t>(high - low + 1)));
        };
        for (Index r = 0; r < rows; ++r) {
            const Index padding = draw(0, 2);
            for (Index t = 0; t < steps; ++t) users(r, t) = t < padding ? 0 : draw(groups + 1, events);
            for (Index t = 0; t < features; ++t) items(r, t) = draw(groups + 1, tokens);
            const std::int32_t group = draw(1, groups);
            const bool like = draw(0, 1) == 1;
            cause.push_back(draw(static_cast<std::int32_t>(padding), steps - 1));
            token.push_back(draw(0, features - 1));
            users(r, cause.back()) = like ? group : 1 + (group - 1 + draw(1, groups - 1)) % groups;
            items(r, token.back()) = group;
            likes(r, 0) = like ? 1.0f : 0.0f;
        }
    }
    auto user(Index r) const { return view(users).slice(r, r + 1); }
    auto item(Index r) const { return view(items).slice(r, r + 1); }
};

/// A model that has learned it, trained once.
inline const auto& trained_model() {
    static const auto trained = [] {
        TwoTower model{
            Sequential{Embedding{events + 1, 16}, Conv1D{16, 1, relu}, GlobalMaxPool1D{}},
            Sequential{Embedding{tokens + 1, 16}, Conv1D{16, 1, relu}, GlobalMaxPool1D{}},
            Sequential{Dense{32, relu}, Dense{1, sigmoid}},
        };
        model.build({{steps}, {features}}, Seed{42});
        const World world(4000, 1);
        Adam optimizer{{.learning_rate = 5e-3}};
        fit(model, TensorDataset{Pair{world.users, world.items}, world.likes}, BinaryCrossEntropy{}, optimizer,
            {.epochs = 12, .batch_size = 64, .threads = 1, .seed = 7});
        return model;
    }();
    return trained;
}

}  // namespace planted
