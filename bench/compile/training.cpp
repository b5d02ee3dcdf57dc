// A shop's training: events from a file, two towers on samples with negatives, validation by ranking, checkpoints.
#include <iostream>

#include <deeprec/data/readers/read_dataset.hpp>
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main(int count, char** arguments) {
    if (count < 3) return 1;
    const Dataset data = read_dataset(arguments[1]);
    const LeaveOneOut split{Sequences(data.interactions)};
    const Index items = data.interactions.items.size();
    Tensor<std::int32_t, 2> features(items + 1, 1);
    for (Index i = 0; i <= items; ++i) features(i, 0) = static_cast<std::int32_t>(i);
    const NegativeSampler sampler(split.train(), Seed{5});
    NextItemSamples samples(split.train().next_item_queries(), features, sampler, {.steps = 20, .negatives = 4});

    TwoTower model{Sequential{Embedding{items + 1, 32, {.mask_zero = true}}, LSTM{32}},
                   Sequential{Embedding{items + 1, 32}, Conv1D{32, 1, relu}, Flatten{}},
                   Sequential{Dense{64, relu}, Dense{1, sigmoid}}};
    model.build({{20}, {1}}, Seed{42});
    Adam optimizer{{.learning_rate = 1e-3}};
    const View<const std::int32_t, 2> listed{&features(1, 0), {items, 1}};
    const auto validate = [&](const EpochEnd& e) {
        const ItemIndex index{model, listed, {.first_item = 1}};
        e.log.set("val_ndcg",
                  evaluate_ranking(index, split.validation_queries(), static_cast<std::int32_t>(items)).ndcg);
    };
    const std::string run = arguments[2];
    fit(model, samples, BinaryCrossEntropy{}, optimizer,
        {.epochs = 20, .batch_size = 128, .resume = run + "/last.state"}, validate,
        EarlyStopping{.monitor = "val_ndcg", .patience = 3, .restore_best_weights = true},
        Checkpoint{.directory = run, .monitor = "val_ndcg"}, HistoryFile{run + "/history.csv"}, ProgressBar{});
    save(model, run + "/model.safetensors");
}
