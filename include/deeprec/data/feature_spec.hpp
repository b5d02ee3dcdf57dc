/// What is known of users and items, as tensors: fitted once on training rows, then the same for training and serving.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/core/utf8.hpp>
#include <deeprec/data/vocabulary.hpp>
#include <deeprec/io/json_header.hpp>

DEEPREC_BEGIN

enum class FeatureKind {
    id,        ///< a key, as of a user: one text; a min_count of 2 trains the row of unseen ones
    category,  ///< one of a few values: one text
    hashed,    ///< a text of too many values for a vocabulary: one of `buckets` rows by its hash
    bag,       ///< a set of texts, as genres: for EmbeddingBag with mask_zero
    tokens,    ///< texts in order, as the words of a title: for Embedding with mask_zero
    number     ///< a number, for Dense
};
inline constexpr std::array<std::string_view, 6> feature_kind_names{"id",  "category", "hashed",
                                                                    "bag", "tokens",   "number"};

/// One feature: `{.name = "city", .kind = FeatureKind::hashed, .buckets = 1000}`.
struct Feature {
    std::string name;
    FeatureKind kind = FeatureKind::category;
    Index buckets = 0;    ///< of hashed
    Index length = 0;     ///< of bag and tokens, ids a row; 0 = the most that a training row has
    Index min_count = 0;  ///< values that fewer training rows have share the row of unseen ones; 0 = 1 for ids, else 2
};

/// A text, a number (NaN is missing) or several texts. Nothing and empty texts are missing.
using FeatureValue = std::variant<std::monostate, std::string, double, std::vector<std::string>>;
/// What is known of one user or item, by feature. What is not there is missing.
using FeatureRow = std::map<std::string, FeatureValue, std::less<>>;

/// What layers take, for n rows.
struct FeatureTensors {
    /// By feature: [n, 1], of bag and tokens [n, length] with padding at the end. Id 0 is missing (padding), 1 a value
    /// that training did not have (hashed: none), 2 and up the others.
    std::map<std::string, Tensor<std::int32_t, 2>, std::less<>> ids;
    /// [n, 2 numbers]: of each number feature, in order, (x - mean) / deviation and a flag. A missing number is 0, the
    /// mean, with flag 1; one that is there has flag 0.
    Tensor<float, 2> numbers;
};

/// What the features of one model may ask for, whoever wrote them: a short text can name any number.
struct FeatureLimits {
    Index ids_a_row = Index{1} << 20;  ///< the lengths of all features together: what one row costs in `transform`
    Index buckets = Index{1} << 24;    ///< of one hashed feature: rows of the embedding that is made for it
};

/// The features of a model with what was fitted: vocabularies, means and deviations (of the training rows that have the
/// number, 1 where all are equal but for rounding: a deviation below 256 epsilon |mean|). It cannot be fitted again,
/// and goes into the model's file:
///
///     const auto spec = FeatureSpec::fit({{.name = "user", .kind = FeatureKind::id}, ...}, training_rows);
///     Embedding{spec.rows("user"), 16};                               // on spec.transform(rows).ids.at("user")
///     save(model, path, {{"features", spec.json()}});
///     FeatureSpec::parse(SafetensorsReader(path).metadata().at("features"));
class FeatureSpec {
public:
    /// `rows` is any range of FeatureRow: those that training may see and no others. Throws ArgumentError for features
    /// without meaning or beyond the limits, DataError for a feature that no row has, a value or name that is not UTF-8
    /// (no file could keep it), numbers whose mean or deviation is not finite, and as `transform`.
    template <class Rows>
    static FeatureSpec fit(std::vector<Feature> features, Rows&& rows, const FeatureLimits& limits = {}) {
        FeatureSpec spec;
        std::vector<Counts> counts(features.size());
        for (Feature& feature : features) {
            Fitted fitted;
            fitted.about = std::move(feature);
            spec.add(std::move(fitted), limits);
        }
        for (const FeatureRow& row : rows) {
            spec.check_names(row);
            for (std::size_t f = 0; f < counts.size(); ++f) {
                const Feature& about = spec.features_[f].about;
                counts[f].add(about, value_of(row, about));
            }
        }
        Index ids = 0;
        for (std::size_t f = 0; f < counts.size(); ++f) {
            counts[f].finish(spec.features_[f]);
            spec.check_length(ids, spec.features_[f].about, limits);
        }
        return spec;
    }

    /// Throws DataError for a name that the spec does not have, a value of another kind, a number that is infinite, or
    /// is after scaling.
    template <class Rows>
    FeatureTensors transform(Rows&& rows) const {
        const auto n = static_cast<Index>(std::distance(std::begin(rows), std::end(rows)));
        FeatureTensors tensors;
        Index numbers = 0;
        std::vector<std::int32_t*> ids;
        for (const Fitted& f : features_) {
            numbers += f.about.kind == FeatureKind::number;
            ids.push_back(nullptr);
            if (f.about.kind == FeatureKind::number) continue;
            auto& tensor = tensors.ids[f.about.name];
            tensor.resize(n, f.about.length);
            tensor.setZero();
            ids.back() = tensor.data();
        }
        tensors.numbers.resize(n, 2 * numbers);
        float* number = tensors.numbers.data();
        std::unordered_set<std::int32_t> in_bag;
        for (const FeatureRow& row : rows) {
            check_names(row);
            for (std::size_t i = 0; i < features_.size(); ++i) {
                const Fitted& f = features_[i];
                if (f.about.kind == FeatureKind::number) {
                    const double x = number_of(f.about, value_of(row, f.about));
                    const bool missing = std::isnan(x);
                    *number++ = missing ? 0.0f : f.scaled(x);
                    *number++ = missing ? 1.0f : 0.0f;
                    continue;
                }
                Index at = 0;
                in_bag.clear();
                for_each_text(f.about, value_of(row, f.about), [&](std::string_view text) {
                    if (at == f.about.length) return;
                    const std::int32_t id = f.id(text);
                    if (f.about.kind == FeatureKind::bag && !in_bag.insert(id).second) return;
                    ids[i][at++] = id;
                });
                ids[i] += f.about.length;
            }
        }
        return tensors;
    }

    /// Rows that an embedding of the feature needs. Throws ArgumentError for an unknown name and a number.
    Index rows(std::string_view name) const {
        const std::int32_t place = names_.find(name).value_or(0);
        if (place != 0 && features_[static_cast<std::size_t>(place) - 1].about.kind != FeatureKind::number) {
            const Fitted& f = features_[static_cast<std::size_t>(place) - 1];
            return f.about.kind == FeatureKind::hashed ? f.about.buckets + 1 : Index{f.values.size()} + 2;
        }
        throw ArgumentError(message("FeatureSpec: there is no feature '", name, "' with ids"));
    }

    /// Everything as one text.
    std::string json() const {
        using detail::json_quoted;
        std::string text = "[";
        for (const Fitted& f : features_) {
            text += message(text.size() > 1 ? "," : "", "{\"name\":", json_quoted(f.about.name),
                            ",\"kind\":", json_quoted(kind_name(f.about)));
            if (f.about.kind == FeatureKind::number)
                text += message(",\"mean\":\"", exact(f.mean), "\",\"deviation\":\"", exact(f.deviation), "\"");
            else
                text += message(",\"length\":", f.about.length, ",\"buckets\":", f.about.buckets, ",\"values\":[");
            for (std::int32_t id = 1; id <= f.values.size(); ++id)
                text += message(id > 1 ? "," : "", json_quoted(f.values.key(id)));
            text += f.about.kind == FeatureKind::number ? "}" : "]}";
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
            const bool is_number = f.about.kind == FeatureKind::number;
            const std::span<const std::string_view> expected =
                is_number ? std::span<const std::string_view>(number_parts) : id_parts;
            for (const std::string_view part : expected)
                if (parts.find(part) == parts.end()) in.fail(message("\"", part, "\" of the feature before this"));
            if (parts.size() != expected.size())
                in.fail(message("no other parts of a feature of kind ", kind_name(f.about), " before this"));
            if (f.deviation <= 0 || (!is_number && f.about.length < 1))
                in.fail("a deviation and length above 0 before this");
            if (f.about.kind == FeatureKind::hashed && f.values.size() > 0)
                in.fail("no values of a hashed feature before this");
            try {
                spec.add(std::move(f), limits);
                spec.check_length(ids, spec.features_.back().about, limits);
            } catch (const ArgumentError& error) {
                in.fail(message("another feature before this (", error.what(), ")"));
            }
        });
        in.end();
        return spec;
    }

private:
    struct Fitted {
        Feature about;
        Vocabulary values;
        double mean = 0, deviation = 1;

        std::int32_t id(std::string_view text) const {
            if (about.kind == FeatureKind::hashed) {
                std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
                for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
                return 1 + static_cast<std::int32_t>(mix64(hash) % static_cast<std::uint64_t>(about.buckets));
            }
            return 1 + values.find(text).value_or(0);
        }
        float scaled(double x) const {
            const double scaled = (x - mean) / deviation;
            if (!(std::abs(scaled) <= std::numeric_limits<float>::max()))
                throw DataError(message("FeatureSpec: '", about.name, "' expected a number that is finite after (x - ",
                                        mean, ") / ", deviation, " as a float, received ", x));
            return static_cast<float>(scaled);
        }
    };
    static constexpr std::array<std::string_view, 4> number_parts{"name", "kind", "mean", "deviation"};
    static constexpr std::array<std::string_view, 5> id_parts{"name", "kind", "length", "buckets", "values"};
    static void parse_part(detail::JsonReader& in, const std::string& key, Fitted& f) {
        if (key == "name") {
            f.about.name = in.string();
        } else if (key == "kind") {
            const auto found = std::find(feature_kind_names.begin(), feature_kind_names.end(), in.string());
            if (found == feature_kind_names.end()) in.fail("the kind of a feature before this");
            f.about.kind = static_cast<FeatureKind>(found - feature_kind_names.begin());
        } else if (key == "length" || key == "buckets") {
            const std::int64_t n = in.number();
            if (n > std::numeric_limits<std::int32_t>::max() - 2) in.fail("a number below 2^31 before this");
            (key == "length" ? f.about.length : f.about.buckets) = n;
        } else if (key == "mean" || key == "deviation") {
            const std::string digits = in.string();
            double& x = key == "mean" ? f.mean : f.deviation;
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), x);
            if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(x))
                in.fail("a finite number before this");
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
    /// What the training rows have of one feature.
    struct Counts {
        Vocabulary values;
        std::vector<Index> rows;  // with each value
        Index known = 0, most = 0;
        double mean = 0, squares = 0;

        void add(const Feature& about, const FeatureValue& value) {
            if (about.kind == FeatureKind::number) {
                const double x = number_of(about, value);
                if (std::isnan(x)) return;
                const double before = x - mean;  // Welford
                mean += before / static_cast<double>(++known);
                squares += before * (x - mean);
                return;
            }
            std::vector<std::int32_t> ids;
            Index texts = 0;
            for_each_text(about, value, [&](std::string_view text) {
                ++texts;
                if (about.kind == FeatureKind::hashed) return;
                const std::int32_t before = values.size();
                ids.push_back(values.add(text));
                if (values.size() > before && detail::find_not_utf8(text) != text.npos)
                    fail_kind(about, "texts of UTF-8, received " + detail::shown(text));
            });
            std::sort(ids.begin(), ids.end());
            ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
            rows.resize(static_cast<std::size_t>(values.size()), 0);
            for (const std::int32_t id : ids) ++rows[static_cast<std::size_t>(id) - 1];
            known += texts > 0;
            most = std::max(most, about.kind == FeatureKind::bag ? static_cast<Index>(ids.size()) : texts);
        }
        void finish(Fitted& f) const {
            if (known == 0) throw DataError(message("FeatureSpec: no training row has '", f.about.name, "'"));
            if (f.about.kind == FeatureKind::number) {
                const double deviation = std::sqrt(squares / static_cast<double>(known));
                if (!std::isfinite(mean) || !std::isfinite(deviation))
                    throw DataError(message("FeatureSpec: '", f.about.name,
                                            "' expected numbers with a finite mean and deviation, received ", mean,
                                            " and ", deviation));
                f.mean = mean;
                if (deviation > 256 * std::numeric_limits<double>::epsilon() * std::abs(mean)) f.deviation = deviation;
                return;
            }
            if (f.about.length == 0) f.about.length = most;
            const Index least = f.about.min_count != 0 ? f.about.min_count : f.about.kind == FeatureKind::id ? 1 : 2;
            for (std::int32_t id = 1; id <= values.size(); ++id)
                if (rows[static_cast<std::size_t>(id) - 1] >= least) f.values.add(values.key(id));
        }
    };

    static std::string_view kind_name(const Feature& f) { return feature_kind_names[static_cast<std::size_t>(f.kind)]; }
    static std::string exact(double x) {
        char digits[32];
        return {digits, std::to_chars(digits, digits + sizeof digits, x).ptr};
    }
    void add(Fitted f, const FeatureLimits& limits) {
        const Feature& about = f.about;
        const bool many = about.kind == FeatureKind::bag || about.kind == FeatureKind::tokens;
        if (about.name.empty()) throw ArgumentError("FeatureSpec: expected a name, received an empty one");
        if (detail::find_not_utf8(about.name) != about.name.npos)
            throw ArgumentError(message("FeatureSpec: expected a name of UTF-8, received ", detail::shown(about.name)));
        if (about.buckets > limits.buckets)
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' expected at most ", limits.buckets,
                                        " buckets (FeatureLimits::buckets), received ", about.buckets));
        if ((about.buckets > 0) != (about.kind == FeatureKind::hashed) || about.buckets < 0 || about.length < 0 ||
            (about.length > 1 && !many) || about.min_count < 0)
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' of kind ", kind_name(about),
                                        ": expected positive buckets if hashed, a length if bag or tokens, min_count "
                                        ">= 0, received ",
                                        about.buckets, ", ", about.length, " and ", about.min_count));
        if (names_.find(about.name))
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' is there twice"));
        names_.add(about.name);
        features_.push_back(std::move(f));
        if (!many) features_.back().about.length = 1;
    }
    /// Adds the length of one feature to those of others.
    static void check_length(Index& ids, const Feature& about, const FeatureLimits& limits) {
        if (about.kind == FeatureKind::number) return;
        if (about.length > limits.ids_a_row - ids)
            throw ArgumentError(message("FeatureSpec: feature '", about.name, "' expected lengths up to ",
                                        limits.ids_a_row, " in all (FeatureLimits::ids_a_row), received ", about.length,
                                        " beside ", ids));
        ids += about.length;
    }
    void check_names(const FeatureRow& row) const {
        for (const auto& part : row) {
            if (!names_.find(part.first))
                throw DataError(message("FeatureSpec: a row has '", part.first, "', which is no feature of the spec"));
        }
    }
    static const FeatureValue& value_of(const FeatureRow& row, const Feature& about) {
        static const FeatureValue missing;
        const auto found = row.find(about.name);
        return found == row.end() ? missing : found->second;
    }
    [[noreturn]] static void fail_kind(const Feature& about, const std::string& expected) {
        throw DataError(message("FeatureSpec: '", about.name, "' of kind ", kind_name(about), " expected ", expected));
    }
    /// NaN is missing.
    static double number_of(const Feature& about, const FeatureValue& value) {
        if (std::holds_alternative<std::monostate>(value)) return std::nan("");
        const double* x = std::get_if<double>(&value);
        if (!x || std::isinf(*x))
            fail_kind(about, x ? "a finite number, received an infinite one" : "a number, received text");
        return *x;
    }
    template <class F>
    static void for_each_text(const Feature& about, const FeatureValue& value, F&& f) {
        const bool many = about.kind == FeatureKind::bag || about.kind == FeatureKind::tokens;
        const auto* texts = std::get_if<std::vector<std::string>>(&value);
        const auto* text = std::get_if<std::string>(&value);
        if (std::holds_alternative<std::monostate>(value)) return;
        if (many && !texts) fail_kind(about, "several texts, received one value");
        if (!many && !text) fail_kind(about, "one text, received another value");
        if (text && !text->empty()) f(*text);
        if (texts)
            for (const std::string& each : *texts)
                if (!each.empty()) f(each);
    }

    Vocabulary names_;  // of the features, in order
    std::vector<Fitted> features_;
};

DEEPREC_END
