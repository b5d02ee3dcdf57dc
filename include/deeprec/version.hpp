/// Version and the inline namespace that every public name lives in.
#pragma once

#define DEEPREC_VERSION_MAJOR 0
#define DEEPREC_VERSION_MINOR 1
#define DEEPREC_VERSION_PATCH 0
#define DEEPREC_VERSION "0.1.0"

// -ffast-math lets compilers drop the NaN and rounding steps that the exponentials rely on; with clang and SSE2 the
// results are wrong without a warning. Define DEEPREC_ALLOW_FAST_MATH to take that risk.
#if defined(__FAST_MATH__) && !defined(DEEPREC_ALLOW_FAST_MATH)
#error "deeprec: -ffast-math breaks the numerics of the kernels; remove it or define DEEPREC_ALLOW_FAST_MATH"
#endif

// A missing file ends the compilation here, in one sentence; after #error each `throw` would be an error too.
#if defined(__GNUC__) && !defined(__cpp_exceptions)
#include <deeprec: its errors are exceptions, please compile without -fno-exceptions>
#endif

// Macros of some system's headers; libstdc++'s own headers end them in the same way.
#undef min
#undef max

// The architecture is part of every mangled name, so that two files built with different -m flags fail to link
// instead of sharing one inline function compiled for the wrong one. Build a whole program with one set of flags.
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
#define DEEPREC_ABI v0_avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define DEEPREC_ABI v0_avx2
#elif defined(__aarch64__)
#define DEEPREC_ABI v0_neon64
#else
#define DEEPREC_ABI v0_base
#endif

#define DEEPREC_BEGIN                                                                                                  \
    namespace deeprec {                                                                                                \
    inline namespace DEEPREC_ABI {
#define DEEPREC_END                                                                                                    \
    }                                                                                                                  \
    }

// Stays a call: what is written down, counted or complained about is not worth a copy in every program.
#if defined(__GNUC__)
#define DEEPREC_NOINLINE __attribute__((noinline))
#else
#define DEEPREC_NOINLINE
#endif

// Functions without template parameters are inline where headers are all there is. Programs that link deeprec::compiled
// see declarations alone of the larger ones, and src/compiled.cpp makes them: bodies stand in #if DEEPREC_BODIES.
//
// Compilers make all that an inline function calls, down to std::sort, in every program that includes its header, used
// or not; of a template they make what is called. So functions that few programs call are templates without a
// parameter that matters: `DEEPREC_LAZY void f() {...}`. Of those that deeprec::compiled has, DEEPREC_LAZY_DECLARED
// stands before the declaration and DEEPREC_LAZY_FUNCTION before the body.
#define DEEPREC_LAZY template <class = void>
#if defined(DEEPREC_COMPILED_HERE)
#define DEEPREC_BODIES 1
#define DEEPREC_FUNCTION
#define DEEPREC_LAZY_DECLARED
#define DEEPREC_LAZY_FUNCTION
#elif defined(DEEPREC_COMPILED)
#define DEEPREC_BODIES 0
#define DEEPREC_FUNCTION
#define DEEPREC_LAZY_DECLARED
#define DEEPREC_LAZY_FUNCTION
#else
#define DEEPREC_BODIES 1
#define DEEPREC_FUNCTION inline
#define DEEPREC_LAZY_DECLARED DEEPREC_LAZY
#define DEEPREC_LAZY_FUNCTION template <class>
#endif

DEEPREC_BEGIN
/// "major.minor.patch" of the headers in use.
inline constexpr const char* version = DEEPREC_VERSION;
DEEPREC_END
