/// The element types of safetensors files, and numbers of other types as float or double.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// Whether numbers may be read as others than they were stored.
enum class Convert {
    no,
    yes,  ///< F16, BF16, F32 and F64 as float or double: rounded to the nearest where there are fewer bits
};

namespace detail {
/// The name of T in the format; empty for a type that is neither read nor written.
template <class T>
inline constexpr std::string_view dtype_of = std::is_same_v<T, float>          ? "F32"
                                             : std::is_same_v<T, double>       ? "F64"
                                             : std::is_same_v<T, std::int32_t> ? "I32"
                                             : std::is_same_v<T, std::int64_t> ? "I64"
                                             : std::is_same_v<T, std::uint8_t> ? "U8"
                                                                               : "";
/// Bits of an element; 0 for a type that is not known here.
inline std::uint64_t dtype_bits(std::string_view dtype) {
    constexpr std::pair<std::string_view, std::uint64_t> sizes[] = {
        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"BOOL", 8},        {"U8", 8},          {"I8", 8},
        {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"I16", 16},
        {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
        {"I64", 64},    {"U64", 64},    {"F64", 64},    {"C64", 64}};
    for (const auto& [name, bits] : sizes)
        if (name == dtype) return bits;
    return 0;
}

/// Bytes that hold an element; 1 for a type that is not known here.
inline std::int64_t dtype_size(std::string_view dtype) {
    return std::max<std::int64_t>(1, (static_cast<std::int64_t>(dtype_bits(dtype)) + 7) / 8);
}

/// IEEE 754's binary16 and the upper half of a float, without rounding.
inline float from_f16(std::uint16_t half) {
    const std::uint32_t exponent = (half >> 10) & 31u, fraction = half & 0x3ffu, sign = (half & 0x8000u) << 16;
    if (exponent == 0) return std::copysign(std::ldexp(static_cast<float>(fraction), -24), sign ? -1.0f : 1.0f);
    return std::bit_cast<float>(sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13);
}
inline float from_bf16(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

/// f(a number of the stored type, its value as a float or double) for the floating types; false for another.
template <class F>
bool with_float_dtype(std::string_view dtype, F&& f) {
    if (dtype == "F16")
        f(std::uint16_t{}, from_f16);
    else if (dtype == "BF16")
        f(std::uint16_t{}, from_bf16);
    else if (dtype == "F32")
        f(float{}, [](float x) { return x; });
    else if (dtype == "F64")
        f(double{}, [](double x) { return x; });
    else
        return false;
    return true;
}
}  // namespace detail

DEEPREC_END
