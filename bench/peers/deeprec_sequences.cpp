// deeprec's column: training steps of sequence models.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/deeprec.hpp>

#include "sequences.hpp"

using namespace deeprec;
using peers::Numbers;
using peers::Runner;

namespace {

/// Sets each parameter to numbers that its path makes.
template <class Model>
void set_numbers(Model& model) {
    for_each_parameter(model, [](std::string_view path, auto& parameter) {
        const Numbers values = peers::sequence_weights(std::string(path), static_cast<std::size_t>(parameter.size()));
        std::copy(values.begin(), values.end(), parameter.data());
        if (path == "items") std::fill_n(parameter.data(), peers::features, 0.f);  // padding
    });
    model.parameters_changed();
}

struct People {
    std::vector<std::span<const std::int32_t>> histories;
    std::vector<FieldsOfSequence> fields;
    SequenceBatch batch() const { return {histories, {}, fields}; }
};
/// Histories of one target more than `steps`; `events` has a row for each of their events.
People people(const std::vector<std::int32_t>& ids, Index steps, const Record* events = nullptr) {
    People all;
    const auto events_of_one = static_cast<std::size_t>(steps + 1);
    for (Index begin = 0; begin < std::ssize(ids); begin += steps + 1) {
        all.histories.push_back(std::span(ids).subspan(static_cast<std::size_t>(begin), events_of_one));
        if (events) all.fields.push_back({events->slice(begin, begin + steps + 1), {}});
    }
    return all;
}

/// Steps of Adam on one batch. The check value is the loss that the third step sees.
template <class Loss, class Model>
void training(const Runner& run, const std::string& name, peers::Cost cost, Model& model, const Loss& loss_of,
              const People& x, Adam adam, bool compared, ThreadPool& pool) {
    Trainer<Model, Loss> trainer(model, loss_of, pool);
    std::uint64_t number = 0;
    double loss = 0;
    const auto step = [&] {
        loss = trainer.gradient(model, x.batch(), Seed{++number}).mean();
        adam.step(trainer.list(), &pool);
        if constexpr (requires { trainer.stepped(model); })
            trainer.stepped(model);
        else
            model.parameters_changed();
    };
    for (int i = 0; i < 3; ++i) step();
    run.run(name, cost, compared ? loss : NAN, step);
}

auto tower() { return Sequential{LSTM{peers::features, return_sequences}}; }

void run_against_all(const Runner& run, ThreadPool& pool) {
    constexpr Index events = peers::batch * (peers::event_steps + 1);
    const Adam adam{{.epsilon = 1e-8, .rule = UpdateRule::torch}, TableStep::all_rows};
    const auto ids = peers::event_ids(events, peers::shop_items, "seq.ids");
    if (run.wants("train_sequence_b256")) {
        SequenceRecommender model{peers::shop_items, tower(), {.width = peers::features}};
        model.build(peers::event_steps, Seed{1});
        set_numbers(model);
        training(run, "train_sequence_b256", peers::against_all_cost(), model, NextItemSoftmax{},
                 people(ids, peers::event_steps), adam, true, pool);
    }
    if (!run.wants("train_fields_b256")) return;
    std::vector<Record::Field> fields;
    for (const auto& [name, rows] : peers::event_fields) {
        Tensor<std::int32_t, 1> values(events);
        const auto drawn = peers::ids(events, rows, std::string("seq.") + name);
        std::copy(drawn.begin(), drawn.end(), values.data());
        fields.emplace_back(name, std::move(values));
    }
    const Record record(std::move(fields));
    const auto table = [](std::size_t i) {
        return field(peers::event_fields[i].name, Embedding{peers::event_fields[i].rows, peers::field_width});
    };
    SequenceRecommender model{peers::shop_items, tower(),
                              {.width = peers::features, .step = Branches{table(0), table(1), table(2), table(3)}}};
    model.build(peers::event_steps, Seed{1}, record.shape());
    set_numbers(model);
    training(run, "train_fields_b256", peers::against_all_cost(), model, NextItemSoftmax{},
             people(ids, peers::event_steps, &record), adam, true, pool);
}

void run_sampled(const Runner& run, ThreadPool& pool) {
    for (const auto& [size, items] : peers::catalogues) {
        const std::string name = std::string("train_sampled_") + size;
        if (!run.wants(name)) continue;
        SequenceRecommender model{items, tower(), {.width = peers::features}};
        model.build(peers::sampled_steps, Seed{1});
        const auto ids = peers::event_ids(peers::sampled_people * (peers::sampled_steps + 1), items, "seq.ids");
        training(run, name, peers::sampled_cost(), model, NextItemSampled{{.negatives = peers::targets}},
                 people(ids, peers::sampled_steps), Adam{{.epsilon = 1e-8, .rule = UpdateRule::torch}}, false, pool);
    }
}

}  // namespace

void run_sequences(const Runner& run, ThreadPool& pool) {
    run_against_all(run, pool);
    run_sampled(run, pool);
}
