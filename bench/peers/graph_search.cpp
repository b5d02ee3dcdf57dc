// From how many items on an approximate index pays: the exact top 10 of QuantizedItems beside a graph of hnswlib, one
// thread. Arguments: numbers of items. Vectors of length one in clusters, as items' vectors have them: 64 numbers, a
// cluster for a hundred items.
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/ranking/quantized_items.hpp>

using namespace deeprec;

namespace {
constexpr Index width = 64, best = 10, queries = 200;

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
/// `count` vectors, each near the centre of a cluster that `random` draws.
std::vector<float> vectors(Index count, Index clusters, std::uint64_t stream) {
    const RandomStream centres(Seed{1}), random(Seed{stream});
    std::vector<float> x(static_cast<std::size_t>(count * width));
    for (Index i = 0; i < count; ++i) {
        float* const row = x.data() + i * width;
        const auto cluster = random.below(static_cast<std::uint64_t>(2 * i), static_cast<std::uint64_t>(clusters));
        const RandomStream noise(derive(Seed{stream}, static_cast<std::uint64_t>(i)));
        double square = 0;
        for (Index j = 0; j < width; ++j) {
            const double v = centres.normal(cluster * width + static_cast<std::uint64_t>(j)) +
                             0.7 * noise.normal(static_cast<std::uint64_t>(j));
            row[j] = static_cast<float>(v);
            square += v * v;
        }
        for (Index j = 0; j < width; ++j) row[j] /= static_cast<float>(std::sqrt(square));
    }
    return x;
}
template <class F>
double milliseconds_of_each(const F& search) {
    double least = 1e30;
    for (int round = 0; round < 3; ++round) {
        const double start = seconds();
        for (Index q = 0; q < queries; ++q) search(q);
        least = std::min(least, (seconds() - start) * 1e3 / queries);
    }
    return least;
}

void compare(Index items) {
    const Index clusters = std::max<Index>(items / 100, 1);
    const std::vector<float> x = vectors(items, clusters, 2), asked = vectors(queries, clusters, 3);
    const auto query = [&](Index q) { return asked.data() + q * width; };
    double start = seconds();
    const QuantizedItems exact{x.data(), items, width};
    const double pack = seconds() - start;
    std::vector<std::vector<Hit<float>>> truth;
    for (Index q = 0; q < queries; ++q) truth.push_back(exact.top_k(query(q), best));
    std::printf("| %ld | exact, int8 | 1 | %.3f | %.1f |\n", static_cast<long>(items),
                milliseconds_of_each([&](Index q) { exact.top_k(query(q), best); }), pack);

    hnswlib::InnerProductSpace space(width);
    hnswlib::HierarchicalNSW<float> graph(&space, static_cast<std::size_t>(items), 16, 100);
    start = seconds();
    for (Index i = 0; i < items; ++i) graph.addPoint(x.data() + i * width, static_cast<std::size_t>(i));
    const double build = seconds() - start;
    for (const std::size_t ef : {10, 30, 100, 300}) {
        graph.setEf(ef);
        Index found = 0;
        for (Index q = 0; q < queries; ++q)
            for (auto hits = graph.searchKnn(query(q), best); !hits.empty(); hits.pop())
                for (const Hit<float>& hit : truth[static_cast<std::size_t>(q)])
                    found += hit.item == static_cast<std::int32_t>(hits.top().second);
        std::printf("| %ld | graph, ef %zu | %.3f | %.3f | %.1f |\n", static_cast<long>(items), ef,
                    static_cast<double>(found) / (best * queries),
                    milliseconds_of_each([&](Index q) { graph.searchKnn(query(q), best); }), build);
        std::fflush(stdout);
    }
}
}  // namespace

int main(int argc, char** argv) {
    std::printf("| items | search | recall | ms a request | s to build |\n|---|---|---|---|---|\n");
    for (int i = 1; i < argc; ++i) compare(std::atol(argv[i]));
}
