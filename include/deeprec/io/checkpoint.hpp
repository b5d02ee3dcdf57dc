/// A callback of `fit` that saves the model.
#pragma once

#include <algorithm>

#include <deeprec/io/model_file.hpp>
#include <deeprec/training/callbacks.hpp>

DEEPREC_BEGIN

/// Saves the model after each epoch to `directory`/epoch-001.safetensors and so on, and to best.safetensors whenever
/// `monitor` is better than before; with `save_best_only` only the latter (Keras' ModelCheckpoint). The files have the
/// epoch (from 1) and its figures as metadata; `load<Model>(path)` brings a model back. `Checkpoint{"run/"}`.
///
/// An epoch without the figure `monitor` (no validation data) has no best; with `save_best_only` it throws
/// ArgumentError. Throws FileError where nothing can be written; the files from before stay whole. The optimizer's
/// state is not saved.
struct Checkpoint {
    std::string directory;
    std::string monitor = "val_loss";
    bool save_best_only = false;
    EarlyStopping::Mode mode = EarlyStopping::Mode::min;

    long best_epoch = -1;   ///< result: the epoch of best.safetensors, from 0
    double best_value = 0;  ///< result: its figure

    std::filesystem::path best_path() const { return std::filesystem::path(directory) / "best.safetensors"; }
    std::filesystem::path epoch_path(long epoch) const {
        std::string number = std::to_string(epoch + 1);
        number.insert(0, 3 - std::min<std::size_t>(3, number.size()), '0');
        return std::filesystem::path(directory) / ("epoch-" + number + ".safetensors");
    }

    void on_train_begin() {
        best_epoch = -1;
        std::error_code error;
        std::filesystem::create_directories(directory, error);
        if (error) throw FileError(message("Checkpoint: cannot make the directory ", directory, ": ", error.message()));
    }
    template <class Model>
    void on_epoch_end(const Model& model, const EpochLog& log) {
        Metadata metadata{{"epoch", std::to_string(log.epoch + 1)}};
        for (const auto& [name, value] : log.figures) metadata[name] = message(value);
        if (!save_best_only) save(model, epoch_path(log.epoch), metadata);
        if (!save_best_only && !log.has(monitor)) return;
        const double value = log.at(monitor);
        const bool better = mode == EarlyStopping::Mode::min ? value < best_value : value > best_value;
        if (best_epoch < 0 ? std::isnan(value) : !better) return;
        save(model, best_path(), metadata);
        best_epoch = log.epoch;
        best_value = value;
    }
};

DEEPREC_END
