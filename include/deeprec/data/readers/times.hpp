/// Times as files write them, as whole seconds since 1970.
#pragma once

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/data/readers/fields.hpp>
#include <deeprec/data/time_unit.hpp>

DEEPREC_BEGIN

namespace detail {

/// Whole seconds, fractions rounded down; nothing for what is no such time.
inline std::optional<std::int64_t> parse_iso8601(std::string_view text) {
    if (text.size() < 10 || text[4] != '-') return std::nullopt;  // most are numbers
    const auto digits = [&](std::size_t count) {
        int value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
            value = 10 * value + (text[i] - '0');
        }
        text.remove_prefix(count);
        return value;
    };
    const auto take = [&](std::string_view any_of) {
        if (text.empty() || any_of.find(text[0]) == any_of.npos) return '\0';
        const char c = text[0];
        text.remove_prefix(1);
        return c;
    };
    const int year = digits(4);
    if (year < 0 || !take("-")) return std::nullopt;
    const int month = digits(2);
    if (month < 0 || !take("-")) return std::nullopt;
    const int day = digits(2);
    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (day < 0 || !date.ok()) return std::nullopt;
    std::int64_t seconds = std::int64_t{86400} * std::chrono::sys_days{date}.time_since_epoch().count();
    if (text.empty()) return seconds;
    if (!take("T ")) return std::nullopt;
    const int hour = digits(2);
    if (hour < 0 || hour > 23 || !take(":")) return std::nullopt;
    const int minute = digits(2);
    if (minute < 0 || minute > 59) return std::nullopt;
    int second = 0;
    if (take(":")) {
        second = digits(2);
        if (second < 0 || second > 60) return std::nullopt;  // 60 is a leap second
        if (take(".,")) {
            if (digits(1) < 0) return std::nullopt;
            while (digits(1) >= 0) continue;
        }
    }
    seconds += 3600 * hour + 60 * minute + second;
    if (text.size() > 1) take(" ");  // 2009-05-04 23:08:57 UTC, as BigQuery and Ruby write it
    if (text == "UTC") return seconds;
    if (const char sign = take("+-")) {
        const int hours = digits(2);
        take(":");
        const int minutes = text.empty() ? 0 : digits(2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
        seconds += (sign == '+' ? -1 : 1) * (3600 * hours + 60 * minutes);
    } else {
        take("Zz");
    }
    return text.empty() ? std::optional(seconds) : std::nullopt;
}

/// Reads the times of one column, and judges at the end whether they are dates in the unit that was said.
class TimeColumn {
public:
    explicit TimeColumn(TimeUnit unit = TimeUnit::seconds, char decimal = '.') : unit_(unit), decimal_(decimal) {}

    /// Throws FormatError for what is no time in the unit.
    std::int64_t operator()(const FieldReader& in, const Field& field) {
        if (first_.empty()) first_ = in.place(field);
        if (unit_ == TimeUnit::guessed) guess(in, field);
        if (unit_ == TimeUnit::iso8601) {
            if (const auto seconds = parse_iso8601(field.text)) return *seconds;
            in.fail(field, "expected a time such as 2009-05-04T23:08:57Z, received ", shown(field.text));
        }
        if (unit_ != TimeUnit::relative && parse_iso8601(field.text))
            in.fail(field, "expected a number, received ", shown(field.text),
                    "; such times are read with time_unit = TimeUnit::iso8601");
        const NumericUnit& unit = numeric();
        if (unit.a_second == 1) return in.seconds(field, decimal_);
        std::int64_t exact = 0;  // a double does not have all nanoseconds
        const char* const last = field.text.data() + field.text.size();
        if (const auto [end, error] = std::from_chars(field.text.data(), last, exact);
            error == std::errc() && end == last)
            return floor_divided(exact, unit.a_second);
        const double number = in.number<double>(field, decimal_);
        if (std::abs(number) > 9e18) in.fail(field, "expected ", unit.name, " below 9e18, received ", number);
        return static_cast<std::int64_t>(std::floor(number / static_cast<double>(unit.a_second)));
    }

    /// As check_years, of what was read.
    void check(const std::vector<std::int64_t>& seconds) const {
        if (unit_ != TimeUnit::relative)
            check_years(seconds, first_, unit_ == TimeUnit::iso8601 ? nullptr : &numeric(), true);
    }

    /// In words, for reports.
    const char* unit() const {
        return unit_ == TimeUnit::iso8601 ? "ISO 8601" : unit_ == TimeUnit::relative ? "numbers" : numeric().name;
    }

private:
    const NumericUnit& numeric() const {
        for (const NumericUnit& unit : numeric_units)
            if (unit.unit == unit_) return unit;
        return numeric_units[0];
    }
    void guess(const FieldReader& in, const Field& field) {
        if (parse_iso8601(field.text)) {
            unit_ = TimeUnit::iso8601;
            return;
        }
        double number = 0;
        try {
            number = in.number<double>(field, decimal_);
        } catch (const FormatError&) {
            in.fail(field, "expected a time as a number or such as 2009-05-04T23:08:57Z, received ", shown(field.text));
        }
        const auto found = unit_of(number);
        if (!found)
            in.fail(field, "expected a time that is in the years 1990 to 2100 as seconds, milliseconds, microseconds, ",
                    "nanoseconds or ISO 8601, received ", shown(field.text),
                    "; times that are no dates are read with time_unit = TimeUnit::relative");
        unit_ = found->unit;
    }

    TimeUnit unit_;
    char decimal_;
    std::string first_;  // place of the first time
};
}  // namespace detail

DEEPREC_END
