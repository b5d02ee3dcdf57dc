// Recipes of `deeprec train` with a tower for the user's events and one for what is known of the item.
#include "training.hpp"

namespace program {

namespace {
constexpr Index steps = 50, tokens = 14;

template <class Side>
AnyScorer train_sides(Training& training, const Side& user, const Side& item, const ItemTokenizer& tokenizer) {
    using Model = TwoTower<Side, Side, PairHead>;
    const Recipe& r = training.recipe;
    const auto features = tokenizer.table(training.prepared.data.items);
    const View<const std::int32_t, 2> items{&features(1, 0), {training.split.all().items(), tokens}};
    auto model = std::make_shared<Model>(user, item, PairHead{Dense{100, relu}, Dense{1, sigmoid}});
    model->build({{steps}, {tokens}}, Seed{r.seed});
    const NegativeSampler sampler{training.split.train(), Seed{r.seed}};
    // Positives are next items; a block of people shares its negatives, drawn anew each epoch.
    NextItemSamples samples(training.split.train().next_item_queries(), features, sampler,
                            {.steps = steps, .negatives = r.negatives, .per_epoch = r.samples, .block = 32});
    Recipe defaults;
    defaults.epochs = 12;
    defaults.batch_size = 128;
    defaults.learning_rate = 2e-3;
    const ItemIndexOptions options{.first_item = 1, .threads = r.threads};
    fit_best(training, *model, samples, SampledSoftmax{}, defaults, [&](const auto& trained) {
        return ItemIndex{trained, items, options};
    });
    return ItemIndex<Model>(std::shared_ptr<const Model>(std::move(model)), items, options);
}
}  // namespace

AnyScorer train_two_tower(Training& training, bool recurrent) {
    const Index width = training.recipe.width, hidden = training.recipe.hidden;
    const ItemTokenizer tokenizer{
        training.prepared.data.items, training.split.train(), {.length = tokens, .ids = true}};
    training.tokenizer = tokenizer;
    const Index items = training.split.all().items() + 1, words = tokenizer.vocabulary().size() + 1;
    if (recurrent) {
        const auto side = [&](Index ids) {
            return RnnSide{Embedding{ids, width, {.mask_zero = true}}, LSTM{hidden, return_sequences}, LSTM{hidden}};
        };
        return train_sides(training, side(items), side(words), tokenizer);
    }
    const auto side = [&](Index ids) {
        return CnnSide{Embedding{ids, width}, Conv1D{64, 3, relu}, MaxPool1D{2},
                       Conv1D{64, 3, relu},   MaxPool1D{2},        Flatten{}};
    };
    return train_sides(training, side(items), side(words), tokenizer);
}

}  // namespace program
