/// What is const may be asked by any number of threads. test_ranking "[.long]" asks 800,000 times.
#include <thread>
#include <vector>

#include <deeprec/explain/explain.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/ranking/item_index.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/training/predict.hpp>

#include "support/catch.hpp"

using namespace deeprec;

namespace {

/// 8 threads, 10 calls in each round: all of them must give what one thread is given.
void ask_from_threads(int rounds) {
    TwoTower model{Sequential{Embedding{9, 4}, LSTM{4}}, Sequential{Embedding{9, 4}, Flatten{}},
                   Sequential{Dense{3, relu}, Dense{1, sigmoid}}};
    model.build({{3}, {1}}, Seed{1});
    SequenceRecommender next{8, GRU{4, return_sequences}, {.width = 4}};
    next.build(3, Seed{2});
    Tensor<std::int32_t, 2> items(8, 1), users(8, 3);
    for (Index i = 0; i < items.size(); ++i) items.data()[i] = static_cast<std::int32_t>(i + 1);
    for (Index i = 0; i < users.size(); ++i) users.data()[i] = static_cast<std::int32_t>(i * 5 % 8 + 1);
    const ItemIndex index{model, items, {.first_item = 1, .threads = 1}};
    const SequenceIndex sequences{next};
    const std::vector<std::int32_t> history{1, 5, 2}, seen{5};
    const std::vector<Query> queries{{1, history, 3}, {2, history, 8}};

    const auto ask = [&] {
        std::vector<float> answers;
        const auto x = predict(model, Pair{view(users), view(items)}, {.threads = 1});
        answers.insert(answers.end(), x.data(), x.data() + x.size());
        for (Index u = 0; u < 6; ++u) {
            const Hit<float> hit = index.recommend(view(users).slice(u, u + 1), 3, {.exclude = seen}).front();
            answers.insert(answers.end(), {static_cast<float>(hit.item), hit.score});
        }
        answers.push_back(sequences.recommend(history, 3).front().score);
        const auto why = explain(model, view(users).slice(0, 1), view(items).slice(2, 3), {.max_points = 4});
        answers.push_back(static_cast<float>(why.sum()));
        answers.push_back(static_cast<float>(evaluate_ranking(sequences, queries, 8, {.threads = 1}).ndcg));
        return answers;
    };
    const std::vector<float> expected = ask();
    std::vector<int> agreed(8, 0);
    std::vector<std::thread> threads;
    for (int& mine : agreed)
        threads.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) mine += ask() == expected;
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(agreed == std::vector<int>(8, rounds));
}

}  // namespace

TEST_CASE("Models and indices answer many threads at once", "[ranking][threads]") { ask_from_threads(50); }
TEST_CASE("Models and indices answer 800000 calls from 8 threads", "[.long]") { ask_from_threads(10'000); }
