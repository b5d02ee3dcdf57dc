/// What happened in training, epoch by epoch.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// Named figures of one epoch: "loss" and, with validation data, "val_loss"; callbacks may add more.
struct EpochLog {
    long epoch = 0;                                       ///< from 0
    double seconds = 0;                                   ///< training without validation
    std::vector<std::pair<std::string, double>> figures;  ///< in the order in which they were set

    /// Adds a figure, or changes the one of that name.
    void set(const std::string& name, double value);
    /// Whether the epoch has a figure of that name.
    bool has(const std::string& name) const {
        for (const auto& figure : figures)
            if (figure.first == name) return true;
        return false;
    }
    /// Throws ArgumentError for a name that this epoch lacks; the message lists those it has.
    double at(const std::string& name) const;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION void EpochLog::set(const std::string& name, double value) {
    for (auto& figure : figures)
        if (figure.first == name) {
            figure.second = value;
            return;
        }
    figures.emplace_back(name, value);
}

DEEPREC_FUNCTION double EpochLog::at(const std::string& name) const {
    std::string known;
    for (const auto& figure : figures) {
        if (figure.first == name) return figure.second;
        known += (known.empty() ? "" : ", ") + figure.first;
    }
    throw ArgumentError(message("History: no figure named '", name, "'; there are: ", known));
}
#endif

/// Result of `fit`.
struct History {
    std::vector<EpochLog> epochs;  ///< those that ended, in order
    bool stopped_early = false;    ///< a callback ended the training
    /// One figure over all epochs, for example `series("loss")`.
    std::vector<double> series(const std::string& name) const {
        std::vector<double> values;
        for (const EpochLog& log : epochs) values.push_back(log.at(name));
        return values;
    }
};

/// What a callback sees at the start and after each batch.
struct TrainingProgress {
    long epoch = 0, epochs = 0;    ///< epoch counts from 0
    long sample = 0, samples = 0;  ///< done in this epoch, and in all of it
    double loss = 0;               ///< mean of this epoch so far
    double seconds = 0;            ///< since the epoch began, or went on
    long before = 0;               ///< samples that were done when the training went on inside this epoch
};

DEEPREC_END
