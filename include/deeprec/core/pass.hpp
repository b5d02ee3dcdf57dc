/// How a model is run: to predict, to train, or to have a gradient of a prediction.
#pragma once

#include <deeprec/core/random.hpp>
#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

class FieldTaps;
class OutputWatch;
class TableRows;
class ThreadPool;

/// One forward pass. Callers write `Inference{}` or `Training{step_seed}`; layers read these members.
struct Pass {
    bool training = false;       ///< backward will follow: the cache keeps what it needs
    bool predicts = true;        ///< what is random or learns in training (Dropout, statistics) does as in inference
    bool logits = false;         ///< the last activation is left out: the loss has taken it over
    std::uint64_t heads = 0;     ///< bits of those Heads that leave theirs out, by losses of several tasks
    Seed seed{};                 ///< of this step; every layer derives its own
    Index first_row = 0;         ///< place of the first sample in its batch, so that shards draw what the batch would
    ThreadPool* pool = nullptr;  ///< that one or two samples may share between threads
    FieldTaps* taps = nullptr;   ///< of explanations: what the layers of named fields give is seen, or replaced, there
    const TableRows* tables = nullptr;  ///< rows of tables that ranks share out, got for this pass
    OutputWatch* watch = nullptr;  ///< of a search for the layer that made a number that is not finite

    /// The pass of part `part` of a composition; `last` parts alone leave out the activation.
    Pass for_part(std::uint64_t part, bool last = false) const {
        Pass pass = *this;
        pass.logits = logits && last;
        if (!last) pass.heads = 0;
        if (training && !predicts) pass.seed = derive(seed, part);
        return pass;
    }
    /// The same pass, with the last activation left out.
    Pass on_logits(bool yes = true) const {
        Pass pass = *this;
        pass.logits = yes;
        return pass;
    }
};

/// A pass that only predicts. `Inference{&pool}` lets a layer share the work of one or two samples between threads
/// where that pays, in the same bits: an LSTM of many units does, the others run alone. The pool has one caller at a
/// time.
struct Inference : Pass {
    Inference() = default;
    explicit Inference(ThreadPool* shared) { pool = shared; }
};

/// A pass that backward will follow: `Training{step_seed}`. `row` is the place of the first sample in its batch.
struct Training : Pass {
    explicit Training(Seed step_seed = {}, Index row = 0) {
        training = true;
        predicts = false;
        seed = step_seed;
        first_row = row;
    }
    explicit Training(std::uint64_t step_seed) : Training(Seed{step_seed}) {}
};

/// A pass that predicts, though backward will follow: for gradients of a prediction.
struct DifferentiableInference : Pass {
    DifferentiableInference() { training = true; }
};

/// Whether backward has to produce dL/dx; the first layer of a model is spared the work in training.
enum class InputGradient { compute, skip };

/// What backward returns where there is no dL/dx, for ids.
struct NoGradient {};

DEEPREC_END
