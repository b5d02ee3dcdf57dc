#include <deeprec/ranking/scorer_file.hpp>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/ranking/bpr_mf.hpp>
#include <deeprec/ranking/item_index.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/ranking/weighted_hybrid.hpp>
#include <deeprec/ranking/window_rules.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
constexpr std::int32_t n = 20;

Sequences some_sequences() {
    Interactions events;
    for (int i = 1; i <= n; ++i) events.items.add("i" + std::to_string(i));
    for (int u = 1; u <= 12; ++u) {
        const auto user = events.users.add("u" + std::to_string(u));
        for (int t = 0; t < 5; ++t) events.add(user, 1 + (u * 5 + t * t * 3) % 18);
    }
    return Sequences(events);
}
template <class S>
std::vector<float> scores_of(const S& scorer) {
    static const std::vector<std::int32_t> history{3, 17, 4, 9};
    std::vector<float> scores(n + 1);
    scorer(Query{5, history, 0}, std::span(scores));
    return scores;
}
std::string bytes_of(const std::filesystem::path& path) {
    std::ostringstream all;
    all << std::ifstream(path, std::ios::binary).rdbuf();
    return all.str();
}
/// Saved and loaded scores alike; cut anywhere, or with any byte of its numbers changed, it is refused or finite.
template <class S>
void check(const S& scorer) {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "scorer.safetensors";
    save(scorer, path, {{"about", "a test"}});
    CHECK(SafetensorsReader(path).metadata().at("about") == "a test");
    const S same = load<S>(path);
    CHECK(same.items() == n);
    const auto a = scores_of(scorer), b = scores_of(same);
    CHECK(std::memcmp(a.data() + 1, b.data() + 1, n * sizeof(float)) == 0);
    const auto again = directory.path() / "again.safetensors";
    save(same, again, {{"about", "a test"}});
    CHECK(bytes_of(again) == bytes_of(path));

    const std::string whole = bytes_of(path);
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 20)
        CHECK_THROWS_AS(load<S>(directory.write("cut", whole.substr(0, size))), FormatError);
    for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 60) {
        std::string broken = whole;
        broken[at] = static_cast<char>(broken[at] ^ 0x7e);
        try {
            const S read = load<S>(directory.write("broken", broken));
            if (read.items() == n) scores_of(read);
        } catch (const Error&) {
        }
    }
}
auto sequence_model() {
    SequenceRecommender model{n, Sequential{GRU{4, return_sequences}}, {.width = 4}};
    model.build(6, Seed{5});
    return model;
}
auto towers() {
    TwoTower model{Sequential{Embedding{n + 1, 3}, Flatten{}}, Sequential{Embedding{n + 1, 3}, Flatten{}}, Dot{}};
    model.build({{1}, {1}}, Seed{4});
    return model;
}
Tensor<std::int32_t, 2> all_items() {
    Tensor<std::int32_t, 2> items(n, 1);
    for (std::int32_t i = 0; i < n; ++i) items(i, 0) = i + 1;
    return items;
}
}  // namespace

TEST_CASE("Every scorer saves and loads", "[scorer file]") {
    const Sequences train = some_sequences();
    check(Popularity{train});
    check(Markov{train});
    check(ItemKnn{train, {.age_weight = 0.7, .last = 3}});
    check(WindowRules{train, 3});
    check(BprMf{train, {.width = 3, .epochs = 2}});
    const auto model = sequence_model();
    check(SequenceIndex{model, 3});
    const auto two = towers();
    check(ItemIndex{two, all_items(), {.first_item = 1}});
    WeightedHybrid hybrid{SequenceIndex{model}, ItemKnn{train}, WeightedHybrid{Markov{train}, Popularity{train}}};
    hybrid.set_weights(std::vector{0.25, 2.0, -0.5});
    check(hybrid);
}

TEST_CASE("A file of another scorer, of a model, or with more in it is refused", "[scorer file]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "x";
    const Sequences train = some_sequences();
    save(Popularity{train}, path);
    CHECK(message_of<FormatError>([&] { load<Markov>(path); }) ==
          path.string() + ": expected the kind Markov, received 'Popularity'");
    CHECK(message_of<FormatError>([&] {
              load<WeightedHybrid<Markov, ItemKnn>>(path);
          }).ends_with("expected the kind WeightedHybrid, received 'Popularity'"));
    save(WeightedHybrid{Markov{train}, ItemKnn{train}}, path);
    CHECK(message_of<FormatError>([&] {
              load<WeightedHybrid<Markov, Popularity>>(path);
          }).ends_with("1. expected the kind Popularity, received 'ItemKnn'"));
    CHECK(message_of<FormatError>([&] { load<WeightedHybrid<Markov, ItemKnn, Popularity>>(path); }).find("weights") !=
          std::string::npos);
    save(sequence_model(), path);
    CHECK(message_of<FormatError>([&] { load<Popularity>(path); }) ==
          path.string() + ": expected the text 'deeprec.kind', the file has none");

    SafetensorsWriter writer;
    StoredFields fields(writer);
    Popularity popularity{train};
    popularity.fields(fields);
    const std::vector<float> more(3);
    writer.add("more", {3}, more.data());
    writer.write(path);
    CHECK(message_of<FormatError>([&] { load<Popularity>(path); }) ==
          path.string() + ": tensor 'more' of [3]: nothing of this name is expected");
}

TEST_CASE("Numbers that no scorer can have are refused", "[scorer file]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "x";
    const auto popularity = [&](const std::vector<std::int64_t>& counts) {
        SafetensorsWriter writer;
        writer.metadata["deeprec.kind"] = "Popularity";
        writer.add("counts", {std::ssize(counts)}, counts.data());
        writer.write(path);
        return message_of<FormatError>([&] { load<Popularity>(path); });
    };
    CHECK(popularity({0, 3, 1}).empty());
    for (const auto& counts : std::vector<std::vector<std::int64_t>>{{}, {1, 2}, {0, -1}})
        CHECK(popularity(counts).ends_with("expected counts of 0 for padding and 0 or more for items"));
    const auto knn = [&](std::vector<std::int64_t> begin, std::vector<std::int32_t> to, std::vector<float> strength,
                         double age_weight) {
        SafetensorsWriter writer;
        const std::int64_t last = 5;
        writer.metadata["deeprec.kind"] = "ItemKnn";
        writer.add("links.age_weight", {}, &age_weight);
        writer.add("links.last", {}, &last);
        writer.add("links.begin", {std::ssize(begin)}, begin.data());
        writer.add("links.to", {std::ssize(to)}, to.data());
        writer.add("links.strength", {std::ssize(strength)}, strength.data());
        writer.write(path);
        return message_of<FormatError>([&] { load<ItemKnn>(path); });
    };
    CHECK(knn({0, 0, 1, 2}, {2, 1}, {1, 1}, 0.5).empty());
    CHECK(knn({0, 0, 1, 2}, {2, 3}, {1, 1}, 0.5)
              .ends_with("expected links of item 2 to items 1 to 2 in ascending order, received 3"));
    CHECK(knn({0, 0, 2, 2}, {2, 1}, {1, 1}, 0.5)
              .ends_with("expected links of item 1 to items 1 to 2 in ascending order, received 1"));
    CHECK(knn({0, 2, 1, 2}, {2, 1}, {1, 1}, 0.5).ends_with("expected rows of items 0 to 2 that cover 2 links"));
    CHECK(knn({0, 0, 1, 9}, {2, 1}, {1, 1}, 0.5).ends_with("expected rows of items 0 to 2 that cover 2 links"));
    CHECK(knn({0}, {}, {}, 0.5).ends_with("expected rows of padding and items"));
    CHECK(knn({0, 0, 1, 2}, {2, 1}, {1}, 0.5).ends_with("expected a strength for each of 2 links, received 1"));
    CHECK(knn({0, 0, 1, 2}, {2, 1}, {1, 1}, 1.5)
              .ends_with("expected age_weight in (0, 1] and a positive last, received 1.5 and 5"));
    CHECK(knn({0, 0, 1, 2}, {2, 1}, {1, std::numeric_limits<float>::infinity()}, 0.5)
              .ends_with("tensor 'links.strength': expected finite numbers, received inf at 1"));
}
