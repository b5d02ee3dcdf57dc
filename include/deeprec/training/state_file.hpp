/// All that the next step of a training depends on, in one file: model, optimizer, place in the data, callbacks,
/// history, and what tells another training apart.
#pragma once

#include <charconv>
#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/io/model_file.hpp>
#include <deeprec/training/state.hpp>

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
            {"shuffle", option_text(o.shuffle)},
            {"accumulate", std::to_string(o.accumulate)},
            {"class_weight", weights},
            {"regularizers", penalties},
            {"data", std::to_string(state.data_fingerprint)}};
}

/// Collects the state of a callback for a file.
class CallbackWriter final : public CallbackState {
public:
    CallbackWriter(std::string prefix, Metadata& metadata,
                   std::vector<std::pair<std::string, std::vector<double>>>& lists)
        : prefix_(std::move(prefix)), metadata_(metadata), lists_(lists) {}
    void operator()(const std::string& name, double& value) override { metadata_[prefix_ + name] = option_text(value); }
    void operator()(const std::string& name, long& value) override {
        metadata_[prefix_ + name] = std::to_string(value);
    }
    void operator()(const std::string& name, std::vector<double>& values) override {
        lists_.emplace_back(prefix_ + name, values);
    }

private:
    std::string prefix_;
    Metadata& metadata_;
    std::vector<std::pair<std::string, std::vector<double>>>& lists_;
};

/// A number as `option_text` writes it, NaN and infinities too. Throws FormatError.
template <class N>
N state_number(const SafetensorsReader& file, const std::string& key) {
    const auto found = file.metadata().find(key);
    if (found == file.metadata().end())
        throw FormatError(message(file.name(), ": expected the metadata ", shown(key, "'"), ", the file has none"));
    N value{};
    const char *begin = found->second.data(), *end = begin + found->second.size();
    const auto [at, error] = std::from_chars(begin, end, value);
    if (error != std::errc() || at != end)
        throw FormatError(message(file.name(), ": ", key, ": expected a number, received ", shown(found->second, "'")));
    return value;
}

/// Gives a callback what `CallbackWriter` wrote. `apply` false only checks that it is there.
class CallbackReader final : public CallbackState {
public:
    CallbackReader(std::string prefix, SafetensorsReader& file, bool apply)
        : prefix_(std::move(prefix)), file_(file), apply_(apply) {}
    void operator()(const std::string& name, double& value) override { number(name, value); }
    void operator()(const std::string& name, long& value) override { number(name, value); }
    void operator()(const std::string& name, std::vector<double>& values) override {
        const auto found = file_.tensors().find(prefix_ + name);
        if (found == file_.tensors().end()) {  // an empty list is not written
            if (apply_) values.clear();
            return;
        }
        const Index n = found->second.shape.size() == 1 ? found->second.shape[0] : -1;
        file_.check<double>(prefix_ + name, {n});
        if (!apply_) return;
        values.resize(static_cast<std::size_t>(n));
        file_.read(prefix_ + name, {n}, values.data());
    }

private:
    template <class N>
    void number(const std::string& name, N& value) {
        const N read = state_number<N>(file_, prefix_ + name);
        if (apply_) value = read;
    }
    std::string prefix_;
    SafetensorsReader& file_;
    bool apply_;
};

inline std::string callback_prefix(std::size_t number) { return "callback." + std::to_string(number) + "."; }
inline std::string history_key(std::size_t epoch, std::size_t figure) {
    return "history." + std::to_string(epoch) + "." + std::to_string(figure);
}

/// Replaces the file whole or not at all. Throws FileError.
template <class T>
void write_state(const std::filesystem::path& path, const TrainingState<T>& state) {
    SafetensorsWriter writer;
    Metadata& metadata = writer.metadata;
    write_options(state.fields.layers(), metadata);
    metadata["deeprec.training"] = "1";
    for (const auto& [name, value] : fingerprint(state)) metadata["training." + name] = value;
    metadata["epoch"] = std::to_string(state.epoch);
    metadata["step"] = std::to_string(state.step);
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
    for (const Parameter<T>& p : list)
        writer.add("model." + p.path, extents_of(p.shape), static_cast<const T*>(p.values));
    state.optimizer->each_state(list, [&](const std::string& name, T* numbers, Index n) {
        if (n > 0) writer.add("optimizer." + name, {n}, static_cast<const T*>(numbers));
    });
    std::vector<std::pair<std::string, std::vector<double>>> lists;
    for (std::size_t i = 0; i < state.callbacks.size(); ++i) {
        CallbackWriter to(callback_prefix(i), metadata, lists);
        if (state.callbacks[i].state) state.callbacks[i].state(state.callbacks[i].self, to);
    }
    for (const auto& [name, values] : lists)
        if (!values.empty()) writer.add(name, {static_cast<Index>(values.size())}, values.data());
    writer.write(path);
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
    if (text_of("deeprec.training") != "1")
        throw FormatError(message(file.name(), ": expected the state of a training, version 1, received ",
                                  shown(text_of("deeprec.training"), "'")));
    const auto agree = [&](const std::string& what, const std::string& theirs, const std::string& ours) {
        if (theirs != ours)
            throw ArgumentError(message("fit: ", file.name(), " is the state of another training: it has the ", what,
                                        " ", shown(theirs, "'"), ", this one ", shown(ours, "'")));
    };
    Metadata options;
    write_options(now.fields.layers(), options);
    for (const auto& [key, text] : options) agree("layer (" + key + ")", text_of(key), text);
    for (const auto& [name, value] : fingerprint(now)) agree(name, text_of("training." + name), value);

    ParameterList<T> list = now.fields.parameters();
    drop_empty(list);
    for (const Parameter<T>& p : list) file.template check<T>("model." + p.path, extents_of(p.shape));
    now.optimizer->each_state(list, [&](const std::string& name, T*, Index n) {
        if (n > 0) file.template check<T>("optimizer." + name, {n});
    });
    const auto each_callback = [&](bool apply) {
        for (std::size_t i = 0; i < now.callbacks.size(); ++i) {
            CallbackReader from(callback_prefix(i), file, apply);
            if (now.callbacks[i].state) now.callbacks[i].state(now.callbacks[i].self, from);
        }
    };
    each_callback(false);
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

    for (const Parameter<T>& p : list) file.read("model." + p.path, extents_of(p.shape), p.values);
    now.optimizer->each_state(list, [&](const std::string& name, T* numbers, Index n) {
        if (n > 0) file.read("optimizer." + name, {n}, numbers);
    });
    each_callback(true);
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
