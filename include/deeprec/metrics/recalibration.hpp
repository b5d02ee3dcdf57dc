/// Probabilities of a model that was trained on other shares of positives and negatives than it is asked about.
#pragma once

#include <cmath>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

namespace detail {
inline void check_probability(const char* who, double p) {
    if (p < 0 || p > 1) throw ArgumentError(message(who, ": expected a probability from 0 to 1, received ", p));
}
}  // namespace detail

/// The probability in all data, of a model trained on every positive and the share `kept` of the negatives:
/// p / (p + (1 - p) / kept) (He et al. 2014, Practical Lessons from Predicting Clicks on Ads). Keeps the order of
/// scores, so that rankings stay; NaN stays NaN. With k sampled negatives for each of P positives among N negatives,
/// `kept` is k P / N.
/// Throws ArgumentError unless p is in [0, 1] and `kept` positive and finite.
inline double recalibrate(double p, double kept) {
    detail::check_probability("recalibrate", p);
    if (!(kept > 0) || std::isinf(kept))
        throw ArgumentError(message("recalibrate: expected a positive share of negatives, received ", kept));
    return detail::equal(p, 0) ? p : p / (p + (1 - p) / kept);
}

/// Prior correction: the same from the shares of positives, `trained` in the training data and `real` where the model
/// is asked: odds' = odds (real / (1 - real)) / (trained / (1 - trained)) (King & Zeng 2001; Saerens et al. 2002). That
/// is `recalibrate` with kept = (real odds) / (trained odds). Throws ArgumentError unless p is in [0, 1] and both
/// shares are in (0, 1).
inline double shift_prior(double p, double trained, double real) {
    detail::check_probability("shift_prior", p);
    if (!(trained > 0 && trained < 1 && real > 0 && real < 1))
        throw ArgumentError(message("shift_prior: expected shares between 0 and 1, received ", trained, " and ", real));
    return recalibrate(p, real * (1 - trained) / (trained * (1 - real)));
}

DEEPREC_END
