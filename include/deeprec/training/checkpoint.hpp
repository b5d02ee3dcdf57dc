/// A callback that saves the model and the state of its training.
#pragma once

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include <deeprec/training/monitor.hpp>
#include <deeprec/training/state_file.hpp>

DEEPREC_BEGIN

/// Saves after each epoch, into `directory`:
/// - the model to epoch-001.safetensors and so on, of which the last `keep` stay (0 = all);
/// - the model to best.safetensors whenever `monitor` is better than before; with `save_best_only` only that (Keras'
///   ModelCheckpoint);
/// - all that the next step depends on to last.state, for `fit(..., {.resume = "run/last.state"}, ...)`; this one also
///   after each `every_batches` of an epoch (Keras' save_freq), and where the training is stopped after a batch.
/// The models have the epoch (from 1) and its figures as metadata; `load<Model>(path)` brings one back.
/// `Checkpoint{"run/"}`.
///
/// A training that goes on (FitOptions::resume) goes on counting and comparing where it was. One that begins afresh
/// where another was writes over its files, but not over a better best.safetensors, which becomes best-1.safetensors,
/// or the next number that is free. An epoch without the figure `monitor` (no validation data) has no best; with
/// `save_best_only` it throws ArgumentError. Inside an epoch metrics are saved too: one of your own needs
/// `state(CheckpointState&)`. Without it `every_batches` throws ArgumentError, and a training that is stopped goes on
/// from its last epoch. Throws FileError where nothing can be written; the files from before stay whole.
struct Checkpoint {
    std::string directory;                      ///< made where it is missing
    std::string monitor = "val_loss";           ///< the figure of which the best epoch has the best
    bool save_best_only = false;                ///< no files of epochs, last.state none the less
    MonitorMode mode = MonitorMode::automatic;  ///< whether small or large figures are good; by the name
    long keep = 0;                              ///< files of epochs that stay
    bool save_state = true;                     ///< last.state, which wants an optimizer of the library
    long every_batches = 0;                     ///< last.state also inside epochs, after each so many batches; 0 = not

    long best_epoch = -1;   ///< result: the epoch of best.safetensors, from 0
    double best_value = 0;  ///< result: its figure

    /// Of the best epoch's model.
    std::filesystem::path best_path() const { return std::filesystem::path(directory) / "best.safetensors"; }
    /// Of what a training goes on from.
    std::filesystem::path state_path() const { return std::filesystem::path(directory) / "last.state"; }
    /// Of an epoch's model, from 0: epoch-001.safetensors is that of epoch 0.
    DEEPREC_LAZY_DECLARED std::filesystem::path epoch_path(long epoch) const;

    DEEPREC_LAZY_DECLARED void on(const TrainBegin& e);
    DEEPREC_LAZY_DECLARED void on(const EpochEnd& e);
    /// `fit` calls it after so many batches of an epoch.
    DEEPREC_LAZY_DECLARED void done(TrainingControl& training, Index batches) const;
    void state(CheckpointState& s) {
        s("best_epoch", best_epoch);
        s("best_value", best_value);
    }

private:
    /// Writes a model with these texts, or without texts the state of its training.
    struct Writer {
        std::filesystem::path path;
        const Metadata* metadata = nullptr;

        DEEPREC_LAZY void write(TrainingControl& training) { training.show({this, &see<float>, &see<double>}); }
        template <class T>
        static void see(void* self, detail::TrainingState<T>& state) {
            const Writer& writer = *static_cast<const Writer*>(self);
            const AnyWorld world = state.options ? state.options->world : AnyWorld{};
            if (writer.metadata)
                detail::write_whole(detail::collect_whole(state.fields, *writer.metadata, world), writer.path, world);
            else
                detail::write_state(writer.path, state);
        }
    };
    DEEPREC_LAZY_DECLARED static void save_model(TrainingControl& training, const std::filesystem::path& path,
                                                 const Metadata& metadata);
    DEEPREC_LAZY_DECLARED void spare_better(double value) const;
};

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION std::filesystem::path Checkpoint::epoch_path(long epoch) const {
    std::string number = std::to_string(epoch + 1);
    number.insert(0, 3 - std::min<std::size_t>(3, number.size()), '0');
    return std::filesystem::path(directory) / ("epoch-" + number + ".safetensors");
}

DEEPREC_LAZY_FUNCTION void Checkpoint::on(const TrainBegin& e) {
    if (keep < 0) throw ArgumentError(message("Checkpoint: expected keep >= 0, received ", keep));
    if (every_batches < 0 || (every_batches > 0 && !save_state))
        throw ArgumentError(message("Checkpoint: expected every_batches >= 0, and 0 without save_state, received ",
                                    every_batches, save_state ? "" : " without save_state"));
    if (const std::string metric = e.training.metric_without_state(); every_batches > 0 && !metric.empty())
        throw ArgumentError(message("Checkpoint: every_batches saves metrics too, but ", metric,
                                    " has no state(CheckpointState&) that names its numbers"));
    if (!e.resumed) best_epoch = -1;
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw FileError(message("Checkpoint: cannot make the directory ", directory, ": ", error.message()));
}

DEEPREC_LAZY_FUNCTION void Checkpoint::on(const EpochEnd& e) {
    Metadata metadata{{"epoch", std::to_string(e.log.epoch + 1)}};
    for (const auto& [name, value] : e.log.figures) metadata[name] = detail::option_text(value);
    if (!save_best_only) save_model(e.training, epoch_path(e.log.epoch), metadata);
    if (save_best_only || e.log.has(monitor)) {
        const double value = e.log.at(monitor);
        const Monitor rule{monitor, mode, best_value, best_epoch};
        if (rule.improves("Checkpoint", value)) {
            if (best_epoch < 0 && e.training.leads) spare_better(value);
            save_model(e.training, best_path(), metadata);
            best_epoch = e.log.epoch;
            best_value = value;
        }
    }
    if (keep > 0 && e.training.leads) {
        std::error_code error;  // of a file that is not there: those before it went earlier
        for (long old = e.log.epoch - keep; old >= 0; --old)
            if (!std::filesystem::remove(epoch_path(old), error)) break;
    }
}

/// The best model of an earlier training makes room for the first of this one, unless that is as good.
DEEPREC_LAZY_FUNCTION void Checkpoint::spare_better(double value) const {
    std::error_code error;
    if (!std::filesystem::exists(best_path(), error)) return;
    try {
        const SafetensorsReader file(best_path());
        const auto known = file.metadata().find(monitor);
        const Monitor rule{monitor, mode, value, 0};
        if (known == file.metadata().end()) return;
        const std::string& text = known->second;
        double earlier = std::numeric_limits<double>::quiet_NaN();
        std::from_chars(text.data(), text.data() + text.size(), earlier);
        if (!rule.improves("Checkpoint", earlier)) return;
    } catch (const FormatError&) {  // no model that could be better
        return;
    }
    std::filesystem::path free;
    for (long number = 1; free.empty() || std::filesystem::exists(free, error); ++number)
        free = std::filesystem::path(directory) / message("best-", number, ".safetensors");
    std::filesystem::rename(best_path(), free, error);
    if (error)
        throw FileError(message("Checkpoint: cannot rename ", best_path().string(), ", a better model of an ",
                                "earlier training, to ", free.string(), ": ", error.message()));
}

DEEPREC_LAZY_FUNCTION void Checkpoint::done(TrainingControl& training, Index batches) const {
    if (!save_state || !(training.leads || training.shares)) return;
    const bool due = batches == 0 || (every_batches > 0 && batches % every_batches == 0) ||
                     (training.stopping && training.metric_without_state().empty());
    if (due) Writer{state_path()}.write(training);
}

DEEPREC_LAZY_FUNCTION void Checkpoint::save_model(TrainingControl& training, const std::filesystem::path& path,
                                                  const Metadata& metadata) {
    if (training.leads || training.shares) Writer{path, &metadata}.write(training);
}
#endif

DEEPREC_END
