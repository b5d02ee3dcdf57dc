/// Scorers from files whose kind is known at run time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <deeprec/ranking/bpr_mf.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/ranking/window_rules.hpp>
#include <deeprec/recommender/any_hybrid.hpp>

DEEPREC_BEGIN

namespace detail {

/// The scorer of a type: itself, but for a SequenceRecommender its index.
template <class Model>
struct ScorerFor {
    using type = Model;
};
template <class Tower>
struct ScorerFor<SequenceRecommender<Tower>> {
    using type = SequenceIndex<SequenceRecommender<Tower>>;
};

template <class... Known>
AnyScorer read_kind(StoredFields& f, const std::string& kind);

/// Reads a T where the file has its kind.
template <class T>
bool read_as(StoredFields& f, const std::string& kind, AnyScorer& scorer) {
    if (kind != T::kind) return false;
    T found;
    found.fields(f);
    scorer = std::move(found);
    return true;
}
/// The same for a type that only the caller knows, of which there may be several with one kind: whether it fits.
template <class T>
bool try_read(StoredFields& f, const std::string& kind, AnyScorer& scorer, std::string& refusal) {
    try {
        return read_as<T>(f, kind, scorer);
    } catch (const FormatError& error) {
        refusal = error.what();
        return false;
    }
}
template <class... Known>
AnyScorer read_any(StoredFields& f, int depth = 0) {
    constexpr int deepest = AnyHybrid::deepest;  // each is a call within a call
    f.require(depth <= deepest, "expected hybrids within hybrids at most ", deepest, " deep");
    std::string kind, refusal;
    f.text("deeprec.kind", kind);
    AnyScorer scorer;
    if (kind == "WeightedHybrid") {
        std::vector<double> weights;
        f.list("weights", weights);
        f.require(weights.size() <= AnyHybrid::most_scorers, "expected at most ", AnyHybrid::most_scorers,
                  " members, received ", weights.size());
        std::vector<AnyScorer> members;
        for (std::size_t m = 0; m < weights.size(); ++m) {
            StoredFields inner = f.inner(std::to_string(m));
            members.push_back(read_any<Known...>(inner, depth + 1));
        }
        try {
            return AnyHybrid(std::move(members), std::move(weights));
        } catch (const ArgumentError& error) {
            f.fail(error.what());
        }
    }
    if (read_as<Popularity>(f, kind, scorer) || read_as<Markov>(f, kind, scorer) || read_as<ItemKnn>(f, kind, scorer) ||
        read_as<WindowRules>(f, kind, scorer) || read_as<BprMf>(f, kind, scorer))
        return scorer;
    if ((try_read<typename ScorerFor<Known>::type>(f, kind, scorer, refusal) || ...)) return scorer;
    if (!refusal.empty()) throw FormatError(refusal);
    f.fail("the file has the kind '", shown(kind, ""),
           "', which nothing here can read: name the type of the model, as in "
           "load_recommender<Model>(path)");
}

}  // namespace detail

/// The scorer of a part of a file: Popularity, Markov, ItemKnn, WindowRules, BprMf and hybrids of all that is known,
/// and the `Known`: models (a SequenceRecommender stands for its index) and scorers of your own, each with a `static
/// constexpr std::string_view kind`. Throws FormatError for another kind and for what is damaged.
template <class... Known>
AnyScorer read_scorer(StoredFields& f) {
    return detail::read_any<Known...>(f);
}

DEEPREC_END
