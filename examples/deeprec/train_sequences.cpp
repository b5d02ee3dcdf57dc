// Recipes of `deeprec train` that read a user's events in order: cnn, rnn, attention.
#include <deeprec/data/field_layers.hpp>

#include "training.hpp"

namespace program {

namespace {
template <class Tower>
SequenceIndex<SequenceRecommender<Tower>> train_sequences(Training& training, Tower tower, const Recipe& defaults) {
    const Recipe& r = training.recipe;
    SequenceRecommenderOptions options{.width = r.width, .scale = r.scale};
    if (!training.attributes.empty()) {
        options.attributes = training.attributes;
        options.cold = training.split.train().cold_items();
        options.id_dropout = r.id_dropout;
    }
    const SequenceFields fields{training.split.all(), training.served.events(), training.served.users()};
    const RecordShape of_events = fields.events().shape(), of_users = fields.users().shape();
    if (!of_events.empty()) options.step = field_layers(training.served.of_events(), r.width);
    if (!of_users.empty()) options.user = field_layers(training.served.of_users(), r.width);
    auto model = std::make_shared<SequenceRecommender<Tower>>(training.split.all().items(), std::move(tower), options);
    model->build(r.length, Seed{r.seed}, of_events, of_users);
    SequenceSamples samples{training.split.train(), r.length, training.served ? &fields : nullptr};
    fit_best(training, *model, samples, NextItemSoftmax{}, defaults, [&](const auto& trained) {
        return SequenceIndex{trained, r.length};
    });
    return SequenceIndex<SequenceRecommender<Tower>>(
        std::shared_ptr<const SequenceRecommender<Tower>>(std::move(model)), r.length);
}
// Small logs want small steps and many of them.
Recipe defaults_for(const Training& training) {
    Recipe r;
    const bool small = training.split.train().users() < 5000;
    r.epochs = small ? 45 : 16;
    r.batch_size = small ? 64 : 256;
    r.learning_rate = small ? 0.002 : 0.004;
    return r;
}
}  // namespace

SequenceIndex<RnnModel> train_rnn(Training& training) {
    const Recipe& r = training.recipe;
    return train_sequences(training,
                           RnnTower{Dropout{r.dropout}, Residual{Sequential{LSTM{r.hidden, return_sequences},
                                                                            Dropout{r.dropout}, Dense{r.width}}}},
                           defaults_for(training));
}
AnyScorer train_cnn(Training& training) {
    const Recipe& r = training.recipe;
    return train_sequences(
        training,
        CnnTower{Dropout{r.dropout},
                 Residual{Sequential{Conv1D{r.hidden, 3, relu, {.padding = Padding::causal}}, Dropout{r.dropout},
                                     Conv1D{r.hidden, 3, relu, {.padding = Padding::causal, .dilation_rate = 2}},
                                     Dropout{r.dropout}, Dense{r.width}}}},
        defaults_for(training));
}
AnyScorer train_attention(Training& training) {
    const Recipe& r = training.recipe;
    const TransformerBlockOptions causal{.dropout = r.dropout, .use_causal_mask = true};
    Recipe defaults = defaults_for(training);
    defaults.learning_rate = 0.001;
    return train_sequences(
        training,
        AttentionTower{PositionEmbedding{r.length}, Dropout{r.dropout}, TransformerBlock{2, r.hidden, causal},
                       TransformerBlock{2, r.hidden, causal}, LayerNorm{}},
        defaults);
}

}  // namespace program
