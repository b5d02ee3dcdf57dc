/// A training between two batches, and where one that was interrupted goes on.
#pragma once

#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <deeprec/training/events.hpp>
#include <deeprec/training/metric_ref.hpp>
#include <deeprec/training/optimizer_ref.hpp>
#include <deeprec/training/regularizers.hpp>
#include <deeprec/training/trainer.hpp>
#include <deeprec/training/world.hpp>

DEEPREC_BEGIN

namespace detail {
struct LoopOptions;

/// What was done of the epoch under way. Its metrics are beside it.
struct EpochSoFar {
    Index samples = 0;  // 0 = between two epochs
    LossSum loss{};
    double penalty = 0;  // sum of penalty * samples over the steps
};

/// All that the next step depends on. Orders of samples and seeds follow from the numbers of epochs and batches, and
/// gradients that wait for their step (FitOptions::accumulate) are those of the last batches.
template <class T>
struct TrainingState {
    const LoopOptions* options = nullptr;
    std::uint64_t data_fingerprint = 0, validation_fingerprint = 0;  ///< 0 = no such data
    Index data_samples = 0;
    Index epoch = 0, step = 0;  ///< done: epochs, and batches of all of them
    EpochSoFar so_far{};
    bool finished = false;  ///< a callback ended the training with its last epoch
    Fields<T> fields{};     ///< of the model, by name
    History* history = nullptr;
    const OptimizerRef<T>* optimizer = nullptr;
    std::span<const CallbackRef> callbacks{};
    std::span<const MetricRef<T>> metrics{};
};

/// Puts what the file has into a state. Defined in training/state_file.hpp; programs that never resume do without.
template <class T>
void read_state(const std::filesystem::path& path, TrainingState<T>& now);
template <class T>
void write_state(const std::filesystem::path& path, const TrainingState<T>& state);

template <class Path>
concept NamesFile = std::is_convertible_v<const Path&, std::filesystem::path>;
}  // namespace detail

/// The file of a state, as FitOptions::resume takes it: `.resume = "run/last.state"`.
class Resume {
public:
    Resume() = default;
    /// A template, so that only programs that name a file have the code that reads it.
    template <detail::NamesFile Path>
    Resume(const Path& path)
        : path_(path), read_float_(&detail::read_state<float>), read_double_(&detail::read_state<double>) {}

    /// Throws FileError where nobody can say, as in a directory that may not be read.
    bool exists() const {
        if (!read_float_ || path_.empty()) return false;
        std::error_code error;
        const bool there = std::filesystem::exists(path_, error);
        if (error) throw FileError(message("fit: cannot look for ", path_.string(), ": ", error.message()));
        return there;
    }
    void read(detail::TrainingState<float>& state) const { read_float_(path_, state); }
    void read(detail::TrainingState<double>& state) const { read_double_(path_, state); }

private:
    std::filesystem::path path_;
    void (*read_float_)(const std::filesystem::path&, detail::TrainingState<float>&) = nullptr;
    void (*read_double_)(const std::filesystem::path&, detail::TrainingState<double>&) = nullptr;
};

namespace detail {
/// FitOptions without the type of the data.
struct LoopOptions {
    Index epochs, batch_size;
    std::uint64_t seed;
    bool shuffle;
    Index shuffle_block;
    Index accumulate;
    ClassWeights class_weight;
    const std::vector<Regularizer>& regularizers;
    const Resume& resume;
    std::vector<std::string> names{};  ///< of loss and optimizer
    AnyWorld world{};

    void check() const;
};
#if DEEPREC_BODIES
DEEPREC_FUNCTION void LoopOptions::check() const {
    if (epochs < 0) throw ArgumentError(message("fit: expected epochs >= 0, received ", epochs));
    if (batch_size < 1) throw ArgumentError(message("fit: expected a positive batch_size, received ", batch_size));
    if (shuffle_block < 0) throw ArgumentError(message("fit: expected a shuffle_block >= 0, received ", shuffle_block));
    if (accumulate < 1) throw ArgumentError(message("fit: expected a positive accumulate, received ", accumulate));
    for (const double weight : class_weight.weights)
        if (!(weight >= 0 && std::isfinite(weight)))
            throw ArgumentError(message("fit: expected class weights >= 0, received ", weight));
}
#endif

}  // namespace detail
DEEPREC_END
