/// What is known of users and items, as tensors: fitted once on training rows, then the same for training and serving.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/tensor.hpp>
#include <deeprec/core/utf8.hpp>
#include <deeprec/data/feature_values.hpp>
#include <deeprec/data/fitted_feature.hpp>
#include <deeprec/data/vocabulary.hpp>
#include <deeprec/io/json_header.hpp>

DEEPREC_BEGIN

/// What layers take, for n rows.
struct FeatureTensors {
    /// By feature: [n, 1], of bag and tokens [n, length] with padding at the end. Id 0 is missing (padding; with
    /// Feature::missing the last id is), 1 a value that training did not have (hashed: none), 2 and up the others.
    /// Buckets and times have ids from 1.
    std::map<std::string, Tensor<std::int32_t, 2>, std::less<>> ids;
    /// By feature: of a number [n, 2], (x - mean) / deviation and a flag; of a vector [n, width + 1], the numbers and a
    /// flag. What is missing is 0 with flag 1; what is there has flag 0.
    std::map<std::string, Tensor<float, 2>, std::less<>> floats;
    /// [n, 2 numbers]: the number features side by side, in order.
    Tensor<float, 2> numbers;

    /// f(name, tensor) for each feature: what a model with named fields reads.
    template <class F>
    void each(F&& f) const {
        for (const auto& [name, tensor] : ids) f(name, tensor);
        for (const auto& [name, tensor] : floats) f(name, tensor);
    }
};

/// What the features of one model may ask for, whoever wrote them: a short text can name any number.
struct FeatureLimits {
    Index ids_a_row = Index{1} << 20;  ///< the lengths, and widths of vectors, of all features together: what one row
                                       ///< costs in `transform`
    Index buckets = Index{1} << 24;    ///< of one hashed feature: rows of the embedding that is made for it
};

/// The features of a model with what was fitted: vocabularies, means and deviations (of the training rows that have the
/// number, 1 where all are equal but for rounding: a deviation below 256 epsilon |mean|, of columns of a table below 2
/// epsilon |mean| of floats), bounds of buckets (the
/// quantiles k / buckets of the training rows). It cannot be fitted again, and goes into the model's file:
///
///     const auto spec = FeatureSpec::fit({{.name = "user", .kind = FeatureKind::id}, ...}, training_rows);
///     Embedding{spec.rows("user"), 16};                               // on spec.transform(rows).ids.at("user")
///     save(model, path, {{"features", spec.json()}});
///     FeatureSpec::parse(SafetensorsReader(path).metadata().at("features"));
///
/// Rows are a range of FeatureRow, or a table: an EventTable, whose columns and "user", "item" and "time" are the
/// fields, or an ItemTable or UserTable with "key". Categories, and texts as one, serve id, category and hashed;
/// categories serve bag and tokens, texts tokens by `title_words`; numbers serve number and bucket; the time of an
/// event gap (since the user's event before), hour and weekday.
class FeatureSpec {
    template <class Rows>
    static constexpr bool is_rows = requires(Rows& rows) {
        { *std::begin(rows) } -> std::convertible_to<const FeatureRow&>;
    };

public:
    /// Without features.
    FeatureSpec() = default;
    /// `rows` are those that training may see and no others. Throws ArgumentError for features without meaning or
    /// beyond the limits, DataError for a feature that no row has, a value or name that is not UTF-8 (no file could
    /// keep it), numbers whose mean or deviation is not finite, and as `transform`.
    template <class Rows>
        requires is_rows<Rows>
    static FeatureSpec fit(std::vector<Feature> features, Rows&& rows, const FeatureLimits& limits = {}) {
        FeatureSpec spec(std::move(features), limits);
        auto values = spec.values_of(rows);
        spec.finish([&](std::size_t f) { return std::move(values[f]); }, limits);
        return spec;
    }
    static FeatureSpec fit(std::vector<Feature> features, const EventTable& events, const FeatureLimits& limits = {});
    static FeatureSpec fit(std::vector<Feature> features, const KeyedTable& table, const FeatureLimits& limits = {});

    /// Throws DataError for a name that the spec does not have (in a FeatureRow) or the table lacks, a value of another
    /// kind, a number that is infinite, or is after scaling, a vector of another width.
    template <class Rows>
        requires is_rows<Rows>
    FeatureTensors transform(Rows&& rows) const {
        auto values = values_of(rows);
        return tensors(rows_of(values, rows), [&](std::size_t f) { return std::move(values[f]); });
    }
    FeatureTensors transform(const EventTable& events) const;
    /// The same for the events of one user, oldest first, as a request has them: a gap that a row does not say is that
    /// between the seconds in "time", none before the first row. Throws DataError for times that go back, too.
    FeatureTensors transform_sequence(std::span<const FeatureRow> rows) const;
    FeatureTensors transform(const KeyedTable& table) const;

    /// Rows that an embedding of the feature needs. Throws ArgumentError for an unknown name and one without ids.
    Index rows(std::string_view name) const {
        const std::int32_t place = names_.find(name).value_or(0);
        if (place == 0 || detail::has_numbers(features_[static_cast<std::size_t>(place) - 1].about.kind))
            throw ArgumentError(message("FeatureSpec: there is no feature '", name, "' with ids"));
        return features_[static_cast<std::size_t>(place) - 1].rows();
    }

    /// Whether a feature is made of that column, or part of a row.
    bool reads(std::string_view field) const { return sources_.find(field).has_value(); }
    /// Whether a row has several ids of the feature: a bag or tokens.
    bool has_many(std::string_view name) const {
        const std::int32_t place = names_.find(name).value_or(0);
        return place > 0 && detail::is_many(features_[static_cast<std::size_t>(place) - 1].about.kind);
    }

    /// Throws ArgumentError for features beyond the limits: what `parse` would refuse must not be written.
    void check(const FeatureLimits& limits = {}) const {
        Index ids = 0;
        for (const Fitted& f : features_) {
            check_buckets(f.about, limits);
            check_length(ids, f, limits);
        }
    }

    /// Everything as one text.
    std::string json() const {
        using detail::json_quoted;
        std::string text = "[";
        for (const Fitted& f : features_) {
            text += message(text.size() > 1 ? "," : "", "{\"name\":", json_quoted(f.about.name),
                            ",\"kind\":", json_quoted(detail::kind_name(f.about)));
            if (!f.about.field.empty()) text += ",\"field\":" + json_quoted(f.about.field);
            if (f.about.log) text += ",\"log\":1";
            if (f.about.missing) text += ",\"missing\":1";
            const auto list = [&](const char* name, std::size_t n, auto&& each) {
                text += message(",\"", name, "\":[");
                for (std::size_t i = 0; i < n; ++i) text += (i > 0 ? "," : "") + each(i);
                text += "]";
            };
            if (f.about.kind == FeatureKind::number)
                text += message(",\"mean\":\"", exact(f.mean), "\",\"deviation\":\"", exact(f.deviation), "\"");
            if (f.about.kind == FeatureKind::vector) text += message(",\"width\":", f.width);
            if (f.about.kind == FeatureKind::bucket)
                list("bounds", f.bounds.size(), [&](std::size_t i) { return json_quoted(exact(f.bounds[i])); });
            if (detail::has_texts(f.about.kind)) {
                text += message(",\"length\":", f.about.length, ",\"buckets\":", f.about.buckets);
                list("values", static_cast<std::size_t>(f.values.size()),
                     [&](std::size_t i) { return json_quoted(f.values.key(static_cast<std::int32_t>(i) + 1)); });
            }
            text += "}";
        }
        return text + "]";
    }
    /// Throws FormatError for anything that `json` does not write: features with other parts than theirs, or beyond the
    /// limits. A byte order mark before the text is passed over.
    static FeatureSpec parse(std::string_view text, const std::string& where = "FeatureSpec",
                             const FeatureLimits& limits = {}) {
        text = detail::without_byte_order_mark(text);
        if (const std::size_t bad = detail::find_not_utf8(text); bad != text.npos)
            throw FormatError(message(where, ": byte ", bad, ": expected UTF-8, received byte ",
                                      static_cast<unsigned char>(text[bad]) + 0));
        FeatureSpec spec;
        Index ids = 0;
        detail::JsonReader in(text, where);
        in.array([&] {
            Fitted f;
            std::set<std::string, std::less<>> parts;
            in.object([&](const std::string& key) {
                if (!parts.insert(key).second) in.fail(message("\"", key, "\" once before this"));
                parse_part(in, key, f);
            });
            const auto expected = parts_of(f.about.kind);
            for (const std::string_view part : expected)
                if (parts.find(part) == parts.end()) in.fail(message("\"", part, "\" of the feature before this"));
            const auto extra = parts.count("field") + parts.count("log") + parts.count("missing");
            if (parts.size() != expected.size() + extra)
                in.fail(message("no other parts of a feature of kind ", detail::kind_name(f.about), " before this"));
            if (f.deviation <= 0 || (detail::has_texts(f.about.kind) && f.about.length < 1) ||
                (f.about.kind == FeatureKind::vector && f.width < 1))
                in.fail("a deviation and length above 0 before this");
            if (f.about.kind == FeatureKind::hashed && f.values.size() > 0)
                in.fail("no values of a hashed feature before this");
            if (f.about.kind == FeatureKind::bucket) f.about.buckets = static_cast<Index>(f.bounds.size()) + 1;
            try {
                spec.add(std::move(f), limits);
                spec.check_length(ids, spec.features_.back(), limits);
            } catch (const ArgumentError& error) {
                in.fail(message("another feature before this (", error.what(), ")"));
            }
        });
        in.end();
        return spec;
    }

private:
    using Values = detail::FeatureValues;
    using Fitted = detail::FittedFeature;

    FeatureSpec(std::vector<Feature> features, const FeatureLimits& limits) {
        for (Feature& feature : features) {
            Fitted fitted;
            fitted.about = std::move(feature);
            add(std::move(fitted), limits);
        }
    }
    template <class Rows>
    std::vector<Values> values_of(Rows& rows) const {
        std::vector<Values> values(features_.size());
        for (const FeatureRow& row : rows) {
            check_names(row);
            for (std::size_t f = 0; f < values.size(); ++f)
                values[f].add(features_[f].about, value_of(row, features_[f].about));
        }
        for (Values& each : values) each.look();
        return values;
    }
    template <class Rows>
    static Index rows_of(const std::vector<Values>& values, Rows& rows) {
        return values.empty() ? static_cast<Index>(std::distance(std::begin(rows), std::end(rows))) : values[0].rows;
    }
    /// Fits each feature to the values that `values_of` gives for its number.
    template <class F>
    void finish(const F& values_of, const FeatureLimits& limits) {
        Index ids = 0;
        for (std::size_t f = 0; f < features_.size(); ++f) {
            features_[f].fit(values_of(f));
            check_length(ids, features_[f], limits);
        }
    }
    template <class F>
    FeatureTensors tensors(Index rows, const F& values_of) const {
        FeatureTensors x;
        Index number = 0, numbers = 0;
        for (const Fitted& f : features_) numbers += f.about.kind == FeatureKind::number;
        x.numbers.resize(rows, 2 * numbers);
        for (std::size_t f = 0; f < features_.size(); ++f) {
            const Fitted& fitted = features_[f];
            const Values values = values_of(f);
            if (detail::has_numbers(fitted.about.kind))
                fitted.fill(values, x.floats[fitted.about.name]);
            else
                fitted.fill(values, x.ids[fitted.about.name]);
            if (fitted.about.kind != FeatureKind::number) continue;
            const Tensor<float, 2>& own = x.floats.at(fitted.about.name);
            for (Index row = 0; row < rows; ++row)
                std::copy_n(&own(row, 0), 2, x.numbers.data() + row * 2 * numbers + number);
            number += 2;
        }
        return x;
    }
    static std::span<const std::string_view> parts_of(FeatureKind kind) {
        static constexpr std::array<std::string_view, 5> texts{"name", "kind", "length", "buckets", "values"};
        static constexpr std::array<std::string_view, 4> number{"name", "kind", "mean", "deviation"};
        static constexpr std::array<std::string_view, 3> bucket{"name", "kind", "bounds"},
            vector{"name", "kind", "width"};
        static constexpr std::array<std::string_view, 2> time{"name", "kind"};
        if (kind == FeatureKind::number) return number;
        if (kind == FeatureKind::bucket) return bucket;
        if (kind == FeatureKind::vector) return vector;
        return detail::is_time(kind) ? std::span<const std::string_view>(time) : texts;
    }
    static double exact_number(detail::JsonReader& in) {
        const std::string digits = in.string();
        double x = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), x);
        if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(x))
            in.fail("a finite number before this");
        return x;
    }
    static void parse_part(detail::JsonReader& in, const std::string& key, Fitted& f) {
        if (key == "name") {
            f.about.name = in.string();
        } else if (key == "field") {
            f.about.field = in.string();
            if (f.about.field.empty()) in.fail("the name of a field before this");
        } else if (key == "kind") {
            const auto found = std::find(feature_kind_names.begin(), feature_kind_names.end(), in.string());
            if (found == feature_kind_names.end()) in.fail("the kind of a feature before this");
            f.about.kind = static_cast<FeatureKind>(found - feature_kind_names.begin());
        } else if (key == "log" || key == "missing") {
            if (in.number() != 1) in.fail("1 before this");
            (key == "log" ? f.about.log : f.about.missing) = true;
        } else if (key == "length" || key == "buckets" || key == "width") {
            const std::int64_t n = in.number();
            if (n > std::numeric_limits<std::int32_t>::max() - 2) in.fail("a number below 2^31 before this");
            (key == "length" ? f.about.length : key == "width" ? f.width : f.about.buckets) = n;
        } else if (key == "mean" || key == "deviation") {
            (key == "mean" ? f.mean : f.deviation) = exact_number(in);
        } else if (key == "bounds") {
            in.array([&] {
                const double bound = exact_number(in);
                if (!f.bounds.empty() && bound <= f.bounds.back()) in.fail("ascending bounds before this");
                f.bounds.push_back(bound);
            });
        } else if (key == "values") {
            in.array([&] {
                const std::int32_t before = f.values.size();
                const std::string value = in.string();
                if (value.empty() || f.values.add(value) <= before) in.fail("different values before this");
            });
        } else {
            in.fail("no other part of a feature before this");
        }
    }
    static std::string exact(double x) {
        char digits[32];
        return {digits, std::to_chars(digits, digits + sizeof digits, x).ptr};
    }
    void add(Fitted f, const FeatureLimits& limits) {
        const Feature& about = f.about;
        const bool many = detail::is_many(about.kind);
        const bool has_buckets = about.kind == FeatureKind::hashed || about.kind == FeatureKind::bucket;
        if (about.name.empty()) throw ArgumentError("FeatureSpec: expected a name, received an empty one");
        for (const std::string& name : {about.name, about.field})
            if (detail::find_not_utf8(name) != name.npos)
                throw ArgumentError(message("FeatureSpec: expected a name of UTF-8, received ", detail::shown(name)));
        check_buckets(about, limits);
        if ((about.buckets > 0) != has_buckets || about.buckets < 0 || about.length < 0 ||
            (about.length > 1 && !many) || about.min_count < 0)
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' of kind ", detail::kind_name(about),
                                        ": expected positive buckets if hashed, a length if bag or tokens, min_count "
                                        ">= 0, received ",
                                        about.buckets, ", ", about.length, " and ", about.min_count));
        if (about.log && about.kind != FeatureKind::number)
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' of kind ", detail::kind_name(about),
                                        ": expected a number to take the log of"));
        if (about.missing && detail::has_numbers(about.kind))
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' of kind ", detail::kind_name(about),
                                        " has a flag for missing values, and no ids"));
        if (names_.find(about.name))
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' is there twice"));
        names_.add(about.name);
        sources_.add(about.source());
        features_.push_back(std::move(f));
        if (!many) features_.back().about.length = 1;
    }
    static void check_buckets(const Feature& about, const FeatureLimits& limits) {
        if (about.buckets > limits.buckets)
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' expected at most ", limits.buckets,
                                        " buckets (FeatureLimits::buckets), received ", about.buckets));
    }
    /// Adds the length or width of one feature to those of others.
    static void check_length(Index& ids, const Fitted& f, const FeatureLimits& limits) {
        const Index length = detail::has_texts(f.about.kind) ? f.about.length : f.width;
        if (length > limits.ids_a_row - ids)
            throw ArgumentError(message("FeatureSpec: feature '", f.about.name, "' expected lengths up to ",
                                        limits.ids_a_row, " in all (FeatureLimits::ids_a_row), received ", length,
                                        " beside ", ids));
        ids += length;
    }
    void check_names(const FeatureRow& row) const {
        for (const auto& part : row) {
            if (!sources_.find(part.first))
                throw DataError(message("FeatureSpec: a row has '", part.first, "', which is no feature of the spec"));
        }
    }
    static const FeatureValue& value_of(const FeatureRow& row, const Feature& about) {
        static const FeatureValue missing;
        const auto found = row.find(about.source());
        return found == row.end() ? missing : found->second;
    }

    Vocabulary names_, sources_;  // of the features, in order, and of what they are made of
    std::vector<Fitted> features_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION FeatureTensors FeatureSpec::transform_sequence(std::span<const FeatureRow> rows) const {
    std::vector<FeatureRow> known(rows.begin(), rows.end());
    std::vector<std::int32_t> gaps;  // by the times; 0 where one of the two is missing
    std::optional<double> last;
    for (FeatureRow& row : known) {
        const auto found = row.find("time");
        const double* const seconds = found == row.end() ? nullptr : std::get_if<double>(&found->second);
        if (seconds && last && *seconds < *last)
            throw DataError(message("FeatureSpec: expected events oldest first, row ", gaps.size() + 1,
                                    " has the time ", *seconds, " after ", *last));
        const bool both = seconds && last && std::abs(*seconds - *last) < 9e15;
        gaps.push_back(!gaps.empty() ? (both ? time_gap_id(static_cast<std::int64_t>(*seconds - *last)) : 0) : 1);
        last = seconds ? std::optional(*seconds) : std::nullopt;
        if (seconds && !reads("time")) row.erase(found);
    }
    auto values = values_of(known);
    for (std::size_t f = 0; f < features_.size(); ++f)
        if (features_[f].about.kind == FeatureKind::gap)
            for (std::size_t row = 0; row < gaps.size(); ++row)
                if (values[f].codes[row] == 0) values[f].codes[row] = gaps[row];
    return tensors(std::ssize(rows), [&](std::size_t f) { return std::move(values[f]); });
}
DEEPREC_FUNCTION FeatureSpec FeatureSpec::fit(std::vector<Feature> features, const EventTable& events,
                                              const FeatureLimits& limits) {
    events.check();
    const detail::ColumnsByName columns("EventTable", events.columns);
    FeatureSpec spec(std::move(features), limits);
    spec.finish([&](std::size_t f) { return Values::of(spec.features_[f].about, events, columns); }, limits);
    return spec;
}
DEEPREC_FUNCTION FeatureSpec FeatureSpec::fit(std::vector<Feature> features, const KeyedTable& table,
                                              const FeatureLimits& limits) {
    table.check();
    const detail::ColumnsByName columns("KeyedTable", table.columns);
    FeatureSpec spec(std::move(features), limits);
    spec.finish([&](std::size_t f) { return Values::of(spec.features_[f].about, table, columns); }, limits);
    return spec;
}
DEEPREC_FUNCTION FeatureTensors FeatureSpec::transform(const EventTable& events) const {
    events.check();
    const detail::ColumnsByName columns("EventTable", events.columns);
    return tensors(events.size(), [&](std::size_t f) { return Values::of(features_[f].about, events, columns); });
}
DEEPREC_FUNCTION FeatureTensors FeatureSpec::transform(const KeyedTable& table) const {
    table.check();
    const detail::ColumnsByName columns("KeyedTable", table.columns);
    return tensors(table.size(), [&](std::size_t f) { return Values::of(features_[f].about, table, columns); });
}
#endif

DEEPREC_END
