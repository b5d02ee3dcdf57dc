/// The room training/: fit, predict, evaluate, callbacks.
#pragma once

#include <deeprec/training/callbacks.hpp>
#include <deeprec/training/checkpoint.hpp>
#include <deeprec/training/evaluate.hpp>
#include <deeprec/training/events.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/fit_loop.hpp>
#include <deeprec/training/gradient_sum.hpp>
#include <deeprec/training/history.hpp>
#include <deeprec/training/history_file.hpp>
#include <deeprec/training/learning_rate.hpp>
#include <deeprec/training/monitor.hpp>
#include <deeprec/training/optimizer_ref.hpp>
#include <deeprec/training/predict.hpp>
#include <deeprec/training/progress_bar.hpp>
#include <deeprec/training/regularizers.hpp>
#include <deeprec/training/sequence_passes.hpp>
#include <deeprec/training/sequence_trainer.hpp>
#include <deeprec/training/state.hpp>
#include <deeprec/training/state_file.hpp>
#include <deeprec/training/stop_on_signal.hpp>
#include <deeprec/training/task.hpp>
#include <deeprec/training/trainer.hpp>
#include <deeprec/training/vector_trainer.hpp>
