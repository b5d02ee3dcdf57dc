/// Recommenders and sequences for the tests of next-item training: small, with all that they can have.
#pragma once

#include <string>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/models/residual.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/models/sequential.hpp>

namespace sequences {

using namespace deeprec;

inline auto cnn_tower(Index width, double dropout = 0) {
    return Sequential{Dropout{dropout}, Residual{Conv1D{width, 3, relu, {.padding = Padding::causal}}},
                      Residual{Conv1D{width, 2, relu, {.padding = Padding::causal, .dilation_rate = 2}}}, Dense{width}};
}
inline auto rnn_tower(Index width, double dropout = 0) {
    return Sequential{Dropout{dropout}, LSTM{8, return_sequences}, Dense{width}};
}
/// The same in double, for gradients.
inline auto double_tower(Index width) {
    return Sequential{Residual{Conv1D<double, Tanh>{width, 2, {}, {.padding = Padding::causal}}}, Dropout<double>{0.3},
                      LSTM<double, ReturnSequences>{3}, Dense<double>{width}};
}
/// Attributes of padding and `items` items: a few, none for every fourth, one of them twice.
inline std::vector<std::vector<std::int32_t>> attributes(std::int32_t items) {
    std::vector<std::vector<std::int32_t>> lists(1);
    for (std::int32_t item = 1; item <= items; ++item) {
        lists.emplace_back();
        for (std::int32_t a = 0; a < item % 4; ++a) lists.back().push_back(1 + (item + a) % 3);
    }
    return lists;
}
/// Users walk along a ring of items, one step or two at a time, from anywhere.
inline Sequences walks(std::int32_t users, std::int32_t items, Index longest = 12) {
    Interactions x;
    for (std::int32_t item = 1; item <= items; ++item) x.items.add(std::to_string(item));
    const RandomStream random(Seed{9});
    std::uint64_t draw = 0;
    for (std::int32_t user = 1; user <= users; ++user) {
        x.users.add(std::to_string(user));
        std::uint64_t at = random.below(draw++, static_cast<std::uint64_t>(items));
        const std::uint64_t step = 1 + random.below(draw++, 2),
                            events = 4 + random.below(draw++, static_cast<std::uint64_t>(longest) - 3);
        for (std::uint64_t i = 0; i < events; ++i, at += step)
            x.add(user, static_cast<std::int32_t>(at % static_cast<std::uint64_t>(items)) + 1);
    }
    return Sequences{x};
}

}  // namespace sequences
