/// What times are counted in, and whether they can be meant.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// What the times of a file are. Numbers count from the beginning of 1970 in UTC.
enum class TimeUnit {
    seconds,
    milliseconds,
    microseconds,
    nanoseconds,
    iso8601,   ///< 2009-05-04T23:08:57Z; a blank for the T, fractions, +02:00, UTC or no zone (UTC), no time (midnight)
    guessed,   ///< that of these which puts the first time into the years 1990 to 2100
    relative,  ///< seconds from any beginning, and so no dates
};

namespace detail {

struct NumericUnit {
    TimeUnit unit;
    const char* name;
    std::int64_t a_second;
};
inline constexpr std::array<NumericUnit, 4> numeric_units{{{TimeUnit::seconds, "seconds", 1},
                                                           {TimeUnit::milliseconds, "milliseconds", 1'000},
                                                           {TimeUnit::microseconds, "microseconds", 1'000'000},
                                                           {TimeUnit::nanoseconds, "nanoseconds", 1'000'000'000}}};
inline constexpr std::int64_t year_1990 = 631'152'000, year_2101 = 4'133'980'800;

inline std::int64_t floor_divided(std::int64_t x, std::int64_t by) { return x / by - (x % by < 0); }

/// The unit in which a number is a time from 1990 to 2100, if there is one; the ranges do not overlap.
inline std::optional<NumericUnit> unit_of(double number) {
    for (const NumericUnit& unit : numeric_units) {
        const double seconds = number / static_cast<double>(unit.a_second);
        if (seconds >= static_cast<double>(year_1990) && seconds < static_cast<double>(year_2101)) return unit;
    }
    return std::nullopt;
}
inline std::int64_t year_of(std::int64_t seconds) {  // by the mean length of a year, for messages
    return 1970 + floor_divided(seconds, 31'556'952);
}

/// Throws DataError unless the median is a time from 1990 to 2100 (where `earlier`: or before that), and for a time
/// that is in those years in another unit than most. `unit`: in which the numbers were taken, null for texts.
inline void check_years(const std::vector<std::int64_t>& seconds, const std::string& place, const NumericUnit* unit,
                        bool earlier) {
    const auto most_are = [&](auto&& wrong) {
        return 2 * static_cast<std::size_t>(std::count_if(seconds.begin(), seconds.end(), wrong)) > seconds.size();
    };
    // Small numbers, within three hours of 1970, are an order and no dates: toy data.
    if (!(earlier && most_are([](std::int64_t t) { return t < year_1990 && (t > 10'000 || t < -10'000); })) &&
        !most_are([](std::int64_t t) { return t >= year_2101; })) {
        for (std::size_t i = 0; unit && i < seconds.size(); ++i) {
            if (seconds[i] >= year_1990 && seconds[i] < year_2101) continue;
            if (const auto other = unit_of(static_cast<double>(seconds[i]) * static_cast<double>(unit->a_second)))
                throw DataError(message(place, ": expected all times as ", unit->name, ", received time ", i + 1,
                                        ", which is in the years 1990 to 2100 as ", other->name));
        }
        return;
    }
    std::vector<std::int64_t> sorted = seconds;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    const auto better =
        unit ? unit_of(static_cast<double>(*middle) * static_cast<double>(unit->a_second)) : std::nullopt;
    throw DataError(message(place, ": expected times whose median is in the years 1990 to 2100, received a median in ",
                            year_of(*middle), unit ? message(" as ", unit->name) : "",
                            better ? message("; they are ", better->name, ": time_unit = TimeUnit::", better->name)
                                   : "; times that are no dates are read with time_unit = TimeUnit::relative",
                            " (read_events, read_interactions_csv, read_recbole)"));
}
}  // namespace detail

DEEPREC_END
