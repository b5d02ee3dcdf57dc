/// The room metrics/: all metrics.
#pragma once

#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/auc_approximate.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/metrics/calibration_error.hpp>
#include <deeprec/metrics/catalogue.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/metrics/metric.hpp>
#include <deeprec/metrics/paired_test.hpp>
#include <deeprec/metrics/ranking.hpp>
#include <deeprec/metrics/recalibration.hpp>
#include <deeprec/metrics/regression.hpp>
#include <deeprec/metrics/top_k_accuracy.hpp>
