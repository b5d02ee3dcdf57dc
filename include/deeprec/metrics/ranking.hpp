/// Metrics of ranked lists, one list a user.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

/// What one user was shown, best first. An item with relevance above 0 is relevant.
struct RankedList {
    std::vector<double> relevance;  ///< in the order of the list
    std::vector<double> ideal;      ///< relevance of all that is relevant, listed or not, descending
    std::vector<double> scores;     ///< in the order of the list; empty = no ties
};

/// Orders candidates by score, ties by the lower index. Those with a negative relevance (`left_out`) are no candidates.
/// Throws NumericError for a score that is NaN and a relevance that is NaN or infinite.
template <class S, class R>
RankedList rank_candidates(const S* scores, const R* relevance, Index n) {
    std::vector<Index> order;
    for (Index i = 0; i < n; ++i) {
        if (std::isnan(static_cast<double>(scores[i])))
            throw NumericError(message("rank_candidates: the score of candidate ", i, " is NaN"));
        if (!std::isfinite(static_cast<double>(relevance[i])))
            throw NumericError(message("rank_candidates: the relevance of candidate ", i, " is ", relevance[i]));
        if (relevance[i] >= 0) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return scores[a] > scores[b]; });
    RankedList list;
    for (const Index i : order) {
        list.relevance.push_back(static_cast<double>(relevance[i]));
        list.scores.push_back(static_cast<double>(scores[i]));
        if (relevance[i] > 0) list.ideal.push_back(static_cast<double>(relevance[i]));
    }
    std::sort(list.ideal.rbegin(), list.ideal.rend());
    return list;
}
/// The list of recommended items, each relevant (1) or not. An item that occurs again was relevant at its first place:
/// it takes a place and earns nothing. Nor does it matter how often `relevant` names an item.
inline RankedList rank_items(std::span<const std::int32_t> recommended, std::span<const std::int32_t> relevant) {
    std::unordered_set<std::int32_t> left(relevant.begin(), relevant.end());
    RankedList list;
    list.ideal.assign(left.size(), 1.0);
    for (const std::int32_t item : recommended) list.relevance.push_back(left.erase(item) > 0 ? 1.0 : 0.0);
    return list;
}

/// What relevance r gains: r, or 2^r - 1.
enum class Gain { plain, power };

/// For k: no item is cut off.
inline constexpr Index whole_list = std::numeric_limits<Index>::max();

namespace detail {
/// Length of the first k.
inline std::size_t cut(std::string_view who, const std::vector<double>& list, Index k) {
    if (k < 1) throw ArgumentError(message(who, ": expected a positive k, received ", k));
    return static_cast<std::size_t>(std::min(k, static_cast<Index>(list.size())));
}
inline double gain_of(double relevance, Gain gain) {
    return gain == Gain::plain ? relevance : std::exp2(relevance) - 1;
}
inline double discount(std::size_t position) { return 1 / std::log2(static_cast<double>(position) + 2); }
inline double dcg(std::string_view who, const std::vector<double>& relevance, Index k, Gain gain) {
    const std::size_t end = cut(who, relevance, k);
    double sum = 0;
    for (std::size_t i = 0; i < end; ++i) sum += gain_of(relevance[i], gain) * discount(i);
    if (!std::isfinite(sum)) throw NumericError(message(who, ": the discounted gain is ", sum));
    return sum;
}
inline double hits(std::string_view who, const RankedList& list, Index k) {
    const auto begin = list.relevance.begin();
    return static_cast<double>(std::count_if(begin, begin + static_cast<std::ptrdiff_t>(cut(who, list.relevance, k)),
                                             [](double r) { return r > 0; }));
}
/// What precision divides by: k even where the list is shorter, its length where there is no cut.
inline double places(const RankedList& list, Index k) {
    return k == whole_list ? static_cast<double>(list.relevance.size()) : static_cast<double>(k);
}
}  // namespace detail

// All of these throw ArgumentError unless k is positive.

/// Number of relevant items within the first k.
inline double hits_at(const RankedList& list, Index k) { return detail::hits("hits_at", list, k); }
/// hits / k, with `whole_list` hits / the length of the list.
inline double precision_at(const RankedList& list, Index k) {
    return detail::ratio(detail::hits("precision_at", list, k), detail::places(list, k), 0);
}
/// hits / relevant; 0 with nothing relevant, as all of these.
inline double recall_at(const RankedList& list, Index k) {
    return detail::ratio(detail::hits("recall_at", list, k), static_cast<double>(list.ideal.size()), 0);
}
/// Harmonic mean of precision and recall.
inline double f1_at(const RankedList& list, Index k) {
    return detail::ratio(2 * detail::hits("f1_at", list, k),
                         detail::places(list, k) + static_cast<double>(list.ideal.size()), 0);
}
/// 1 if any of the first k is relevant.
inline double hit_rate_at(const RankedList& list, Index k) {
    return detail::hits("hit_rate_at", list, k) > 0 ? 1.0 : 0.0;
}
/// sum over the first k of gain / log2(rank + 1), divided by that of the ideal order (Jarvelin and Kekalainen 2002).
/// Throws NumericError where that is not finite, as 2^2000.
inline double ndcg_at(const RankedList& list, Index k, Gain gain = Gain::plain) {
    return detail::ratio(detail::dcg("ndcg_at", list.relevance, k, gain), detail::dcg("ndcg_at", list.ideal, k, gain),
                         0);
}
/// ndcg_at, averaged over all orders of tied scores (McSherry and Najork 2008; scikit-learn's ndcg_score).
/// Throws DataError unless there are no scores or one for each item.
inline double ndcg_tie_averaged_at(const RankedList& list, Index k, Gain gain = Gain::plain) {
    if (list.scores.empty()) return ndcg_at(list, k, gain);
    if (list.scores.size() != list.relevance.size())
        throw DataError(message("ndcg_tie_averaged_at: expected a score for each of ", list.relevance.size(),
                                " items, received ", list.scores.size()));
    const auto tied = [](double a, double b) { return !(a < b) && !(a > b); };
    double sum = 0;
    for (std::size_t i = 0; i < list.scores.size();) {
        const std::size_t begin = i;
        double gains = 0, discounts = 0;
        for (; i < list.scores.size() && tied(list.scores[i], list.scores[begin]); ++i) {
            gains += detail::gain_of(list.relevance[i], gain);
            if (static_cast<Index>(i) < k) discounts += detail::discount(i);
        }
        sum += gains / static_cast<double>(i - begin) * discounts;
    }
    return detail::ratio(sum, detail::dcg("ndcg_tie_averaged_at", list.ideal, k, gain), 0);
}
/// 1 / rank of the first relevant item, 0 if that is beyond k.
inline double reciprocal_rank_at(const RankedList& list, Index k = whole_list) {
    const std::size_t end = detail::cut("reciprocal_rank_at", list.relevance, k);
    for (std::size_t i = 0; i < end; ++i)
        if (list.relevance[i] > 0) return 1 / static_cast<double>(i + 1);
    return 0;
}
/// Sum of the precisions at the relevant items within the first k, divided by min(k, relevant).
inline double average_precision_at(const RankedList& list, Index k = whole_list) {
    constexpr std::string_view who = "average_precision_at";
    const std::size_t end = detail::cut(who, list.relevance, k);
    double found = 0, sum = 0;
    for (std::size_t i = 0; i < end; ++i)
        if (list.relevance[i] > 0) sum += ++found / static_cast<double>(i + 1);
    return detail::ratio(sum, static_cast<double>(detail::cut(who, list.ideal, k)), 0);
}

/// Of the ranking metrics: `Ndcg{{.k = 10}}`.
struct RankingMetricOptions {
    Index k = 10;                  ///< `whole_list`: no cut
    bool skip_irrelevant = false;  ///< leave out users with nothing relevant, who otherwise count as 0
    Gain gain = Gain::plain;       ///< of NDCG
    bool average_ties = false;     ///< NDCG averaged over tied orders, else ties by the lower index
};

/// Base of metrics that are a mean over users. `Rule` gives double of(const RankedList&, const RankingMetricOptions&).
template <class Rule>
class RankingMetric {
public:
    /// Throws ArgumentError unless k is positive.
    explicit RankingMetric(RankingMetricOptions options = {}) : options_(options) {
        if (options.k < 1) throw ArgumentError(message(Rule::label, ": expected a positive k, received ", options.k));
    }
    /// For example "ndcg@10".
    std::string name() const {
        return options_.k == whole_list ? std::string(Rule::label) : message(Rule::label, '@', options_.k);
    }
    /// Adds a user. Throws DataError for a weight that is negative or not finite.
    void add(const RankedList& list, double weight = 1) {
        if (!(weight >= 0) || std::isinf(weight))
            throw DataError(message(Rule::label, ": expected finite weights of at least 0, received ", weight,
                                    " for user ", values_.size()));
        if (options_.skip_irrelevant && list.ideal.empty()) return;
        values_.push_back(Rule::of(list, options_));
        weights_.push_back(weight);
    }
    /// Adds users: scores and relevance [B, N], one user a row; `weights` [B], null = all 1.
    template <class P, class Y, class W = double>
    void update(const P& scores, const Y& relevance, const W* weights = nullptr) {
        const auto s = view(scores);
        const auto r = view(relevance);
        if (s.size() != r.size() || s.last() != r.last())
            throw ShapeError(message(Rule::label, ": expected relevance of the scores' shape ", s.shape(),
                                     ", received ", r.shape()));
        for (Index b = 0; b < s.rows(); ++b)
            add(rank_candidates(s.data() + b * s.last(), r.data() + b * s.last(), s.last()),
                weights ? static_cast<double>(weights[b]) : 1.0);
    }
    /// Weighted mean over the users; NaN without any.
    double result() const {
        return detail::ratio(std::inner_product(values_.begin(), values_.end(), weights_.begin(), 0.0),
                             std::accumulate(weights_.begin(), weights_.end(), 0.0));
    }
    /// Of each user, in the order added: what bootstrap intervals and paired tests need.
    const std::vector<double>& values() const { return values_; }
    void reset() {
        values_.clear();
        weights_.clear();
    }
    void merge(const RankingMetric& other) {
        values_.insert(values_.end(), other.values_.begin(), other.values_.end());
        weights_.insert(weights_.end(), other.weights_.begin(), other.weights_.end());
    }
    void state(CheckpointState& s) {
        s.option("skip_irrelevant", options_.skip_irrelevant);
        s.option("gain", static_cast<double>(options_.gain));
        s.option("average_ties", options_.average_ties);
        s.lists({{"values", &values_}, {"weights", &weights_}});
    }

private:
    RankingMetricOptions options_;
    std::vector<double> values_, weights_;
};

/// Mean of `precision_at`.
struct PrecisionAtK : RankingMetric<PrecisionAtK> {
    using RankingMetric::RankingMetric;
    static constexpr std::string_view label = "precision";
    static double of(const RankedList& list, const RankingMetricOptions& o) { return precision_at(list, o.k); }
};
/// Mean of `recall_at`.
struct RecallAtK : RankingMetric<RecallAtK> {
    using RankingMetric::RankingMetric;
    static constexpr std::string_view label = "recall";
    static double of(const RankedList& list, const RankingMetricOptions& o) { return recall_at(list, o.k); }
};
/// Mean of `f1_at`.
struct F1AtK : RankingMetric<F1AtK> {
    using RankingMetric::RankingMetric;
    static constexpr std::string_view label = "f1";
    static double of(const RankedList& list, const RankingMetricOptions& o) { return f1_at(list, o.k); }
};
/// Mean of `hit_rate_at`.
struct HitRate : RankingMetric<HitRate> {
    using RankingMetric::RankingMetric;
    static constexpr std::string_view label = "hr";
    static double of(const RankedList& list, const RankingMetricOptions& o) { return hit_rate_at(list, o.k); }
};
/// Mean of `ndcg_at`.
struct Ndcg : RankingMetric<Ndcg> {
    using RankingMetric::RankingMetric;
    static constexpr std::string_view label = "ndcg";
    static double of(const RankedList& list, const RankingMetricOptions& o) {
        return o.average_ties ? ndcg_tie_averaged_at(list, o.k, o.gain) : ndcg_at(list, o.k, o.gain);
    }
};
/// Mean of `reciprocal_rank_at`.
struct Mrr : RankingMetric<Mrr> {
    using RankingMetric::RankingMetric;
    static constexpr std::string_view label = "mrr";
    static double of(const RankedList& list, const RankingMetricOptions& o) { return reciprocal_rank_at(list, o.k); }
};
/// Mean of `average_precision_at`.
struct MeanAveragePrecision : RankingMetric<MeanAveragePrecision> {
    using RankingMetric::RankingMetric;
    static constexpr std::string_view label = "map";
    static double of(const RankedList& list, const RankingMetricOptions& o) { return average_precision_at(list, o.k); }
};

DEEPREC_END
