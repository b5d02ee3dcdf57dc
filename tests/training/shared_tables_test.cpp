#include <deeprec/training/shared_tables.hpp>

#include <set>

#include <deeprec/io/onnx.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/losses/in_batch_softmax.hpp>
#include <deeprec/losses/regression.hpp>
#include <deeprec/models/branches.hpp>
#include <deeprec/models/field_list.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/checkpoint.hpp>
#include <deeprec/training/predict.hpp>
#include <deeprec/training/whole_model.hpp>

#include "support/files.hpp"
#include "training/shared_out.hpp"

using namespace deeprec;
using shared_out::Counting;
using shared_out::farthest;
using shared_out::Strings;

namespace {
constexpr Index samples = 61;
/// The last batch of all ranks has one sample, fewer than there are ranks.
constexpr Index batch_of(int ranks) { return ranks == 4 ? 5 : ranks == 3 ? 10 : 15; }

/// Two towers whose tables are shared out both, under dropout.
struct Pairs {
    static auto model(const TableShard& shard) {
        TwoTower made{
            Sequential{Embedding{40, 6, {.mask_zero = true, .shard = shard}}, GlobalAveragePool1D{}, Dense{8}},
            Sequential{Embedding{30, 5, {.embeddings_initializer = RandomNormal{0.1}, .shard = shard}}, Flatten{},
                       Dropout{0.2}, Dense{8}},
            Sequential{Dot{}, Dense{1, sigmoid}}};
        made.build({{8}, {7}}, Seed{42});
        return made;
    }
    static auto data() { return worlds::pairs(samples); }
};
/// Fields of a record, one of whose tables is shared out; a prediction for each step, under a mask.
struct Steps {
    static auto model(const TableShard& shard) {
        Sequential made{Branches{field("item", Embedding{40, 6, {.mask_zero = true, .shard = shard}}),
                                 field("kind", Embedding{9, 3})},
                        LSTM{5, return_sequences}, Dense{1, sigmoid}};
        made.build({{"item", {8}}, {"kind", {8}}}, Seed{7});
        return made;
    }
    static auto data() {
        Tensor<float, 2> y(samples, 8);
        fill_uniform(y, 0.5, Seed{3});
        for (Index i = 0; i < y.size(); ++i) y.data()[i] += 0.5f;
        return TensorDataset{Record{{"item", worlds::ids(samples, 8, 40, 1)}, {"kind", worlds::ids(samples, 8, 9, 2)}},
                             y};
    }
};
/// The same fields as a list made at run time, with ids that the table does not have.
struct Listed {
    static auto model(const TableShard& shard) {
        FieldList<float> fields;
        fields.add("item", Embedding{20, 6, {.out_of_range = OutOfRange::last_row, .shard = shard}});
        fields.add("kind", Embedding{9, 3, {.shard = shard}});
        Sequential made{fields, GlobalAveragePool1D{}, Dense{1, sigmoid}};
        made.build({{"item", {8}}, {"kind", {8}}}, Seed{7});
        return made;
    }
    static auto data() {
        Tensor<float, 2> y(samples, 1);
        fill_uniform(y, 1, Seed{3});
        for (Index i = 0; i < y.size(); ++i) y.data()[i] = y.data()[i] > 0 ? 1.0f : 0.0f;
        return TensorDataset{Record{{"item", worlds::ids(samples, 8, 40, 1)}, {"kind", worlds::ids(samples, 8, 9, 2)}},
                             y};
    }
};

/// The weights after two epochs of one process, or of ranks that share the tables out or do not; all losses behind
/// them.
template <class Case, class Loss, class Optimizer>
std::vector<float> trained(int ranks, bool shared, const Loss& loss, const Optimizer& optimizer, Index accumulate = 1,
                           bool alone = false) {
    std::vector<float> whole;
    shared_out::put(Case::model({}), whole);  // makes room for all ranks
    std::vector<double> losses;
    const auto one = [&](int rank, const AnyWorld& world) {
        auto model = Case::model(shared ? TableShard{rank, ranks} : TableShard{});
        auto data = Case::data();
        const auto validation = Case::data();
        Optimizer own = optimizer;
        FitOptions<decltype(data)> options{.epochs = 2, .batch_size = batch_of(ranks), .threads = 2, .world = world};
        options.validation = &validation;
        options.accumulate = accumulate;
        if (alone) options.batch_size *= ranks;
        const History history = fit(model, data, loss, own, options);
        if (shared || rank == 0) shared_out::put(model, whole);
        if (rank != 0) return;
        for (const char* figure : {"loss", "val_loss"})
            for (const double x : history.series(figure)) losses.push_back(x);
    };
    if (alone)
        one(0, AnyWorld{});
    else
        CHECK(support::on_ranks(ranks, one) == Strings(static_cast<std::size_t>(ranks)));
    for (const double x : losses) whole.push_back(static_cast<float>(x));
    return whole;
}
template <class Case, class Loss>
void ranks_agree(const Loss& loss) {
    const SGD sgd{{.learning_rate = 0.1}};
    for (const int ranks : {2, 3, 4}) {
        REQUIRE(samples % (ranks * batch_of(ranks)) == 1);
        for (const Index accumulate : {1, 2}) {
            INFO(ranks << " ranks, accumulate " << accumulate);
            const auto one = trained<Case>(ranks, false, loss, sgd, accumulate, true);
            const auto shared = trained<Case>(ranks, true, loss, sgd, accumulate);
            CHECK(farthest(shared, one) < 1e-6);
            if (accumulate == 1)  // else sums are made in another order: of each batch first, or of each rank
                CHECK(worlds::same_bits(shared, trained<Case>(ranks, false, loss, sgd)));
            std::vector<float> before;
            shared_out::put(Case::model({}), before);
            before.insert(before.end(), one.end() - 4, one.end());
            CHECK(farthest(one, before) > 1e-3);
        }
        for (const auto step : {TableStep::touched_rows, TableStep::all_rows}) {
            const Adam adam{{.learning_rate = 0.01}, step};
            CHECK(worlds::same_bits(trained<Case>(ranks, true, loss, adam), trained<Case>(ranks, false, loss, adam)));
        }
    }
}
}  // namespace

TEST_CASE("Ranks that share the tables of two towers out train as one", "[shared_tables][threads]") {
    ranks_agree<Pairs>(BinaryCrossEntropy{});
}

TEST_CASE("Ranks that share out tables of fields train as one, by step and under masks", "[shared_tables][threads]") {
    ranks_agree<Steps>(BinaryCrossEntropy{});
    ranks_agree<Listed>(BinaryCrossEntropy{});
}

TEST_CASE("Ranks train towers by a loss of vectors with tables that they share out", "[shared_tables][threads]") {
    // In-batch negatives are those of a rank's own share: the same as without sharing, not as of one process.
    const InBatchSoftmax loss{{.temperature = 0.5}};
    const SGD sgd{{.learning_rate = 0.1}};
    for (const int ranks : {2, 3})
        CHECK(worlds::same_bits(trained<Pairs>(ranks, true, loss, sgd), trained<Pairs>(ranks, false, loss, sgd)));
}

TEST_CASE("A rank keeps its part of a table, as the whole has it, and one file has all parts",
          "[shared_tables][threads]") {
    const support::TemporaryDirectory directory;
    std::vector<float> all, parts;
    shared_out::put(Pairs::model({}), all);
    for (const int ranks : {2, 3, 4}) {
        parts.clear();
        const auto path = directory.path() / message(ranks, ".safetensors");
        const auto errors = support::on_ranks(ranks, [&](int rank, const AnyWorld& world) {
            const auto part = Pairs::model({rank, ranks});
            shared_out::put(part, parts);
            const Index rows = (40 + ranks - 1 - rank) / ranks;
            CHECK(part.user.template layer<0>().parameters().embeddings.dimension(0) == rows);
            auto gradients = part.zero_gradients();
            CHECK(std::get<0>(gradients.user.layers).embeddings.rows() == rows);
            save(world, part, path);
        });
        CHECK(errors == Strings(static_cast<std::size_t>(ranks)));
        CHECK(worlds::same_bits(parts, all));
        auto whole = Pairs::model({});
        for_each_parameter(whole, [](std::string_view, auto& p) { p.setZero(); });
        load(whole, path);
        std::vector<float> read;
        shared_out::put(whole, read);
        CHECK(worlds::same_bits(read, all));
        auto part = Pairs::model({1, ranks});
        const auto before = worlds::weights(part);
        for_each_parameter(part, [](std::string_view, auto& p) { p.setZero(); });
        load(part, path);
        CHECK(worlds::same_bits(worlds::weights(part), before));
    }
}

TEST_CASE("A training with tables that ranks share out goes on, with another number of ranks too",
          "[shared_tables][threads]") {
    const support::TemporaryDirectory directory;
    const auto run = [&](int ranks, Index epochs, const std::string& to, const std::string& from, bool shared = true) {
        std::vector<float> whole;
        shared_out::put(Pairs::model({}), whole);
        const auto errors = support::on_ranks(ranks, [&](int rank, const AnyWorld& world) {
            auto model = Pairs::model(shared ? TableShard{rank, ranks} : TableShard{});
            auto data = Pairs::data();
            SGD sgd{{.learning_rate = 0.1, .momentum = 0.9}};
            FitOptions<decltype(data)> options{.epochs = epochs, .batch_size = 6, .threads = 1, .world = world};
            if (!from.empty()) options.resume = (directory.path() / from / "last.state").string();
            fit(model, data, BinaryCrossEntropy{}, sgd, options,
                Checkpoint{.directory = (directory.path() / to).string(), .monitor = "loss"});
            if (shared || rank == 0) shared_out::put(model, whole);
        });
        CHECK(errors == Strings(static_cast<std::size_t>(ranks)));
        return whole;
    };
    const auto whole = run(2, 4, "whole", "");
    run(2, 2, "half", "");
    CHECK(worlds::same_bits(run(2, 4, "rest", "half"), whole));
    CHECK(worlds::same_bits(run(3, 4, "by three", "half"), run(3, 4, "by three, whole", "half", false)));
}

TEST_CASE("A batch asks each owner for a row once, and sends its gradient once", "[shared_tables][threads]") {
    for (const int ranks : {2, 3}) {
        const auto n = static_cast<std::size_t>(ranks);
        const auto data = Pairs::data();
        const auto& users = data.inputs().user;
        std::vector<std::vector<std::size_t>> ids(n, std::vector<std::size_t>(n));  // n_rs
        for (std::size_t rank = 0; rank < n; ++rank) {
            std::set<std::int32_t> distinct;
            const Index begin = samples * static_cast<Index>(rank) / ranks,
                        end = samples * static_cast<Index>(rank + 1) / ranks;
            for (Index i = begin * 8; i < end * 8; ++i) distinct.insert(users.data()[i]);
            for (const std::int32_t id : distinct) ++ids[rank][static_cast<std::size_t>(id) % n];
        }
        std::vector<std::size_t> sent(n);
        const auto errors = support::on_ranks(ranks, [&](int rank, const AnyWorld& world) {
            const auto bytes = std::make_shared<std::size_t>(0);
            TwoTower model{Sequential{Embedding{40, 6, {.shard = {rank, ranks}}}, Flatten{}, Dense{8}},
                           Sequential{Embedding{30, 5}, Flatten{}, Dense{8}}, Dot{}};
            model.build({{8}, {7}}, Seed{42});
            auto own = data;
            SGD sgd;
            fit(model, own, MeanSquaredError{}, sgd,
                FitOptions<std::remove_cvref_t<decltype(own)>>{
                    .batch_size = samples, .threads = 1, .shuffle = false, .world = Counting(world, bytes)});
            sent[static_cast<std::size_t>(rank)] = *bytes;
        });
        CHECK(errors == Strings(n));
        for (std::size_t rank = 0; rank < n; ++rank) {
            std::size_t formula = 0;
            for (std::size_t other = 0; other < n; ++other)
                if (other != rank) formula += 4 * ids[rank][other] + 24 * ids[other][rank] + 25 * ids[rank][other];
            CHECK(sent[rank] == formula);
        }
    }
}

TEST_CASE("What a table that ranks share out cannot do is refused by name", "[shared_tables][threads]") {
    const auto part = Pairs::model({1, 2});
    const auto data = Pairs::data();
    const std::string needs =
        "Embedding: it has the part of rank 1 of 2 of its table, which fit trains with a world of "
        "so many ranks; expected a whole model, as save(world, model, path) writes it";
    CHECK_THROWS_WITH(predict(part, data.inputs()), needs);
    Sequential alone{Embedding{10, 3, {.shard = {1, 2}}}, Flatten{}};
    alone.build({4}, Seed{1});
    decltype(alone)::Cache cache;
    CHECK_THROWS_WITH(alone.forward(worlds::ids(2, 4, 10, 1), cache), needs);
    CHECK_THROWS_WITH(
        export_onnx(alone, "alone.onnx"),
        "export_onnx: the model has the part of rank 1 of 2 of a table; expected a whole one, as save(world, "
        "model, path) writes it");
    CHECK_THROWS_WITH(save(alone, "alone.safetensors"), ContainsSubstring("0.embeddings is shared out, rank 1 of 2"));
    CHECK_THROWS_WITH((Embedding{10, 3, {.shard = {2, 2}}}),
                      "Embedding: expected the shard of a rank below the number of ranks, of which each has a row, "
                      "received that of rank 2 of 2 for 10 rows");
    CHECK_THROWS_AS((Embedding{10, 3, {.shard = {0, 11}}}), ArgumentError);
    CHECK_THROWS_AS((Embedding{10, 3, {.shard = {-1, 2}}}), ArgumentError);
    CHECK_THROWS_WITH((Embedding{10, 3, {.embeddings_initializer = glorot_uniform, .shard = {0, 2}}}),
                      "Embedding: a table that ranks share out starts uniform, normal or constant, received an "
                      "initializer that needs all rows");
    const auto fit_by = [&](int ranks, const SGD& sgd, const std::vector<Regularizer>& regularizers) {
        return support::on_ranks(ranks, [&](int rank, const AnyWorld& world) {
            auto model = Pairs::model({rank, 2});
            auto own = Pairs::data();
            SGD optimizer = sgd;
            FitOptions<decltype(own)> options{.threads = 1, .world = world};
            options.regularizers = regularizers;
            fit(model, own, BinaryCrossEntropy{}, optimizer, options);
        });
    };
    CHECK(fit_by(1, SGD{}, {})[0] ==
          "fit: user.0.embeddings is the part of rank 0 of 2, expected a world of so many, this is rank 0 of 1");
    CHECK(fit_by(2, SGD{{.clipping = {.norm = 2}}}, {})[1] ==
          "fit: clipping by a norm of 2 needs the gradients of all rows, which the ranks share out; expected "
          "Clipping::value or none");
    CHECK(fit_by(2, SGD{}, {{"embeddings", L2{0.1}}})[0] ==
          "fit: a penalty of 'embeddings' needs all rows of user.0.embeddings, which the ranks share out");
}
