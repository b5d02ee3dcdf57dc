#include <deeprec/training/whole_model.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/training/checkpoint.hpp>

#include "support/files.hpp"
#include "training/shared_out.hpp"

using namespace deeprec;
using shared_out::Strings;

namespace {
std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
/// Trains up to an epoch, on from a state if there is one; the weights.
std::vector<float> run(int ranks, bool shared, const std::string& directory, Index epochs, Index stop_after = -1) {
    return shared_out::trained(ranks, shared, {.width = 6, .scale = 4}, [&](auto& model, const AnyWorld& world) {
        SequenceSamples samples{shared_out::walks(), 6};
        Adam adam{{.learning_rate = 0.01}};
        Index batches = 0;
        fit(model, samples, NextItemSampled{{.negatives = 9}}, adam,
            FitOptions<SequenceSamples>{.epochs = epochs, .batch_size = 4, .threads = 1,
                                        .resume = directory + "/last.state", .world = world},
            Checkpoint{.directory = directory, .every_batches = 2}, [&](const BatchEnd& e) {
                if (++batches == stop_after) e.stop();
            });
    });
}
}  // namespace

TEST_CASE("Ranks save the items that they share out in the file of one, and read it", "[whole_model][threads]") {
    const support::TemporaryDirectory directory;
    const auto path = [&](const char* name) { return directory.path() / name; };
    for (const std::int32_t items : {31, 20'000}) {  // the rows of the second go over in pieces
        const auto made = [&](const TableShard& shard) {
            SequenceRecommender model{items, Sequential{Dense{64}}, {.scale = 4, .shard = shard}};
            model.build(6, Seed{2});
            return model;
        };
        const auto whole = made({});
        save(whole, path("one"), {{"who", "we"}});
        for (const int ranks : {2, 3}) {
            const auto errors = support::on_ranks(ranks, [&](int rank, const AnyWorld& world) {
                save(world, made({rank, ranks}), path("many"), {{"who", "we"}});
            });
            CHECK(errors == Strings(static_cast<std::size_t>(ranks)));
            CHECK(bytes_of(path("many")) == bytes_of(path("one")));
        }
        const auto part = made({1, 3});
        auto other = part;
        for_each_parameter(other, [](std::string_view, auto& p) { p.setZero(); });
        load(other, path("many"));
        CHECK(worlds::same_bits(worlds::weights(other), worlds::weights(part)));
        std::remove_cvref_t<decltype(part)> fresh{items, Sequential{Dense{64}}, {.scale = 4, .shard = {1, 3}}};
        load(fresh, path("many"));  // sizes itself
        CHECK(worlds::same_bits(worlds::weights(fresh), worlds::weights(part)));
    }
    const auto part = shared_out::model({1, 3});
    CHECK_THROWS_WITH(save(part, path("alone")), "save: items is shared out, rank 1 of 3 has 11 of its 32 rows; "
                                                 "expected the world of all: save(world, model, path)");
    CHECK_THROWS_WITH(save(AnyWorld{}, part, path("alone")),
                      "save: items is the part of rank 1 of 3, expected a world of so many, this is rank 0 of 1");
    CHECK_THROWS_WITH(SequenceIndex(part), ContainsSubstring("its item vectors are shared out"));
    auto fresh = part;
    save(shared_out::model({}), path("small"));
    CHECK_THROWS_WITH(load(fresh, path("small"), {.names = {{"items", {"items", Axes::reversed}}}}),
                      ContainsSubstring("received F32 [32, 6]"));
    CHECK(!std::filesystem::exists(path("alone")));
}

TEST_CASE("Training that shares the items out goes on with the same bits, and with other ranks",
          "[whole_model][threads]") {
    for (const int ranks : {2, 3}) {
        const support::TemporaryDirectory once, parts, plain;
        const auto through = run(ranks, true, once.path().string(), 3);
        run(ranks, true, parts.path().string(), 3, 3);  // inside an epoch
        run(ranks, true, parts.path().string(), 2);
        CHECK(worlds::same_bits(run(ranks, true, parts.path().string(), 3), through));
        CHECK(worlds::same_bits(run(ranks, false, plain.path().string(), 3), through));
        for (const char* file : {"last.state", "epoch-002.safetensors"})  // one format for all
            CHECK(bytes_of(once.path() / file) == bytes_of(plain.path() / file));

        const auto model = load<shared_out::Model>(once.path() / "epoch-003.safetensors");
        std::vector<float> loaded;
        shared_out::put(model, loaded);
        CHECK(worlds::same_bits(loaded, through));
    }
    const support::TemporaryDirectory three, two, one;
    run(3, true, three.path().string(), 2, 3);
    for (const auto& other : {two.path(), one.path()})
        std::filesystem::copy_file(three.path() / "last.state", other / "last.state");
    CHECK(worlds::same_bits(run(2, true, two.path().string(), 2), run(2, false, three.path().string(), 2)));
    const auto on_one = run(1, false, one.path().string(), 2);
    const auto untrained = run(1, false, (one.path() / "no").string(), 0);
    CHECK(shared_out::farthest(on_one, untrained) > 1e-3);
}
