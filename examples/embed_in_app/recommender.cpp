#include "recommender.hpp"

#include <deeprec/data/synthetic.hpp>
#include <deeprec/deeprec.hpp>

using namespace deeprec;

namespace {
constexpr Index steps = 12, tokens = 8, width = 16;

auto make_model(std::int32_t items, std::int32_t words) {
    return TwoTower{
        Sequential{Embedding{items + 1, width}, Conv1D{16, 3, relu}, GlobalMaxPool1D{}},
        Sequential{Embedding{words + 1, width}, Conv1D{16, 3, relu}, GlobalMaxPool1D{}},
        Sequential{Dense{32, relu}, Dense{1, sigmoid}},
    };
}
using Model = decltype(make_model(0, 0));
}  // namespace

struct Recommender::Parts {
    explicit Parts(std::uint64_t seed)
        : data(SyntheticWorld({.users = 150, .items = 120, .mean_events = 30, .min_events = 8, .types = 8, .tastes = 3}, Seed{seed}).dataset()),
          split(Sequences(data.interactions)), tokenizer(data.items, {.length = tokens, .ids = true}),
          features(tokenizer.table(data.items)), model(trained(seed)),
          index(model, View<const std::int32_t, 2>{&features(1, 0), {data.items.size(), tokens}}, {.first_item = 1}) {}

    Model trained(std::uint64_t seed) const {
        Model net = make_model(data.items.size(), tokenizer.vocabulary().size());
        net.build({{steps}, {tokens}}, Seed{seed});
        const NegativeSampler sampler(split.train(), Seed{seed});
        NextItemSamples samples(split.train().next_item_queries(), features, sampler, {.steps = steps, .negatives = 8});
        Adam optimizer{{.learning_rate = 5e-3}};
        fit(net, samples, SampledSoftmax{}, optimizer, {.epochs = 3, .batch_size = 64, .seed = seed});
        return net;
    }

    Dataset data;
    LeaveOneOut split;
    ItemTokenizer tokenizer;
    Tensor<std::int32_t, 2> features;
    Model model;
    ItemIndex<Model> index;
};

Recommender::Recommender(std::uint64_t seed) : parts_(std::make_unique<const Parts>(seed)) {}
Recommender::~Recommender() = default;

std::vector<std::int32_t> Recommender::recommend(const std::vector<std::int32_t>& history, int count) const {
    Tensor<std::int32_t, 2> user(1, steps);
    pad_last(history, {user.data(), static_cast<std::size_t>(steps)});
    std::vector<std::int32_t> items;
    for (const auto& hit : parts_->index.recommend(user, count, {.exclude = history})) items.push_back(hit.item);
    return items;
}

std::vector<std::vector<std::int32_t>> Recommender::sample_requests() const {
    std::vector<std::vector<std::int32_t>> requests;
    for (const Query& query : parts_->split.test_queries()) requests.emplace_back(query.history.begin(), query.history.end());
    return requests;
}
