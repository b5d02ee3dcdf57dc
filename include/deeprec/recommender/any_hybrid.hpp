/// A hybrid of members that are known at run time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/ranking/weighted_hybrid.hpp>
#include <deeprec/recommender/any_scorer.hpp>

DEEPREC_BEGIN

/// A WeightedHybrid whose members are known at run time: what its file is read into. It scores the same to the bit.
class AnyHybrid {
public:
    static constexpr std::size_t most_scorers = 1000;  ///< in it, and in the hybrids among its members
    static constexpr int deepest = 64;                 ///< hybrids within hybrids
    /// Of no members.
    AnyHybrid() = default;
    /// Throws ArgumentError unless there are members, as many weights, and all members have the same items, and for
    /// more than `most_scorers` and `deepest`, which no file may have.
    AnyHybrid(std::vector<AnyScorer> members, std::vector<double> weights)
        : members_(std::move(members)), weights_(std::move(weights)) {
        bool fit = !members_.empty() && members_.size() == weights_.size();
        for (const AnyScorer& member : members_) fit = fit && member.items() == items();
        for (const double w : weights_) fit = fit && std::abs(w) <= 1e30;
        if (!fit)
            throw ArgumentError(
                message("AnyHybrid: expected members of the same items, and a finite weight of at most "
                        "1e30 for each, received ",
                        members_.size(), " members and ", weights_.size(), " weights"));
        for (const AnyScorer& member : members_) {
            const auto* hybrid = member.as<AnyHybrid>();
            scorers_ += hybrid ? hybrid->scorers_ : 1;
            if (hybrid) depth_ = std::max(depth_, hybrid->depth_ + 1);
        }
        if (scorers_ > most_scorers || depth_ > deepest)
            throw ArgumentError(message("AnyHybrid: expected at most ", most_scorers, " scorers, and hybrids within ",
                                        "hybrids at most ", deepest, " deep, received ", scorers_, " and ", depth_));
    }
    std::int32_t items() const { return members_.empty() ? 0 : members_.front().items(); }
    /// One for each member, in their order.
    const std::vector<double>& weights() const { return weights_; }
    /// The scorers that are added up.
    const std::vector<AnyScorer>& members() const { return members_; }
    void operator()(std::span<const Query> queries, std::span<float> scores) const {
        std::vector<detail::HybridMember> seen;
        with_members(seen, queries, scores);
    }
    void operator()(const Query& query, std::span<float> scores) const { (*this)(std::span(&query, 1), scores); }
    /// Whether a member has something to say of the item.
    bool knows(std::int32_t item) const {
        return std::any_of(members_.begin(), members_.end(), [&](const auto& member) { return member.knows(item); });
    }
    /// Whether a member takes the query.
    bool answers(const Query& query) const {
        return std::any_of(members_.begin(), members_.end(), [&](const auto& member) { return member.answers(query); });
    }
    /// Whether a member asks who the user is, not only for the history.
    bool goes_by_user() const {
        return std::any_of(members_.begin(), members_.end(), [](const auto& member) { return member.goes_by_user(); });
    }
    /// New items for every member, as AnyScorer::add_items.
    void add_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes = {},
                   const Tensor<float, 2>& features = {}, const Tensor<std::int32_t, 2>& rows = {}) {
        for (AnyScorer& member : members_) member.add_items(count, attributes, features, rows);
    }
    /// Whether events explain the scores of all members exactly, by looking them up.
    bool explains_exactly() const {
        return std::all_of(members_.begin(), members_.end(),
                           [](const auto& member) { return member.explains_exactly(); });
    }
    /// The mean of the members' that have one. Throws ArgumentError where none has.
    double similarity(std::int32_t a, std::int32_t b) const {
        double sum = 0, having = 0;
        for (const AnyScorer& member : members_) {
            try {
                sum += member.similarity(a, b);
                ++having;
            } catch (const ArgumentError&) {
                if (&member == &members_.back() && detail::equal(having, 0)) throw;
            }
        }
        return sum / having;
    }
    /// By member and by event: what `explain(hybrid, query, item)` gives.
    Explanation explanation(const Query& query, std::int32_t item, const ExplainOptions& options) const {
        return detail::explain_hybrid(
            items(), weights_,
            [&](const auto& f) {
                for (std::size_t m = 0; m < members_.size(); ++m) f(members_[m], m);
            },
            query, item, options);
    }
    /// As a WeightedHybrid; written alone.
    void fields(StoredFields& f) {
        if (f.reading()) f.fail("expected a scorer of a type that is known, use read_scorer");
        f.kind("WeightedHybrid");
        f.list("weights", weights_);
        for (std::size_t m = 0; m < members_.size(); ++m) f.part(std::to_string(m), members_[m]);
    }

private:
    void with_members(std::vector<detail::HybridMember>& seen, std::span<const Query> queries,
                      std::span<float> scores) const {
        if (seen.size() == members_.size()) return detail::hybrid_scores(seen, weights_, queries, scores);
        detail::as_hybrid_member(members_[seen.size()], [&](const detail::HybridMember& next) {
            seen.push_back(next);
            with_members(seen, queries, scores);
        });
    }
    std::vector<AnyScorer> members_;
    std::vector<double> weights_;
    std::size_t scorers_ = 0;
    int depth_ = 1;
};

DEEPREC_END
