/// The fields of a row and the numbers in them, with the place in every complaint.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <deeprec/core/errors.hpp>
#include <deeprec/core/shown.hpp>

DEEPREC_BEGIN

/// One field of a line.
struct Field {
    std::string_view text;   ///< valid until the reader's next line
    std::size_t offset = 0;  ///< where it starts in the line, in bytes
    bool quoted = false;     ///< it stood in double quotes
};

namespace detail {
/// A row on one line with another number of fields than the others.
class RowError : public FormatError {
public:
    using FormatError::FormatError;
};
}  // namespace detail

/// What is common to all that reads rows of fields.
class FieldReader {
public:
    /// Where a field of the current row is.
    virtual std::string place(const Field& field) const = 0;

    /// The number that a field is; a plus before it is one of it. Throws FormatError unless all of it is one number,
    /// finite and in the range of T; a double that is too small for a float is rounded as any other.
    template <class T>
    T number(const Field& field, char decimal = '.') const {
        constexpr const char* kind = std::is_integral_v<T> ? "a whole number" : "a number";
        std::array<char, 64> copy{};
        std::string_view text = field.text;
        if (decimal != '.' && text.size() <= copy.size()) {  // 1.234,5 has too many points for the one below
            std::transform(text.begin(), text.end(), copy.begin(), [&](char c) {
                return c == decimal ? '.' : c == '.' ? ' ' : c;
            });
            text = {copy.data(), text.size()};
        }
        if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
        T value{};
        const char* const last = text.data() + text.size();
        const auto [end, error] = std::from_chars(text.data(), last, value);
        bool good = error == std::errc() && end == last;
        if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
        if constexpr (std::is_same_v<T, float>) {  // 1e-60 is 0 as a float, and not out of range
            double wide = 1;
            if (error == std::errc::result_out_of_range && end == last) std::from_chars(text.data(), last, wide);
            if (std::abs(wide) < 1) value = static_cast<float>(wide), good = true;
        }
        if (!good)
            fail(field, "expected ", kind, error == std::errc::result_out_of_range ? " in range" : "", ", received ",
                 detail::shown(field.text), hint(field.text, std::is_floating_point_v<T> && decimal == '.'));
        return value;
    }

    /// The whole second that a time falls in: rounded down, before 1970 too. Throws as `number`, and beyond 9e15.
    std::int64_t seconds(const Field& field, char decimal = '.') const {
        const double time = number<double>(field, decimal);
        if (std::abs(time) > 9e15) fail(field, "expected seconds below 9e15, received ", time);
        return static_cast<std::int64_t>(std::floor(time));
    }

    /// Throws `E` with the place, ": " and the parts.
    template <class E = FormatError, class... Parts>
    [[noreturn]] void fail(const Field& field, const Parts&... parts) const {
        throw E(message(place(field), ": ", parts...));
    }

protected:
    FieldReader() = default;
    ~FieldReader() = default;
    static bool is_blank(char c) { return c == ' ' || c == '\t'; }

private:
    static const char* hint(std::string_view text, bool fraction) {
        if (!text.empty() && (is_blank(text.front()) || is_blank(text.back())))
            return "; blanks around fields go with trim = true";
        const bool decimal = fraction && std::count(text.begin(), text.end(), ',') == 1 && text.size() > 2 &&
                             text.find_first_not_of("+-0123456789,") == std::string_view::npos;
        return decimal ? "; numbers such as 4,5 are read with decimal = ','" : "";
    }
};

DEEPREC_END
