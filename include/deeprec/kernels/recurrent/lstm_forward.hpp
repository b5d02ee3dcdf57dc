/// Forward of the LSTM for one tile of sequences. The kernel's description is in kernels/recurrent/lstm.hpp.
#pragma once

#include <array>
#include <atomic>
#include <thread>

#include <deeprec/kernels/recurrent/lstm_layout.hpp>

DEEPREC_BEGIN
namespace kernels::detail {

/// z[r][g] += sum_k a[r, k] panel[k, g] for gates g = i, f, c, o. Returns the panel row behind the last one used.
template <Index Height, class V, class T>
DEEPREC_INLINE const T* multiply_gates(V (*z)[4], const T* a, Index stride, Index depth, const T* panel) {
    constexpr Index lanes = static_cast<Index>(V::size);
    for (Index k = 0; k < depth; ++k, panel += 4 * lanes) {
        V w[4];
        DEEPREC_UNROLL
        for (Index g = 0; g < 4; ++g) w[g] = kernels::load<V>(panel + g * lanes);
        DEEPREC_UNROLL
        for (Index r = 0; r < Height; ++r) {
            const V x(a[r * stride + k]);
            DEEPREC_UNROLL
            for (Index g = 0; g < 4; ++g) z[r][g] = kernels::fma(x, w[g], z[r][g]);
        }
    }
    return panel;
}

template <Index Height, class V, class T>
DEEPREC_INLINE void load_gates(V (*z)[4], const T* from, Index stride) {
    DEEPREC_UNROLL
    for (Index r = 0; r < Height; ++r) {
        DEEPREC_UNROLL
        for (Index g = 0; g < 4; ++g) z[r][g] = kernels::load<V>(from + r * stride + g * static_cast<Index>(V::size));
    }
}
template <Index Height, class V, class T>
DEEPREC_INLINE void store_gates(const V (*z)[4], T* to, Index stride) {
    DEEPREC_UNROLL
    for (Index r = 0; r < Height; ++r) {
        DEEPREC_UNROLL
        for (Index g = 0; g < 4; ++g) kernels::store(to + r * stride + g * static_cast<Index>(V::size), z[r][g]);
    }
}

/// Sequences [first, first + n), n at most LstmLayout::tile; of their units those of panels [begin, end), where another
/// thread may have the units before them or behind them. Each has buffers of its own for all units.
template <class T, class Act, class Gate, class Arch>
struct LstmForward {
    using V = Batch<T, Arch>;
    using Layout = LstmLayout<T, Arch>;
    static constexpr Index lanes = Layout::lanes;

    const RecurrentPass& pass;
    const Layout& size;
    const T* packed;
    const RecurrentInput<T>& in;
    const RecurrentOutput<T>& out;
    const Act& act;
    const Gate& gate;
    Index first, n, begin, end;
    T *h, *c;      // states of all steps where backward follows, else of two in turn
    T* gates;      // of all steps, or null where no backward follows
    T* projected;  // x W + b of all steps, [T] gates; null where each step multiplies x itself
    const LstmForward *before = nullptr, *behind = nullptr;
    alignas(128) mutable std::atomic<Index> states{0};  // h_0, h_1, ... that are there; on cache lines of its own

    Index first_unit() const { return begin * lanes; }
    Index units() const { return std::min(size.units, end * lanes) - first_unit(); }
    Index slot(Index t) const { return (gates ? t : t % 2) * n * size.width(); }

    void run() const {
        load_states(in.h0, first, n, size.units, size.width(), h);
        load_states(in.c0, first, n, size.units, size.width(), c);
        states.store(1, std::memory_order_release);
        if (projected) project();
        std::array<Index, static_cast<std::size_t>(Layout::tile)> first_kept;
        for (Index r = 0; r < n; ++r) first_kept[static_cast<std::size_t>(r)] = pass.first_kept(first + r);
        for (Index t = 0; t < pass.time; ++t) {
            step(t);
            states.store(t + 2, std::memory_order_release);
            if (!pass.returns(t)) continue;
            for (Index r = 0; r < n; ++r) {
                T* const y = out.y + pass.output_row(first + r, t) * size.units + first_unit();
                if (t >= first_kept[static_cast<std::size_t>(r)])
                    std::copy_n(h + slot(t + 1) + r * size.width() + first_unit(), units(), y);
                else
                    std::fill_n(y, units(), T(0));
            }
        }
        store(h + slot(pass.time), out.h);
        store(c + slot(pass.time), out.c);
    }
    /// As store_states, but the thread's units alone.
    void store(const T* padded, T* state) const {
        if (!state) return;
        for (Index r = 0; r < n; ++r)
            std::copy_n(padded + r * size.width() + first_unit(), units(),
                        state + (first + r) * size.units + first_unit());
    }

    /// The units of another thread in h_t, once they are there.
    void fetch(const LstmForward& other, Index t) const {
        constexpr int spin_limit = 4000;
        for (int spins = 0; other.states.load(std::memory_order_acquire) <= t;)
            if (++spins > spin_limit) std::this_thread::yield();
        for (Index r = 0; r < n; ++r) {
            const Index place = slot(t) + r * size.width() + other.first_unit();
            std::copy_n(other.h + place, other.units(), h + place);
        }
    }

    /// The steps of a sequence take the place of the sequences in a register tile.
    void project() const {
        const Index F = size.features, stride = n * 4 * size.width();
        for (Index j = begin; j < end; ++j)
            for (Index r = 0; r < n; ++r)
                for (Index t = 0; t < pass.time; t += Layout::height)
                    with_height<Layout::height>(pass.time - t, [&](auto height) {
                        const T* const panel = packed + j * size.panel_size();
                        Array<V[4], height> z;
                        load_gates<height>(z, panel, 0);
                        multiply_gates<height>(z, input(r, t), pass.go_backwards ? -F : F, F, panel + 4 * lanes);
                        store_gates<height>(z, projected + t * stride + (r * size.panels() + j) * 4 * lanes, stride);
                    });
    }

    /// The x of one step.
    const T* input(Index r, Index t) const { return in.x + ((first + r) * pass.time + pass.at(t)) * size.features; }

    /// The sum over h begins with the units before; those behind arrive while it is made, and the next step's x.
    void step(Index t) const {
        if (!projected && t + 1 < pass.time)
            for (Index r = 0; r < n; ++r) prefetch_row(input(r, t + 1), size.features);
        if (before) fetch(*before, t);
        if (!behind) return multiply(t, 0, size.units);
        multiply(t, 0, end * lanes);
        fetch(*behind, t);
        multiply(t, end * lanes, size.units);
    }
    /// What units [from, to) of h_t add to the gates.
    void multiply(Index t, Index from, Index to) const {
        const Index groups = (n + Layout::height - 1) / Layout::height;  // of equal heights, give or take one
        for (Index i = 0; i < end - begin; ++i) {
            const Index j = t % 2 ? end - 1 - i : begin + i;  // back and forth: the panels used last are still in L1
            for (Index k = 0; k < groups; ++k) {
                const Index r = n * k / groups;
                with_height<Layout::height>(n * (k + 1) / groups - r,
                                            [&](auto height) { update<height>(t, j, r, from, to); });
            }
        }
    }

    /// The gates of panel j of sequences r to r + Height at step t; with all of h_t, the new states too.
    template <Index Height>
    void update(Index t, Index j, Index r, Index from, Index to) const {
        const Index width = size.width(), place = r * width + j * lanes,
                    gate_place = (r * size.panels() + j) * 4 * lanes;
        const T* panel = packed + j * size.panel_size();
        Array<V[4], Height> z;
        if (projected) {
            load_gates<Height>(z, projected + t * n * 4 * width + gate_place, 4 * width);
            panel += (1 + size.features) * 4 * lanes;
        } else {
            load_gates<Height>(z, panel, 0);
            panel = multiply_gates<Height>(z, input(r, t), pass.time * size.features, size.features, panel + 4 * lanes);
        }
        multiply_gates<Height>(z, h + slot(t) + r * width + from, width, to - from, panel + from * 4 * lanes);
        if (to < size.units) return store_gates<Height>(z, projected + t * n * 4 * width + gate_place, 4 * width);

        const T *h_old = h + slot(t) + place, *c_old = c + slot(t) + place;
        T *h_new = h + slot(t + 1) + place, *c_new = c + slot(t + 1) + place;
        DEEPREC_UNROLL
        for (Index q = 0; q < Height; ++q) {
            const V i = gate(z[q][0]), f = gate(z[q][1]), a = act(z[q][2]), o = gate(z[q][3]);
            if (gates) {
                const V kept[1][4] = {{kept_of(gate, z[q][0], i), kept_of(gate, z[q][1], f), kept_of(act, z[q][2], a),
                                       kept_of(gate, z[q][3], o)}};
                store_gates<1>(kept, gates + t * n * 4 * width + gate_place + q * 4 * width, 0);
            }
            const V previous = kernels::load<V>(c_old + q * width);
            if (pass.kept(first + r + q, t)) {
                const V cell = kernels::fma(f, previous, i * a);
                kernels::store(c_new + q * width, cell);
                kernels::store(h_new + q * width, o * act(cell));
            } else {
                kernels::store(c_new + q * width, previous);
                kernels::store(h_new + q * width, kernels::load<V>(h_old + q * width));
            }
        }
    }
};

}  // namespace kernels::detail
DEEPREC_END
