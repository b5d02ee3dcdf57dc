#include <deeprec/layers/dot.hpp>

#include "support/layer_battery.hpp"

using namespace deeprec;

namespace {

/// A pair head as a layer on [u; v], so that the battery can take it.
template <class Head>
struct OnHalves : LayerInterface<OnHalves<Head>, double> {
    using Scalar = double;
    using Gradients = NoParameters;
    struct Cache {
        typename Head::Cache head;
        Buffer<double> u, v, dx;
    };
    static constexpr Reads reads = Reads::features;
    Head head;

    OnHalves() = default;
    explicit OnHalves(Head h) : head(h) {}
    static constexpr std::string_view name() { return Head::name(); }
    template <class, int>
    static constexpr int output_rank() {
        return 2;
    }
    Shape size(const Shape& in) { return head.size({in[0] / 2}, {in[0] / 2}); }
    void fields(Fields<double>& f, NoParameters& none) { head.fields(f, none); }
    void parameters_changed() {}
    Block<const double> apply(const Block<const double>& x, Cache& cache, const Pass& pass) const {
        const Index rows = x.batch(), width = x.last() / 2;
        double *u = cache.u.need(rows * width), *v = cache.v.need(rows * width);
        for (Index r = 0; r < rows; ++r) {
            std::copy_n(x.data + r * 2 * width, width, u + r * width);
            std::copy_n(x.data + (r * 2 + 1) * width, width, v + r * width);
        }
        const View<const double, 2> uu{u, {rows, width}}, vv{v, {rows, width}};
        return Block(head.forward(uu, vv, 1, cache.head, pass));
    }
    Block<const double> apply_backward(const Block<const double>& dy, Cache& cache, NoParameters& none, bool) const {
        const auto d = head.backward(dy.template as<2>(), cache.head, none);
        const Index rows = d.user.extent(0), width = d.user.last();
        double* dx = cache.dx.need(rows * 2 * width);
        for (Index r = 0; r < rows; ++r) {
            std::copy_n(d.user.data() + r * width, width, dx + r * 2 * width);
            std::copy_n(d.item.data() + r * width, width, dx + (r * 2 + 1) * width);
        }
        return {dx, {rows, 2 * width}};
    }
};

template <class T, int Rank>
Tensor<T, Rank> random_tensor(const std::array<Index, Rank>& extents, std::uint64_t seed) {
    Tensor<T, Rank> x(extents);
    battery::Random(seed).fill(x.data(), x.size());
    return x;
}

}  // namespace

TEST_CASE("Dot passes the battery", "[dot][threads]") {
    battery::check<2>([](battery::Random& random) {
        return battery::Subject{OnHalves<BasicDot<double>>{BasicDot<double>{.normalize = random.coin()}},
                                {2 * random.between(1, 19)}};
    });
}

TEST_CASE("Cosine passes the battery", "[dot][threads]") {
    battery::check<2>([](battery::Random& random) {
        return battery::Subject{
            OnHalves<BasicCosine<double>>{BasicCosine<double>{.temperature = random.uniform(0.05, 2)}},
            {2 * random.between(1, 19)}};
    });
}

TEST_CASE("Dot and Cosine read like the article", "[dot]") {
    static_assert(std::is_same_v<decltype(Dot{}), BasicDot<float>>);
    static_assert(std::is_same_v<decltype(Dot{.normalize = true}), BasicDot<float>>);
    static_assert(std::is_same_v<decltype(Cosine{.temperature = 0.05f}), BasicCosine<float>>);
    const auto u = random_tensor<float, 2>({3, 5}, 1), v = random_tensor<float, 2>({3, 5}, 2);
    Dot::Cache a;
    Cosine::Cache b;
    const auto cosine = Dot{.normalize = true}.forward(u, v, 1, a);
    const auto score = Cosine{.temperature = 0.05f}.forward(u, v, 1, b);
    for (Index r = 0; r < 3; ++r) {
        CHECK(std::abs(cosine(r, 0)) <= 1);
        CHECK(std::abs(score(r, 0) - 20 * cosine(r, 0)) < 1e-5f);
    }
}

TEST_CASE("Dot: users of a block meet the candidates of the block", "[dot]") {
    constexpr Index users = 6, block = 3, candidates = 2, width = 4;
    const auto u = random_tensor<double, 2>({users, width}, 1), v = random_tensor<double, 2>({users / block * candidates, width}, 2);
    const auto dy = random_tensor<double, 2>({users * candidates, 1}, 3);
    Tensor<double, 2> repeated_u(users * candidates, width), repeated_v(users * candidates, width);
    for (Index b = 0; b < users; ++b)
        for (Index j = 0; j < candidates; ++j)
            for (Index w = 0; w < width; ++w) {
                repeated_u(b * candidates + j, w) = u(b, w);
                repeated_v(b * candidates + j, w) = v(b / block * candidates + j, w);
            }
    const auto check = [&](const auto& head) {
        typename std::remove_cvref_t<decltype(head)>::Cache cache, plain;
        NoParameters none;
        CHECK(battery::detail::same_bits(head.forward(u, v, block, cache, Training{}),
                                         head.forward(repeated_u, repeated_v, 1, plain, Training{})));
        const auto d = head.backward(dy, cache, none);
        const auto expected = head.backward(dy, plain, none);
        for (Index w = 0; w < width; ++w) {
            for (Index b = 0; b < users; ++b)
                CHECK(std::abs(d.user(b, w) - expected.user(2 * b, w) - expected.user(2 * b + 1, w)) < 1e-12);
            for (Index i = 0; i < users / block * candidates; ++i) {
                double sum = 0;
                for (Index k = 0; k < block; ++k)
                    sum += expected.item((i / candidates * block + k) * candidates + i % candidates, w);
                CHECK(std::abs(d.item(i, w) - sum) < 1e-12);
            }
        }
    };
    check(BasicDot<double>{});
    check(BasicDot<double>{.normalize = true});
    check(BasicCosine<double>{.temperature = 0.1});
}

TEST_CASE("Dot: vectors without a direction score zero", "[dot]") {
    Tensor<float, 2> u(1, 3), v(1, 3);
    u.setZero();
    v.setConstant(1);
    Dot::Cache cache;
    CHECK(Dot{.normalize = true}.forward(u, v, 1, cache)(0, 0) == 0);
}

TEST_CASE("Dot and Cosine say what is wrong", "[dot]") {
    CHECK_THROWS_WITH(Dot{}.build({3}, {4}, Seed{}), "Dot: expected two vectors of one width, received [3] and [4]");
    CHECK_THROWS_WITH(Cosine{.temperature = 0}.build({3}, {3}, Seed{}), "Cosine: expected a positive temperature, received 0");
    const Tensor<float, 2> u(2, 3), v(3, 3), wide(2, 4);
    Dot::Cache cache;
    NoParameters none;
    CHECK_THROWS_AS(Dot{}.forward(u, v, 1, cache), ShapeError);
    CHECK_THROWS_WITH(Dot{}.forward(u, wide, 1, cache), "Dot: built for 3 features, received 4");
    CHECK_THROWS_WITH(Dot{}.backward(u, cache, none), "Dot: backward needs a forward(x, cache, Training{...}) before it");
    Dot{}.forward(u, u, 1, cache, Training{1});
    CHECK_THROWS_WITH(Dot{}.backward(v, cache, none), "Dot: expected a gradient of [2, 1], received [3, 3]");
}
