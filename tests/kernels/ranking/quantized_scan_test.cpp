#include "kernels/data.hpp"

#include <limits>
#include <vector>

#include <deeprec/core/inputs.hpp>
#include <deeprec/kernels/ranking/top_k_scan.hpp>
#include <deeprec/kernels/reference.hpp>
#include <deeprec/kernels/reference/ranking/quantized_scan.hpp>

#include "support/allocations.hpp"

using namespace deeprec;
using namespace deeprec::test;

namespace {

constexpr Index step = kernels::lanes<float>;

/// Rows of codes, at odd addresses.
struct Codes {
    Codes(const float* items, Index ld, Index count, Index width)
        : codes(static_cast<std::size_t>(kernels::quantized_size(count, width)) + 1),
          scales(static_cast<std::size_t>(count + step)),
          errors(scales.size()) {
        kernels::quantize_rows(items, ld, 0, count, {codes.data() + 1, scales.data() + 1, errors.data() + 1, width});
        rows = {codes.data() + 1, scales.data() + 1, errors.data() + 1, width};
    }
    std::vector<std::int8_t> codes;
    std::vector<float> scales, errors;
    kernels::QuantizedRows rows{};
};
struct QueryCodes {
    QueryCodes(const float* query, Index width)
        : codes(static_cast<std::size_t>(width + 2)),
          quantized(kernels::quantize_query(query, width, codes.data() + 1)) {}
    std::vector<std::int16_t> codes;
    kernels::QuantizedQuery quantized;
};

}  // namespace

TEST_CASE("Codes are near the rows, and the error is not less than the distance", "[kernels][quantized_scan]") {
    for (const Index width : {1, 2, 7, 64, 129}) {
        const Index count = 2 * step + 3;
        Operand<float> items(count * (width + 2), 1);
        for (Index i = 0; i < count; ++i)
            for (Index k = 0; k < width; ++k) items[i * (width + 2) + k] *= std::ldexp(1.0f, static_cast<int>(i) - 9);
        std::fill_n(items.data() + width + 2, width, 0.0f);
        const Codes codes(items.data(), width + 2, count, width);
        for (Index i = 0; i < count; ++i) {
            const float* x = items.data() + i * (width + 2);
            double square = 0, distance = 0, most = 0;
            for (Index k = 0; k < width; ++k) {
                const double v = static_cast<double>(x[k]), c = kernels::reference::code(codes.rows, i, k);
                distance += std::pow(v - c * static_cast<double>(codes.rows.scales[i]), 2);
                square += v * v;
                most = std::max(most, std::abs(v));
            }
            CAPTURE(width, i);
            const double error = static_cast<double>(codes.rows.errors[i]);
            CHECK(error >= std::sqrt(distance));
            CHECK(error <=
                  1.001 * most / 254 * std::sqrt(static_cast<double>(width)) + 2e-5 * std::sqrt(square) + 2e-38);
        }
    }
}

TEST_CASE("scan_quantized offers the rows whose bound exceeds the threshold", "[kernels][quantized_scan]") {
    for (const Index width :
         {Index{1}, Index{2}, Index{3}, Index{4}, Index{5}, Index{6}, Index{63}, Index{64}, Index{130}})
        for (const Index count : {Index{1}, step - 1, step, step + 1, 3 * step + 2}) {
            const Operand<float> items(count * width, 1), query(width, 2);
            const Codes codes(items.data(), width, count, width);
            const QueryCodes q(query.data(), width);
            Index outside = 0;
            for (Index i = 0; i < count; ++i) {
                const double bound = kernels::reference::quantized_bound(q.quantized, codes.rows, i);
                const double near = 1e-5 * static_cast<double>(width);
                const auto ends = [&](double threshold) {
                    Pair<Index, Index> range{-1, -1};
                    kernels::scan_quantized(q.quantized, codes.rows, i / step * step, count,
                                            static_cast<float>(threshold), [&](Index first, Index last) {
                                                if (first / step == i / step) range = {first, last};
                                                return std::numeric_limits<float>::infinity();
                                            });
                    return range;
                };
                const auto in = ends(bound - near), out = ends(bound + near);
                outside += !(in.user <= i && i < in.item) || out.user == i || out.item == i + 1;
                // the bound that was found is one
                const double score = kernels::reference::dot(query.data(), items.data() + i * width, width);
                outside += !(score <= bound + near * 1e-2);
            }
            CAPTURE(width, count);
            CHECK(outside == 0);
        }
}

TEST_CASE("scan_quantized goes through the blocks in order, with a rising threshold, and allocates nothing",
          "[kernels][quantized_scan]") {
    const Index width = 9, count = 5 * step + 1;
    const Operand<float> items(count * width, 1), query(width, 2);
    const Codes codes(items.data(), width, count, width);
    const QueryCodes q(query.data(), width);
    Index next = step, offers = 0;
    const auto all = [&](Index first, Index last) {
        CHECK(first == next);
        CHECK(last == std::min(first + step, count));
        next = last;
        return -std::numeric_limits<float>::infinity();
    };
    CHECK(support::allocations_in([&] {
              kernels::scan_quantized(q.quantized, codes.rows, step, count, -std::numeric_limits<float>::infinity(),
                                      [&](Index, Index) {
                                          ++offers;
                                          return std::numeric_limits<float>::infinity();
                                      });
          }) == 0);
    CHECK(offers == 1);
    kernels::scan_quantized(q.quantized, codes.rows, step, count, -std::numeric_limits<float>::infinity(), all);
    CHECK(next == count);
}

TEST_CASE("Sums of the largest codes do not overflow", "[kernels][quantized_scan]") {
    for (const Index width : {512, 517, 1024, 70000}) {
        Operand<float> items(width, 1), query(width, 2);
        for (const float sign : {-1.0f, 1.0f}) {
            for (Index k = 0; k < width; ++k) query[k] = 3, items[k] = sign * 2;
            const Codes codes(items.data(), width, 1, width);
            const QueryCodes q(query.data(), width);
            const float score = 6 * sign * static_cast<float>(width), near = 0.01f * static_cast<float>(width);
            const auto offered = [&](float threshold) {
                bool any = false;
                kernels::scan_quantized(q.quantized, codes.rows, 0, 1, threshold, [&](Index, Index) {
                    any = true;
                    return threshold;
                });
                return any;
            };
            CAPTURE(width, sign);
            CHECK(offered(score - near));
            CHECK(!offered(score + (width < 2000 ? near : 10 * near)));
        }
    }
}

TEST_CASE("Rows and queries without a bound are known", "[kernels][quantized_scan]") {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    for (const float bad : {nan, infinity, -infinity, 1e30f}) {
        const std::vector<float> row{1, bad, 0};
        const Codes codes(row.data(), 3, 1, 3);
        CHECK(codes.rows.errors[0] == infinity);
        CHECK(!kernels::can_quantize_query(row.data(), 3));
    }
    for (const float good : {0.0f, 1e18f, 1e-40f, -5.0f}) {
        const std::vector<float> row{1, good, 0}, alone{good};
        CHECK(Codes(row.data(), 3, 1, 3).rows.errors[0] < infinity);
        CHECK(kernels::can_quantize_query(row.data(), 3));
        CHECK(kernels::can_quantize_query(alone.data(), 1) == (std::abs(good) >= 1));
    }
    CHECK(!kernels::can_quantize_query(nullptr, 0));
}
