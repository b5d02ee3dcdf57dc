#include <deeprec/training/row_exchange.hpp>

#include <set>

#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/sgd.hpp>

#include "training/shared_out.hpp"

using namespace deeprec;
using shared_out::Counting;
using shared_out::farthest;
using shared_out::Strings;
using shared_out::trained;

namespace {
/// Batches of about so many samples over all ranks, the last of which has fewer samples than there are ranks.
constexpr Index batch_of(int ranks) { return ranks == 3 ? 7 : 32 / ranks; }

FitOptions<SequenceSamples> steps(int ranks, const AnyWorld& world) {
    return {.epochs = 2, .batch_size = batch_of(ranks), .threads = 1, .world = world};
}
template <class Loss, class Optimizer>
auto fitting(int ranks, const Loss& loss, const Optimizer& optimizer, Index accumulate = 1) {
    return [=](auto& model, const AnyWorld& world) {
        SequenceSamples samples{shared_out::walks(), 6};
        REQUIRE(samples.size() % (ranks * batch_of(ranks)) < ranks);
        Optimizer own = optimizer;
        auto options = steps(ranks, world);
        if (!world) options.batch_size *= ranks;
        options.accumulate = accumulate;
        fit(model, samples, loss, own, options);
    };
}
const SequenceRecommenderOptions everything{.width = 6,
                                            .scale = 4,
                                            .attributes = sequences::attributes(shared_out::items),
                                            .id_dropout = 0.5};
}  // namespace

TEST_CASE("Ranks that share the items out train as one that has them all", "[row_exchange][threads]") {
    const SGD sgd{{.learning_rate = 0.1}};
    const SequenceRecommenderOptions plain{.width = 6, .use_bias = false};
    for (const int ranks : {2, 3, 4})
        for (const Index accumulate : {1, 2})
            for (const auto kind :
                 {SampledLoss::sampled_softmax, SampledLoss::gbce, SampledLoss::bce, SampledLoss::bpr})
                for (const auto& options : {everything, plain}) {
                    const auto train = fitting(ranks, NextItemSampled{{.loss = kind, .negatives = 9}}, sgd, accumulate);
                    const auto one = trained(1, false, options, train);
                    INFO(ranks << " ranks, loss " << static_cast<int>(kind) << ", accumulate " << accumulate);
                    CHECK(farthest(trained(ranks, true, options, train), one) < 1e-6);
                    CHECK(farthest(one, trained(1, false, options, [](auto&, const AnyWorld&) {})) > 1e-4);
                }
}

TEST_CASE("Ranks train to the same bits whether they share the items out or not", "[row_exchange][threads]") {
    const auto counts = shared_out::walks().item_counts();
    for (const int ranks : {2, 3, 4})
        for (const auto step : {TableStep::touched_rows, TableStep::all_rows})
            for (const NextItemSampledOptions loss :
                 {NextItemSampledOptions{.negatives = 9, .alpha = 0.5, .in_batch = true},
                  NextItemSampledOptions{.loss = SampledLoss::gbce, .negatives = shared_out::items}}) {
                const auto train = fitting(ranks, NextItemSampled{loss, counts}, Adam{{.learning_rate = 0.01}, step});
                CHECK(worlds::same_bits(trained(ranks, true, everything, train),
                                        trained(ranks, false, everything, train)));
            }
}

TEST_CASE("Ranks validate alike and stop alike with items that they share out", "[row_exchange][threads]") {
    const auto losses = [](int ranks, bool shared) {
        std::vector<std::vector<double>> all(static_cast<std::size_t>(ranks));
        const auto errors = support::on_ranks(ranks, [&](int rank, const AnyWorld& world) {
            auto model = shared_out::model(shared ? TableShard{rank, ranks} : TableShard{});
            SequenceSamples samples{shared_out::walks(), 6};
            const SequenceSamples validation{shared_out::walks(), 6};
            Adam adam;
            auto options = steps(ranks, world);
            options.validation = &validation;
            const History history =
                fit(model, samples, NextItemSampled{{.negatives = 9}}, adam, options, [&](const EpochEnd& e) {
                    if (rank == 1) e.stop();
                });
            for (const char* figure : {"loss", "val_loss"})
                for (const double x : history.series(figure)) all[static_cast<std::size_t>(rank)].push_back(x);
        });
        CHECK(errors == Strings(static_cast<std::size_t>(ranks)));
        return all;
    };
    const auto shared = losses(3, true);
    REQUIRE(shared[0].size() == 2);
    CHECK(shared == losses(3, false));
    CHECK(shared[1] == shared[0]);
}

TEST_CASE("A rank keeps its part of the items, as the whole model has them", "[row_exchange]") {
    const auto whole = shared_out::model({});
    for (const int ranks : {2, 3, 4}) {
        std::vector<float> all, parts;
        shared_out::put(whole, all);
        for (int rank = 0; rank < ranks; ++rank) {
            const auto part = shared_out::model({rank, ranks});
            shared_out::put(part, parts);
            const Index rows = (32 + ranks - 1 - rank) / ranks;  // of 31 items and padding
            CHECK(parameter_count(part) == parameter_count(whole) - (32 - rows) * 7);
            auto gradients = part.zero_row_gradients();
            CHECK(gradients.item_rows.rows() == rows);
            CHECK(gradients.bias_rows.rows() == rows);
            Adam adam;
            std::vector<Index> state;
            adam.each_state<float>(parameter_list(part, gradients),
                                   [&](const std::string&, const float*, Index n) { state.push_back(n); });
            CHECK(std::vector<Index>(state.begin(), state.begin() + 2) == std::vector<Index>{2 * 6 * rows, 2 * rows});
        }
        CHECK(worlds::same_bits(parts, all));
    }
}

TEST_CASE("A step sends the ids, rows and gradients that the formula says", "[row_exchange][threads]") {
    // Sequences of one batch, by hand: ids of each owner, one twice in a sequence, one in both shares, padding.
    const std::vector<std::vector<std::int32_t>> events{{1, 2, 1, 4}, {3, 8, 8}, {2, 5}, {6, 7, 2}};
    Interactions log;
    for (std::int32_t item = 1; item <= shared_out::items; ++item) log.items.add(std::to_string(item));
    for (std::size_t user = 0; user < events.size(); ++user) {
        log.users.add(std::to_string(user));
        for (const std::int32_t item : events[user]) log.add(static_cast<std::int32_t>(user) + 1, item);
    }
    const Sequences train(log);
    for (const bool bias : {true, false})
        for (const int ranks : {2, 4}) {
            const auto n = static_cast<std::size_t>(ranks);
            std::vector<std::vector<std::size_t>> ids(n, std::vector<std::size_t>(n));  // n_rs
            for (std::size_t rank = 0; rank < n; ++rank) {
                std::set<std::int32_t> distinct;
                for (std::size_t i = events.size() * rank / n; i < events.size() * (rank + 1) / n; ++i)
                    distinct.insert(events[i].begin(), events[i].end());
                for (const std::int32_t id : distinct) ++ids[rank][static_cast<std::size_t>(id) % n];
            }
            std::vector<std::size_t> sent(n);
            const auto errors = support::on_ranks(ranks, [&](int rank, const AnyWorld& world) {
                const auto bytes = std::make_shared<std::size_t>(0);
                auto model = shared_out::model({rank, ranks}, {.width = 6, .use_bias = bias});
                SequenceSamples samples{train, 6};
                SGD sgd;
                fit(model, samples, NextItemSampled{{.negatives = 0, .in_batch = true}, train.item_counts()}, sgd,
                    FitOptions<SequenceSamples>{.batch_size = 4 / ranks, .threads = 1, .shuffle = false,
                                                .world = Counting(world, bytes)});
                sent[static_cast<std::size_t>(rank)] = *bytes;
            });
            CHECK(errors == Strings(n));
            const std::size_t tables = bias ? 2 : 1, row = sizeof(float) * (bias ? 7 : 6);
            for (std::size_t rank = 0; rank < n; ++rank) {
                std::size_t formula = 0;
                for (std::size_t other = 0; other < n; ++other)
                    if (other != rank)
                        formula += 4 * ids[rank][other] + row * ids[other][rank] + (row + tables) * ids[rank][other];
                CHECK(formula > 0);
                CHECK(sent[rank] == formula);
            }
        }
}

TEST_CASE("What items that ranks share out cannot do is refused by name", "[row_exchange][threads]") {
    const auto fit_by = [](int ranks, const std::function<TableShard(int)>& shard_of, const auto& loss,
                           const auto& optimizer, const std::vector<Regularizer>& regularizers = {}) {
        return support::on_ranks(ranks, [&](int rank, const AnyWorld& world) {
            auto model = shared_out::model(shard_of(rank));
            SequenceSamples samples{shared_out::walks(), 6};
            auto own = optimizer;
            auto options = steps(2, world);
            options.regularizers = regularizers;
            fit(model, samples, loss, own, options);
        });
    };
    const auto right = [](int rank) { return TableShard{rank, 2}; };
    const NextItemSampled loss{{.negatives = 9}};
    CHECK(fit_by(2, right, loss, SGD{}) == Strings(2));
    CHECK(fit_by(1, [](int) { return TableShard{}; }, loss, SGD{}) == Strings(1));  // one process is the plain case
    CHECK(fit_by(2, right, NextItemSoftmax{}, SGD{})[1] ==
          "NextItemSoftmax: it scores all items, expected a whole model, received the part of rank 1 of 2; "
          "NextItemSampled trains one that ranks share out");
    CHECK(fit_by(1, right, loss, SGD{})[0] ==
          "fit: items is the part of rank 0 of 2, expected a world of so many, this is rank 0 of 1");
    CHECK(fit_by(2, [](int) { return TableShard{0, 3}; }, loss, SGD{})[1] ==
          "fit: items is the part of rank 0 of 3, expected a world of so many, this is rank 1 of 2");
    const std::string unlike = "fit: the ranks of a world train one model alike, but rank 1 has rows of the tables: ";
    CHECK(fit_by(2, [](int) { return TableShard{0, 2}; }, loss, SGD{}) ==
          Strings(2, unlike + "the part of rank 0 of 2 of 32, rank 0 has its part of 32"));
    CHECK(fit_by(2, [](int rank) { return rank ? TableShard{} : TableShard{0, 2}; }, loss, SGD{}) ==
          Strings(2, unlike + "all, rank 0 has its part of 32"));
    CHECK(fit_by(2, right, loss, SGD{{.clipping = {.global_norm = 2}}})[0] ==
          "fit: clipping by a norm of 2 needs the gradients of all rows, which the ranks share out; expected "
          "Clipping::value or none");
    CHECK(fit_by(2, right, loss, SGD{{.clipping = {.value = 2}}}) == Strings(2));
    CHECK(fit_by(2, right, loss, SGD{}, {{"bias", L2{0.1}}})[0] ==
          "fit: a penalty of 'bias' needs all rows of bias, which the ranks share out");

    auto part = shared_out::model({1, 2});
    const std::string shared = " are shared out by SequenceRecommenderOptions::shard, rank 1 of 2 has a part; expected "
                               "a whole model, as save(world, model, path) writes it";
    CHECK_THROWS_WITH(part.vectors(), "SequenceRecommender: its item vectors" + shared);
    CHECK_THROWS_WITH(part.bias(), "SequenceRecommender: its numbers b" + shared);
    CHECK_THROWS_WITH(part.add_items(1), "SequenceRecommender: its tables" + shared);
    ThreadPool pool(1);
    Trainer<shared_out::Model, NextItemSampled> alone(part, loss, pool);  // that nobody has joined to a world
    const SequenceSamples samples{shared_out::walks(), 6};
    const Index some[] = {0, 1};
    CHECK_THROWS_AS(alone.gradient(part, samples.batch(some), Seed{1}), ArgumentError);
    const auto made = [](const TableShard& shard, bool use_ids) {
        return SequenceRecommender{
            4,
            sequences::cnn_tower(6),
            {.width = 6, .use_ids = use_ids, .attributes = sequences::attributes(4), .shard = shard}};
    };
    CHECK_THROWS_WITH(made({2, 2}, true),
                      "SequenceRecommender: expected the shard of a rank below the number of ranks, of which each has "
                      "an item, received that of rank 2 of 2 for 4 items");
    CHECK_THROWS_AS(made({-1, 2}, true), ArgumentError);
    CHECK_THROWS_AS(made({0, 6}, true), ArgumentError);
    CHECK_THROWS_WITH(made({0, 2}, false),
                      "SequenceRecommender: a shard is one of the items' rows, expected use_ids");
}

TEST_CASE("A row that its owner does not have is refused", "[row_exchange][threads]") {
    const auto errors = support::on_ranks(2, [&](int rank, AnyWorld world) {
        auto model = shared_out::model({rank, 2});
        auto gradients = model.zero_row_gradients();
        const auto list = parameter_list(model, gradients);
        detail::RowExchange<float> exchange(1);
        const std::int32_t fair[] = {0, 1, 2}, others[] = {32, 33};  // an id of each owner
        exchange.fetch(fair, list, *world);
        exchange.fetch(others, list, *world);
    });
    CHECK(errors == Strings{"fit: rank 0 asked for row 32, which rank 0 of 2 with 16 rows does not have",
                            "fit: rank 0 asked for row 33, which rank 1 of 2 with 16 rows does not have"});
}
