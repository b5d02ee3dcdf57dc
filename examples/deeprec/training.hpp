// What all recipes of `deeprec train` share: their options, the models' types, one way to fit.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/deeprec.hpp>

#include "program.hpp"

namespace program {

// Of the networks; those that are 0 are the recipe's.
struct Recipe {
    std::string name = "rnn";
    Index epochs = 0, patience = 4, batch_size = 0, length = 50, width = 64, hidden = 128;
    Index negatives = 64, samples = 30000;  // of the two towers, the samples of an epoch
    double dropout = 0.3, id_dropout = 0.1, scale = 12, learning_rate = 0;
    std::uint64_t seed = 42;
    int threads = 0;
    bool resume = false;
    double seconds = 0;  // to train for; 0 = until validation says so
};

// A training of one recipe on what a split lets it see.
struct Training {
    const Prepared& prepared;
    const Split& split;
    Recipe recipe;
    std::string directory;                              // of checkpoints and the history
    std::vector<Query> validation;                      // empty = a fixed number of epochs
    std::vector<std::vector<std::int32_t>> attributes;  // of items, element 0 is padding
    ServedFields served;                                // of events and users, for models that read them
    std::vector<FieldsOfSequence> validation_fields;    // that `validation` looks into
    double best = -1;                                   // result: NDCG@10 on the validation queries
    std::optional<ItemTokenizer> tokenizer{};           // result: of an item tower
};

using CnnTower =
    Sequential<Dropout<>,
               Residual<Sequential<Conv1D<float, ReLU>, Dropout<>, Conv1D<float, ReLU>, Dropout<>, Dense<>>>>;
using RnnTower = Sequential<Dropout<>, Residual<Sequential<LSTM<float, ReturnSequences>, Dropout<>, Dense<>>>>;
using AttentionTower = Sequential<PositionEmbedding<>, Dropout<>, TransformerBlock<>, TransformerBlock<>, LayerNorm<>>;
using PairHead = Sequential<Dense<float, ReLU>, Dense<float, Sigmoid>>;
using CnnSide = Sequential<Embedding<>, Conv1D<float, ReLU>, MaxPool1D<>, Conv1D<float, ReLU>, MaxPool1D<>, Flatten<>>;
using RnnSide = Sequential<Embedding<>, LSTM<float, ReturnSequences>, LSTM<>>;

using CnnModel = SequenceRecommender<CnnTower>;
using RnnModel = SequenceRecommender<RnnTower>;
using AttentionModel = SequenceRecommender<AttentionTower>;
using TwoTowerCnn = TwoTower<CnnSide, CnnSide, PairHead>;
using TwoTowerRnn = TwoTower<RnnSide, RnnSide, PairHead>;

// train_sequences.cpp and train_two_tower.cpp
SequenceIndex<RnnModel> train_rnn(Training& training);
AnyScorer train_cnn(Training& training);
AnyScorer train_attention(Training& training);
AnyScorer train_two_tower(Training& training, bool recurrent);

// The time was over before the first epoch.
struct NoEpoch : ArgumentError {
    using ArgumentError::ArgumentError;
};
// Throws Stopped, after a line that says how to go on, where a signal ended the training.
void check_signal(int signal, const Training& training);

// Fits with a validation after each epoch, brings back the weights of the best one, and keeps the state of each epoch.
// index(model) makes what scores all items.
template <class Model, class Samples, class Loss, class MakeIndex>
void fit_best(Training& training, Model& model, Samples& samples, const Loss& loss, Recipe defaults,
              const MakeIndex& index) {
    Recipe& r = training.recipe;
    r.epochs = r.epochs > 0 ? r.epochs : defaults.epochs;
    const bool validates = !training.validation.empty();
    const std::string monitor = validates ? "val_ndcg@10" : "loss";
    const auto validate = [&](const EpochEnd& e) {
        if (!validates) return;
        const auto report =
            evaluate_ranking(index(model), training.validation, training.split.all().items(), {.threads = r.threads});
        e.log.set(monitor, report.ndcg);
    };
    EarlyStopping stopping{.monitor = monitor,
                           .patience = static_cast<long>(r.patience),
                           .mode = validates ? MonitorMode::max : MonitorMode::min,
                           .restore_best_weights = true};
    Checkpoint checkpoint{
        .directory = training.directory, .monitor = monitor, .save_best_only = true, .mode = stopping.mode};
    TimeLimit limit{.seconds = r.seconds > 0 ? r.seconds : 1e12};
    StopOnSignal signal;
    Adam adam{{.learning_rate = r.learning_rate > 0 ? r.learning_rate : defaults.learning_rate}};
    FitOptions<Samples> options{.epochs = r.epochs,
                                .batch_size = r.batch_size > 0 ? r.batch_size : defaults.batch_size,
                                .threads = r.threads,
                                .seed = r.seed};
    if (r.resume) options.resume = checkpoint.state_path();
    fit(model, samples, loss, adam, options, validate, stopping, checkpoint,
        HistoryFile{training.directory + "/history.csv"}, limit, signal, ProgressBar{.label = r.name});
    check_signal(signal.signal(), training);
    if (stopping.best_epoch < 0)
        throw NoEpoch("train: the time was over before the first epoch; give it more with --time");
    if (validates) training.best = stopping.best_value;
}

}  // namespace program
