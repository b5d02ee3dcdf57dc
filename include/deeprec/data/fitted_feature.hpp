/// One feature of a FeatureSpec: fitted to values of training rows, then filled into tensors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/core/utf8.hpp>
#include <deeprec/data/feature_values.hpp>
#include <deeprec/data/vocabulary.hpp>

DEEPREC_BEGIN

namespace detail {
/// A feature with what was fitted to training rows.
struct FittedFeature {
    Feature about;
    Vocabulary values;
    double mean = 0, deviation = 1;
    std::vector<double> bounds;  // of buckets, ascending
    Index width = 0;             // of a vector

    /// Throws DataError where no row has a value, and for values that no file could keep.
    void fit(const FeatureValues& given);
    /// The ids of a feature that has ids, [rows, length].
    void fill(const FeatureValues& given, Tensor<std::int32_t, 2>& ids) const;
    /// The numbers of one that has numbers, [rows, width + 1], the last a flag: missing.
    void fill(const FeatureValues& given, Tensor<float, 2>& floats) const;

    /// Of a feature that has ids: how many there are, with those of padding and unseen values.
    Index rows() const {
        const Index own = about.missing ? 1 : 0;
        switch (about.kind) {
            case FeatureKind::hashed: return about.buckets + 1 + own;
            case FeatureKind::bucket: return static_cast<Index>(bounds.size()) + 2 + own;
            case FeatureKind::gap: return time_gap_ids + own;
            case FeatureKind::hour: return 25 + own;
            case FeatureKind::weekday: return 8 + own;
            default: return Index{values.size()} + 2 + own;
        }
    }
    std::int32_t id(std::string_view text) const {
        if (about.kind == FeatureKind::hashed) {
            std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
            for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
            return 1 + static_cast<std::int32_t>(mix64(hash) % static_cast<std::uint64_t>(about.buckets));
        }
        return 1 + values.find(text).value_or(0);
    }
    /// The id of each id of another vocabulary; missing stays 0.
    std::vector<std::int32_t> ids_of(const Vocabulary* others) const {
        std::vector<std::int32_t> mine{0};
        for (std::int32_t other = 1; others && other <= others->size(); ++other) mine.push_back(id(others->key(other)));
        return mine;
    }
    double transformed(double x) const { return about.log ? std::copysign(std::log1p(std::abs(x)), x) : x; }
    float scaled(double x) const {
        const double scaled = (transformed(x) - mean) / deviation;
        if (!(std::abs(scaled) <= std::numeric_limits<float>::max()))
            throw DataError(message("FeatureSpec: '", about.name, "' expected a number that is finite after (x - ",
                                    mean, ") / ", deviation, " as a float, received ", x));
        return static_cast<float>(scaled);
    }
    std::int32_t bucket(double x) const {
        if (std::isnan(x)) return 0;
        return 1 + static_cast<std::int32_t>(std::upper_bound(bounds.begin(), bounds.end(), x) - bounds.begin());
    }
};

#if DEEPREC_BODIES
/// f(row, its ids) for each row of texts.
template <class F>
void each_row_of(const FeatureValues& values, const F& f) {
    std::size_t begin = 0;
    for (Index row = 0; row < values.rows; ++row) {
        const std::size_t end =
            values.ends.empty() ? begin + 1 : static_cast<std::size_t>(values.ends[static_cast<std::size_t>(row)]);
        f(row, values.ids.subspan(begin, end - begin));
        begin = end;
    }
}

DEEPREC_FUNCTION void FittedFeature::fit(const FeatureValues& given) {
    const auto check_known = [&](Index known) {
        if (known == 0) throw DataError(message("FeatureSpec: no training row has '", about.name, "'"));
    };
    if (about.kind == FeatureKind::vector) {
        check_known(given.width);
        width = given.width;
        return;
    }
    if (is_time(about.kind)) return check_known(given.rows);
    if (!has_texts(about.kind)) {
        std::vector<double> known;
        double average = 0, squares = 0;
        for (const double number : given.numbers) {
            if (std::isnan(number)) continue;
            const double x = transformed(number), before = x - average;  // Welford
            known.push_back(x);
            average += before / static_cast<double>(known.size());
            squares += before * (x - average);
        }
        check_known(static_cast<Index>(known.size()));
        if (about.kind == FeatureKind::bucket) {
            std::sort(known.begin(), known.end());
            for (Index k = 1; k < about.buckets; ++k) {
                const double bound =
                    known[static_cast<std::size_t>(k * static_cast<Index>(known.size()) / about.buckets)];
                if (bound > known[0] && (bounds.empty() || bound > bounds.back())) bounds.push_back(bound);
            }
            return;
        }
        const double spread = std::sqrt(squares / static_cast<double>(known.size()));
        if (!std::isfinite(average) || !std::isfinite(spread))
            throw DataError(message("FeatureSpec: '", about.name,
                                    "' expected numbers with a finite mean and deviation, received ", average, " and ",
                                    spread));
        mean = average;
        if (spread > given.rounding * std::abs(average)) deviation = spread;
        return;
    }
    const std::size_t texts = given.texts ? static_cast<std::size_t>(given.texts->size()) : 0;
    std::vector<Index> rows(texts + 1, 0), last(texts + 1, -1);  // with each text; the last row that has it
    Index known = 0, most = 0;
    each_row_of(given, [&](Index row, std::span<const std::int32_t> ids) {
        Index all = 0, different = 0;
        for (const std::int32_t id : ids) {
            if (id == 0) continue;
            ++all;
            if (std::exchange(last[static_cast<std::size_t>(id)], row) == row) continue;
            ++different;
            ++rows[static_cast<std::size_t>(id)];
        }
        known += all > 0;
        most = std::max(most, about.kind == FeatureKind::bag ? different : all);
    });
    check_known(known);
    if (about.length == 0) about.length = most;
    if (about.kind == FeatureKind::hashed) return;
    const Index least = about.min_count != 0 ? about.min_count : about.kind == FeatureKind::id ? 1 : 2;
    for (std::size_t id = 1; id <= texts; ++id) {
        if (rows[id] == 0) continue;
        const std::string& text = given.texts->key(static_cast<std::int32_t>(id));
        if (find_not_utf8(text) != text.npos) fail_kind(about, "texts of UTF-8, received " + shown(text));
        if (rows[id] >= least) values.add(text);
    }
}

DEEPREC_FUNCTION void FittedFeature::fill(const FeatureValues& given, Tensor<std::int32_t, 2>& ids) const {
    ids.resize(given.rows, has_texts(about.kind) ? about.length : 1);
    ids.setZero();
    std::int32_t* to = ids.data();
    if (is_time(about.kind)) {
        std::copy(given.codes.begin(), given.codes.end(), to);
    } else if (about.kind == FeatureKind::bucket) {
        for (const double x : given.numbers) *to++ = bucket(x);
    } else {
        const std::vector<std::int32_t> mine = ids_of(given.texts);
        std::vector<Index> last(about.kind == FeatureKind::bag ? static_cast<std::size_t>(values.size()) + 2 : 0, -1);
        each_row_of(given, [&](Index row, std::span<const std::int32_t> theirs) {
            Index at = 0;
            for (const std::int32_t other : theirs) {
                const std::int32_t id = mine[static_cast<std::size_t>(other)];
                if (id == 0 || at == about.length) continue;
                if (!last.empty() && std::exchange(last[static_cast<std::size_t>(id)], row) == row) continue;  // a set
                to[row * about.length + at++] = id;
            }
        });
    }
    for (Index row = 0; about.missing && row < ids.dimension(0); ++row)
        if (ids(row, 0) == 0) ids(row, 0) = static_cast<std::int32_t>(rows() - 1);
}

DEEPREC_FUNCTION void FittedFeature::fill(const FeatureValues& given, Tensor<float, 2>& floats) const {
    const bool number = about.kind == FeatureKind::number;
    const Index numbers = number ? 1 : width;
    if (!number && given.width != 0 && given.width != width)
        fail_kind(about, message(width, " numbers, as in training, received ", given.width));
    floats.resize(given.rows, numbers + 1);
    floats.setZero();
    for (Index row = 0; row < given.rows; ++row) {
        const auto at = static_cast<std::size_t>(row * numbers);
        const bool missing = number ? std::isnan(given.numbers[at]) : given.width == 0 || std::isnan(given.vectors[at]);
        floats(row, numbers) = missing ? 1.0f : 0.0f;
        for (Index i = 0; !missing && i < numbers; ++i) {
            floats(row, i) = number ? scaled(given.numbers[at]) : given.vectors[at + static_cast<std::size_t>(i)];
            if (!std::isfinite(floats(row, i))) fail_kind(about, "finite numbers, received others");
        }
    }
}
#endif
}  // namespace detail

DEEPREC_END
