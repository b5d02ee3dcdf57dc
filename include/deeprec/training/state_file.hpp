/// All that the next step of a training depends on, in one file: model, optimizer, place in the data, callbacks,
/// history, and what tells another training apart.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/io/model_file.hpp>
#include <deeprec/training/kept_state.hpp>
#include <deeprec/training/state.hpp>
#include <deeprec/training/whole_model.hpp>

DEEPREC_BEGIN
namespace detail {
#if DEEPREC_BODIES

/// What two trainings must agree in to be one, by name.
template <class T>
std::vector<std::pair<std::string, std::string>> fingerprint(const TrainingState<T>& state) {
    const LoopOptions& o = *state.options;
    std::string weights, penalties;
    for (const double weight : o.class_weight.weights) weights += (weights.empty() ? "" : ",") + option_text(weight);
    for (const Regularizer& r : o.regularizers)
        penalties += r.parameters + " " + option_text(r.penalty.l1) + " " + option_text(r.penalty.l2) + ";";
    return {{"loss", o.names.at(0)},
            {"optimizer", o.names.at(1)},
            {"batch_size", std::to_string(o.batch_size)},
            {"seed", std::to_string(o.seed)},
            {"shuffle", o.shuffle && o.shuffle_block ? message("blocks of ", o.shuffle_block) : option_text(o.shuffle)},
            {"accumulate", std::to_string(o.accumulate)},
            {"class_weight", weights},
            {"regularizers", penalties},
            {"data", std::to_string(state.data_fingerprint)},
            {"validation", state.validation_fingerprint ? std::to_string(state.validation_fingerprint) : "none"}};
}

/// The states of callbacks, and those of metrics inside an epoch, each with the begin of its names.
template <class T, class F>
void each_kept(const TrainingState<T>& state, F&& f) {
    for (std::size_t i = 0; i < state.callbacks.size(); ++i)
        if (const CallbackRef& callback = state.callbacks[i]; callback.state)
            f("callback." + std::to_string(i) + ".", callback.self, callback.state);
    if (state.so_far.samples == 0) return;
    for (std::size_t i = 0; i < state.metrics.size(); ++i) {
        const MetricRef<T>& metric = state.metrics[i];
        if (!metric.state)
            throw ArgumentError(message("fit: a state inside an epoch has its metrics too, but ", metric.name,
                                        " has no state(CheckpointState&)"));
        f("metric." + std::to_string(i) + ".", metric.self, metric.state);
    }
}
template <class T>
std::string metric_names(const TrainingState<T>& state) {
    std::string names;
    for (const MetricRef<T>& metric : state.metrics) names += (names.empty() ? "" : ",") + metric.name;
    return names;
}
inline std::string history_key(std::size_t epoch, std::size_t figure) {
    return "history." + std::to_string(epoch) + "." + std::to_string(figure);
}

/// f(name, numbers, their count, that with the rows of other ranks, the table of theirs or null) for each array of the
/// optimizer's state that has some.
template <class T, class F>
void each_array(const TrainingState<T>& state, const ParameterList<T>& list, F&& f) {
    state.optimizer->each_state(list, [&](const std::string& name, T* numbers, Index n) {
        if (n == 0) return;
        const auto p = std::find_if(list.begin(), list.end(), [&](const auto& q) { return q.path == name && q.shard; });
        if (p == list.end()) return f("optimizer." + name, numbers, n, n, nullptr);
        f("optimizer." + name, numbers, n, n / p->size() * p->whole_shape().size(), &*p);
    });
}

/// Replaces the file whole or not at all. Throws FileError. Where ranks share tables out all call it, and rank 0 writes
/// the whole.
template <class T>
void write_state(const std::filesystem::path& path, const TrainingState<T>& state) {
    SafetensorsWriter writer;
    Metadata& metadata = writer.metadata;
    write_options(state.fields.layers(), metadata);
    metadata["deeprec.training"] = "2";
    for (const auto& [name, value] : fingerprint(state)) metadata["training." + name] = value;
    metadata["epoch"] = std::to_string(state.epoch);
    metadata["step"] = std::to_string(state.step);
    metadata["samples"] = std::to_string(state.so_far.samples);
    if (state.so_far.samples > 0) {
        metadata["loss.sum"] = option_text(state.so_far.loss.sum);
        metadata["loss.divisor"] = option_text(state.so_far.loss.divisor);
        metadata["penalty"] = option_text(state.so_far.penalty);
        metadata["metrics"] = metric_names(state);
    }
    metadata["finished"] = state.finished ? "1" : "0";
    metadata["iterations"] = std::to_string(state.optimizer->iterations());
    metadata["learning_rate"] = option_text(state.optimizer->learning_rate());
    for (std::size_t e = 0; e < state.history->epochs.size(); ++e) {
        const auto& figures = state.history->epochs[e].figures;
        for (std::size_t i = 0; i < figures.size(); ++i)
            metadata[history_key(e, i)] = option_text(figures[i].second) + " " + figures[i].first;
    }
    ParameterList<T> list = state.fields.parameters();
    drop_empty(list);
    const AnyWorld& world = state.options->world;
    for (const Parameter<T>& p : list) {
        const T* const values = p.values;
        p.shard ? add_rows(writer, "model." + p.path, extents_of(p.whole_shape()), p, values, 1, world)
                : writer.add("model." + p.path, extents_of(p.shape), values);
    }
    each_array(state, list, [&](std::string name, const T* numbers, Index n, Index whole, const Parameter<T>* p) {
        p ? add_rows(writer, std::move(name), {whole}, *p, numbers, n / p->size(), world)
          : writer.add(std::move(name), {n}, numbers);
    });
    std::vector<std::pair<std::string, std::vector<double>>> lists;
    each_kept(state, [&](const std::string& prefix, void* self, StateFunction keep) {
        StateWriter to(prefix, metadata, lists);
        keep(self, to);
    });
    for (const auto& [name, values] : lists)
        if (!values.empty()) writer.add(name, {static_cast<Index>(values.size())}, values.data());
    write_whole(writer, path, world);
}

/// Puts a state into the training `now`. Everything is checked before anything is changed: throws FormatError for a
/// damaged file, ArgumentError for that of another training, with both values.
template <class T>
void read_state(const std::filesystem::path& path, TrainingState<T>& now) {
    SafetensorsReader file(path);
    const auto text_of = [&](const std::string& key) -> std::string {
        const auto found = file.metadata().find(key);
        return found == file.metadata().end() ? "" : found->second;
    };
    if (text_of("deeprec.training") != "2")
        throw FormatError(message(file.name(), ": expected the state of a training, version 2, received ",
                                  shown(text_of("deeprec.training"), "'")));
    const auto agree = [&](const std::string& what, const std::string& theirs, const std::string& ours) {
        if (theirs != ours)
            throw ArgumentError(message("fit: ", file.name(), " is the state of another training: it has the ", what,
                                        " ", shown(theirs, "'", 300), ", this one ", shown(ours, "'", 300)));
    };
    Metadata options;
    write_options(now.fields.layers(), options);
    for (const auto& [key, text] : options) agree("layer (" + key + ")", text_of(key), text);
    for (const auto& [name, value] : fingerprint(now)) agree(name, text_of("training." + name), value);

    ParameterList<T> list = now.fields.parameters();
    drop_empty(list);
    for (const Parameter<T>& p : list) file.template check<T>("model." + p.path, extents_of(p.whole_shape()));
    each_array(now, list, [&](const std::string& name, T*, Index, Index whole, const Parameter<T>*) {
        file.template check<T>(name, {whole});
    });
    EpochSoFar so_far{state_number<Index>(file, "samples")};
    if (so_far.samples < 0 || so_far.samples >= now.data_samples || so_far.samples % now.options->batch_size != 0)
        throw FormatError(message(file.name(), ": expected whole batches of ", now.options->batch_size,
                                  " samples, fewer than ", now.data_samples, ", received ", so_far.samples));
    if (so_far.samples > 0) {
        agree("metrics", text_of("metrics"), metric_names(now));
        so_far.loss = {state_number<double>(file, "loss.sum"), state_number<double>(file, "loss.divisor")};
        so_far.penalty = state_number<double>(file, "penalty");
    }
    now.so_far = so_far;
    const auto read_kept = [&](bool apply) {
        each_kept(now, [&](const std::string& prefix, void* self, StateFunction keep) {
            StateReader from(prefix, file, apply);
            keep(self, from);
        });
    };
    read_kept(false);
    const Index epoch = state_number<Index>(file, "epoch"), step = state_number<Index>(file, "step");
    const Index iterations = state_number<Index>(file, "iterations");
    const double rate = state_number<double>(file, "learning_rate");
    const bool finished = state_number<int>(file, "finished") != 0;
    if (epoch < 0 || step < 0 || iterations < 0 || !(rate >= 0) || !std::isfinite(rate))
        throw FormatError(message(file.name(), ": expected epoch, step, iterations and learning_rate >= 0, received ",
                                  epoch, ", ", step, ", ", iterations, " and ", rate));
    History history;
    for (Index e = 0; e < epoch; ++e) {
        EpochLog log{e, 0, {}};
        for (std::size_t i = 0;; ++i) {
            const std::string key = history_key(static_cast<std::size_t>(e), i), text = text_of(key);
            if (text.empty()) break;
            const std::size_t space = std::min(text.find(' '), text.size());
            double value = 0;
            if (std::from_chars(text.data(), text.data() + space, value).ec != std::errc() || space == text.size())
                throw FormatError(message(file.name(), ": ", key, ": expected a figure, received ", shown(text, "'")));
            log.set(text.substr(space + 1), value);
        }
        if (log.figures.empty())
            throw FormatError(message(file.name(), ": expected figures of ", epoch, " epochs, received those of ", e));
        history.epochs.push_back(std::move(log));
    }

    for (const Parameter<T>& p : list)
        p.shard ? read_shard(file, "model." + p.path, extents_of(p.whole_shape()), 0, p, p.values)
                : file.read("model." + p.path, extents_of(p.shape), p.values);
    each_array(now, list, [&](const std::string& name, T* numbers, Index n, Index whole, const Parameter<T>* p) {
        if (!p) return file.read(name, {n}, numbers);
        for (Index i = 0; i < n / p->size(); ++i)
            read_shard(file, name, {whole}, i * p->whole_shape().size(), *p, numbers + i * p->size());
    });
    read_kept(true);
    now.optimizer->set_iterations(iterations);
    now.optimizer->set_learning_rate(rate);
    *now.history = std::move(history);
    now.epoch = epoch;
    now.step = step;
    now.finished = finished;
}

#endif
}  // namespace detail
DEEPREC_END
