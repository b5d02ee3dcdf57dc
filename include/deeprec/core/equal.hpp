/// Floating-point numbers that are meant to be compared exactly.
#pragma once

#include <functional>
#include <type_traits>

#include <deeprec/version.hpp>

DEEPREC_BEGIN
namespace detail {

/// a == b, said so that -Wfloat-equal of a user's build believes it: options that are exactly 0, scores that tie,
/// weights that sum to nothing. NaN equals nothing.
template <class T>
constexpr bool equal(T a, std::type_identity_t<T> b) {
    return std::equal_to<T>{}(a, b);
}

}  // namespace detail
DEEPREC_END
