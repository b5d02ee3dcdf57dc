/// LSTM over a sequence, forward and backward, with Keras' gates i, f, c, o and masks:
///
///     [i f a o] = [gate gate act gate](x_t W + h_{t-1} R + b),   c_t = f c_{t-1} + i a,   h_t = o act(c_t).
///
/// How it works. Sequences run through all steps in tiles of 24, so that their states stay in the L1 cache and the
/// weights in L2. The weights are packed in panels: panel j holds, for each row of [b; W; R], the numbers of gates i, f,
/// c and o for one register of units. So 6 (with 16 registers: 3) sequences times one panel are a register tile that
/// ends with all four gates of those units, and the cell update follows without a trip to memory. One or two sequences
/// cannot hide the latency of reading W from L2 again at each step: their x_t W + b is computed for all steps at once.
///
/// Backward runs the same tiles from the last step to the first. A step turns dh_t, dc_t into dz_t [4U] and multiplies
/// with R^T; dx, dW, dR and db are long products over all steps of the tile at its end.
///
/// What holds: pre-activations are one chain of fused multiply-adds over b, W, R, so the bits of a sequence do not depend
/// on the other sequences of the call. Gradients of the weights are added tile by tile. No pointer of the caller needs
/// alignment; `packed`, `saved` and `scratch` are best aligned to 64 bytes. Nothing allocates, no two buffers overlap.
/// NaN in an input reaches every output that depends on it. Scalar twin: kernels/reference_lstm.hpp.
#pragma once

#include <algorithm>
#include <array>

#include <deeprec/kernels/gemm.hpp>
#include <deeprec/kernels/gemm_tn.hpp>
#include <deeprec/kernels/recurrent.hpp>

DEEPREC_BEGIN
namespace kernels {
namespace detail {

/// Shapes of the private buffers: states are [n, width] for the n sequences of a tile, gates [n, 4 * width] with the
/// vectors of i, f, c, o of the same units next to each other, as in a panel. `width` is U rounded up to registers.
template <class T, class Arch>
struct LstmLayout {
    static constexpr Index lanes = kernels::lanes<T, Arch>;
    static constexpr Index tile = 24;                                    // sequences that run together
    static constexpr Index height = registers<Arch> == 32 ? 6 : 3;       // sequences in a register tile
    static constexpr Index project_below = 3;                            // sequences
    Index time, features, units;
    explicit LstmLayout(const RecurrentPass& p) : time(p.time), features(p.features), units(p.units) {}
    LstmLayout(Index F, Index U) : time(0), features(F), units(U) {}

    Index panels() const { return (units + lanes - 1) / lanes; }
    Index width() const { return panels() * lanes; }
    Index panel() const { return (1 + features + units) * 4 * lanes; }
    Index packed_recurrent() const { return panels() * panel(); }  // offset of R^T, then W^T
    Index packed_kernel() const { return packed_recurrent() + packed_size<T, Arch>(4 * units, units); }
    Index dz_stride() const { return 4 * units + lanes; }  // a multiple of 4 KiB would crowd few cache sets
};

/// z[r][g] += sum_k a[r, k] panel[k, g] for gates g = i, f, c, o. Returns the panel row behind the last one used.
template <Index Height, class V, class T>
DEEPREC_INLINE const T* multiply_gates(V (&z)[Height][4], const T* a, Index stride, Index depth, const T* panel) {
    constexpr Index lanes = static_cast<Index>(V::size);
    for (Index k = 0; k < depth; ++k, panel += 4 * lanes) {
        V w[4];
        DEEPREC_UNROLL
        for (Index g = 0; g < 4; ++g) w[g] = load<V>(panel + g * lanes);
        DEEPREC_UNROLL
        for (Index r = 0; r < Height; ++r) {
            const V x(a[r * stride + k]);
            DEEPREC_UNROLL
            for (Index g = 0; g < 4; ++g) z[r][g] = kernels::fma(x, w[g], z[r][g]);
        }
    }
    return panel;
}

/// What backward keeps of f(z): the output, or the input where the derivative is a function of that.
template <class F, class V>
DEEPREC_INLINE V kept_of(const F&, const V& input, const V& output) {
    return F::needs_input ? input : output;
}
template <class F, class V>
DEEPREC_INLINE V output_of(const F& f, const V& kept) {
    if constexpr (F::needs_input)
        return f(kept);
    else
        return kept;
}

/// f(std::integral_constant<Index, n>) for n = rows, at most Most.
template <Index Most, class F>
DEEPREC_INLINE void with_height(Index rows, const F& f) {
    if constexpr (Most > 1)
        if (rows < Most) return with_height<Most - 1>(rows, f);
    f(std::integral_constant<Index, Most>{});
}

/// Forward of one tile: sequences [first, first + n).
template <class T, class Act, class Gate, class Arch>
struct LstmForwardTile {
    using V = Batch<T, Arch>;
    using Layout = LstmLayout<T, Arch>;
    static constexpr Index lanes = Layout::lanes;

    const RecurrentPass& pass;
    const Layout size;
    const T* packed;
    const RecurrentInput<T>& in;
    const RecurrentOutput<T>& out;
    const Act& act;
    const Gate& gate;
    Index first, n;
    T *h, *c;            // [slots, n, width]: all steps where backward follows, else two in turn
    T* gates;            // [T, n, 4 * width], or null
    T* projected;        // as gates: x W + b; null where the step multiplies x itself

    Index slot(Index t) const { return (gates ? t : t % 2) * n * size.width(); }

    void run() const {
        const Index B0 = first * size.units;
        fill_state(in.h0 ? in.h0 + B0 : nullptr, h);
        fill_state(in.c0 ? in.c0 + B0 : nullptr, c);
        if (projected) project();
        std::array<Index, Layout::tile> first_kept;
        for (Index r = 0; r < n; ++r) first_kept[static_cast<std::size_t>(r)] = pass.first_kept(first + r);
        for (Index t = 0; t < pass.time; ++t) {
            step(t);
            if (!pass.return_sequences && t + 1 < pass.time) continue;
            for (Index r = 0; r < n; ++r) {
                const Index row = pass.return_sequences ? (first + r) * pass.time + t : first + r;
                T* const y = out.y + row * size.units;
                if (t >= first_kept[static_cast<std::size_t>(r)])
                    std::copy_n(h + slot(t + 1) + r * size.width(), size.units, y);
                else
                    std::fill_n(y, size.units, T(0));
            }
        }
        if (out.h) copy_state(h + slot(pass.time), out.h + B0);
        if (out.c) copy_state(c + slot(pass.time), out.c + B0);
    }

    void fill_state(const T* from, T* to) const {
        std::fill_n(to, n * size.width(), T(0));
        if (from)
            for (Index r = 0; r < n; ++r) std::copy_n(from + r * size.units, size.units, to + r * size.width());
    }
    void copy_state(const T* from, T* to) const {
        for (Index r = 0; r < n; ++r) std::copy_n(from + r * size.width(), size.units, to + r * size.units);
    }

    void project() const {
        const Index steps = pass.time, F = size.features;
        for (Index j = 0; j < size.panels(); ++j)
            for (Index r = 0; r < n; ++r)
                for (Index t = 0; t < steps; t += Layout::height)
                    with_height<Layout::height>(steps - t, [&](auto height) {
                        V z[height][4];
                        const T* const panel = packed + j * size.panel();
                        start(z, panel, 0);
                        multiply_gates<height>(z, in.x + ((first + r) * steps + pass.at(t)) * F,
                                               pass.go_backwards ? -F : F, F, panel + 4 * lanes);
                        for (Index i = 0; i < height; ++i)
                            for (Index g = 0; g < 4; ++g)
                                kernels::store(
                                    projected + ((t + i) * n + r) * 4 * size.width() + (j * 4 + g) * lanes, z[i][g]);
                    });
    }

    template <Index Height>
    static DEEPREC_INLINE void start(V (&z)[Height][4], const T* from, Index stride) {
        DEEPREC_UNROLL
        for (Index r = 0; r < Height; ++r) {
            DEEPREC_UNROLL
            for (Index g = 0; g < 4; ++g) z[r][g] = load<V>(from + r * stride + g * lanes);
        }
    }

    void step(Index t) const {
        // Every second step reads the panels from the last to the first: those used last are still in L1.
        for (Index i = 0; i < size.panels(); ++i) {
            const Index j = t % 2 ? size.panels() - 1 - i : i;
            for (Index r = 0; r < n; r += Layout::height)
                with_height<Layout::height>(n - r, [&](auto height) { update<height>(t, j, r); });
        }
    }

    /// Units of panel j of sequences r to r + Height at step t.
    template <Index Height>
    void update(Index t, Index j, Index r) const {
        const Index width = size.width(), sample = pass.time * size.features, place = r * width + j * lanes;
        const T* panel = packed + j * size.panel();
        V z[Height][4];
        if (projected) {
            start(z, projected + (t * n + r) * 4 * width + j * 4 * lanes, 4 * width);
            panel += (1 + size.features) * 4 * lanes;
        } else {
            start(z, panel, 0);
            panel = multiply_gates<Height>(z, in.x + (first + r) * sample + pass.at(t) * size.features, sample,
                                           size.features, panel + 4 * lanes);
        }
        multiply_gates<Height>(z, h + slot(t) + r * width, width, size.units, panel);
        const T *h_old = h + slot(t) + place, *c_old = c + slot(t) + place;
        T *h_new = h + slot(t + 1) + place, *c_new = c + slot(t + 1) + place;
        T* saved = gates ? gates + (t * n + r) * 4 * width + j * 4 * lanes : nullptr;
        DEEPREC_UNROLL
        for (Index q = 0; q < Height; ++q) {
            const V i = gate(z[q][0]), f = gate(z[q][1]), a = act(z[q][2]), o = gate(z[q][3]);
            if (saved) {
                kernels::store(saved, kept_of(gate, z[q][0], i));
                kernels::store(saved + lanes, kept_of(gate, z[q][1], f));
                kernels::store(saved + 2 * lanes, kept_of(act, z[q][2], a));
                kernels::store(saved + 3 * lanes, kept_of(gate, z[q][3], o));
                saved += 4 * width;
            }
            const V previous = load<V>(c_old + q * width);
            if (pass.kept(first + r + q, t)) {
                const V cell = kernels::fma(f, previous, i * a);
                kernels::store(c_new + q * width, cell);
                kernels::store(h_new + q * width, o * act(cell));
            } else {
                kernels::store(c_new + q * width, previous);
                kernels::store(h_new + q * width, load<V>(h_old + q * width));
            }
        }
    }
};

/// Backward of one tile.
template <class T, class Act, class Gate, class Arch>
struct LstmBackwardTile {
    using V = Batch<T, Arch>;
    using Layout = LstmLayout<T, Arch>;
    static constexpr Index lanes = Layout::lanes;

    const RecurrentPass& pass;
    const Layout size;
    const T* packed;
    const RecurrentInput<T>& in;
    const RecurrentOutputGradient<T>& up;
    const RecurrentGradient<T>& grad;
    const Act& act;
    const Gate& gate;
    Index first, n;
    const T *h, *c, *gates;  // as the forward left them
    T *dh, *dc;              // [n, width], of the step at hand
    T* dz;                   // [T, n, dz_stride], the columns as those of the kernel

    void run() const {
        fill_state(up.h, dh);
        fill_state(up.c, dc);
        for (Index t = pass.time - 1; t >= 0; --t) {
            for (Index r = 0; r < n; ++r) update(t, r);
            if (t > 0 || grad.h0)
                gemm<T, Linear, Arch>(matrix_rows<T>(dz + t * n * size.dz_stride(), n, 4 * size.units, size.dz_stride()),
                                      packed + size.packed_recurrent(), size.units, dh, size.width(), nullptr, {}, true);
        }
        if (grad.h0) copy_state(dh, grad.h0);
        if (grad.c0) copy_state(dc, grad.c0);
        products();
    }

    void update(Index t, Index r) const {
        const Index U = size.units, width = size.width();
        T *const dh_r = dh + r * width, *const dc_r = dc + r * width, *const dz_r = dz + (t * n + r) * size.dz_stride();
        if (up.y && (pass.return_sequences || t + 1 == pass.time) && t >= pass.first_kept(first + r))
            add<T, Arch>(up.y + (pass.return_sequences ? (first + r) * pass.time + t : first + r) * U, dh_r, U);
        if (!pass.kept(first + r, t)) {
            std::fill_n(dz_r, 4 * U, T(0));
            return;
        }
        const T* kept = gates + (t * n + r) * 4 * width;
        const T *c_old = c + (t * n + r) * width, *c_new = c_old + n * width;
        for (Index j = 0; j < U; j += lanes, kept += 4 * lanes) {
            const V ki = load<V>(kept), kf = load<V>(kept + lanes), ka = load<V>(kept + 2 * lanes),
                    ko = load<V>(kept + 3 * lanes), cell = load<V>(c_new + j), y = act(cell);
            const V i = output_of(gate, ki), f = output_of(gate, kf), a = output_of(act, ka), o = output_of(gate, ko);
            const V d_h = load<V>(dh_r + j);
            const V d_c = kernels::fma(d_h * o, act.derivative(kept_of(act, cell, y)), load<V>(dc_r + j));
            const V d[4] = {d_c * a * gate.derivative(ki), d_c * load<V>(c_old + j) * gate.derivative(kf),
                            d_c * i * act.derivative(ka), d_h * y * gate.derivative(ko)};
            for (Index g = 0; g < 4; ++g) {
                if (j + lanes <= U)
                    kernels::store(dz_r + g * U + j, d[g]);
                else
                    store_first(dz_r + g * U + j, d[g], U - j);
            }
            kernels::store(dc_r + j, d_c * f);
            kernels::store(dh_r + j, V(T(0)));  // the product with R^T is added to it; a masked step adds nothing
        }
    }

    void products() const {
        const Index steps = pass.time, F = size.features, U = size.units, stride = size.dz_stride();
        const T* const x = in.x + (first * steps + pass.at(0)) * F;
        gemm_tn<T, Arch>({x, steps * n, n, pass.go_backwards ? -F : F, steps * F, 1, F, 0}, dz, stride, 4 * U,
                         grad.kernel, 4 * U);
        gemm_tn<T, Arch>(matrix_rows<T>(h, steps * n, U, size.width()), dz, stride, 4 * U, grad.recurrent_kernel, 4 * U);
        if (grad.bias) sum_rows<T, Arch>(dz, steps * n, 4 * U, stride, grad.bias);
        if (grad.x)
            gemm<T, Linear, Arch>({dz + pass.at(0) * n * stride, steps * n, steps, stride,
                                   pass.go_backwards ? -n * stride : n * stride, 1, 4 * U, 0},
                                  packed + size.packed_kernel(), F, grad.x + first * steps * F, F);
    }

    void fill_state(const T* from, T* to) const {
        std::fill_n(to, n * size.width(), T(0));
        if (from)
            for (Index r = 0; r < n; ++r) std::copy_n(from + (first + r) * size.units, size.units, to + r * size.width());
    }
    void copy_state(const T* from, T* to) const {
        for (Index r = 0; r < n; ++r) std::copy_n(from + r * size.width(), size.units, to + (first + r) * size.units);
    }
};

}  // namespace detail

/// Numbers in the packed weights of an LSTM.
template <class T, class Arch = xsimd::default_arch>
Index lstm_packed_size(Index features, Index units) {
    const detail::LstmLayout<T, Arch> size(features, units);
    return size.packed_kernel() + packed_size<T, Arch>(4 * units, features);
}

/// Packs weights in Keras' layout for lstm_forward (panels) and lstm_backward (transposes).
template <class T, class Arch = xsimd::default_arch>
void lstm_pack(const RecurrentWeights<T>& weights, Index features, Index units, T* packed) {
    const detail::LstmLayout<T, Arch> size(features, units);
    T* next = packed;
    for (Index j = 0; j < units; j += size.lanes) {
        const auto pack_row = [&](const T* row) {
            for (Index g = 0; g < 4; ++g)
                for (Index u = j; u < j + size.lanes; ++u) *next++ = row && u < units ? row[g * units + u] : T(0);
        };
        pack_row(weights.bias);
        for (Index k = 0; k < features; ++k) pack_row(weights.kernel + k * 4 * units);
        for (Index k = 0; k < units; ++k) pack_row(weights.recurrent_kernel + k * 4 * units);
    }
    pack_transposed<T, Arch>(weights.recurrent_kernel, 4 * units, 4 * units, units, packed + size.packed_recurrent());
    pack_transposed<T, Arch>(weights.kernel, 4 * units, 4 * units, features, packed + size.packed_kernel());
}

/// Numbers of the buffer that carries what lstm_backward needs.
template <class T, class Arch = xsimd::default_arch>
Index lstm_saved_size(const RecurrentPass& pass) {
    return pass.batch * (6 * pass.time + 2) * detail::LstmLayout<T, Arch>(pass).width();
}
template <class T, class Arch = xsimd::default_arch>
Index lstm_forward_scratch_size(const RecurrentPass& pass) {
    using Layout = detail::LstmLayout<T, Arch>;
    return Layout::tile * 4 * Layout(pass).width() + Layout::project_below * pass.time * 4 * Layout(pass).width();
}
template <class T, class Arch = xsimd::default_arch>
Index lstm_backward_scratch_size(const RecurrentPass& pass) {
    using Layout = detail::LstmLayout<T, Arch>;
    return Layout::tile * (2 * Layout(pass).width() + pass.time * Layout(pass).dz_stride());
}

/// y, and the final state where wanted. `saved` is null where no backward follows.
template <class Act, class Gate, class T, class Arch = xsimd::default_arch>
void lstm_forward(const RecurrentPass& pass, const T* packed, const RecurrentInput<T>& in, const RecurrentOutput<T>& out,
                  T* saved, T* scratch, const Act& act = {}, const Gate& gate = {}) {
    const detail::LstmLayout<T, Arch> size(pass);
    const Index width = size.width();
    for (Index first = 0; first < pass.batch; first += size.tile) {
        const Index n = std::min(size.tile, pass.batch - first), states = (saved ? pass.time + 1 : 2) * n * width;
        T* const h = saved ? saved + first * (6 * pass.time + 2) * width : scratch;
        T* const c = h + states;
        T* const projected = n < size.project_below ? scratch + size.tile * 4 * width : nullptr;
        detail::LstmForwardTile<T, Act, Gate, Arch>{pass, size, packed, in, out, act, gate, first, n, h, c,
                                                    saved ? c + states : nullptr, projected}
            .run();
    }
}

/// Gradients, from what lstm_forward saved for the same pass, input and weights.
template <class Act, class Gate, class T, class Arch = xsimd::default_arch>
void lstm_backward(const RecurrentPass& pass, const T* packed, const RecurrentInput<T>& in, const T* saved,
                   const RecurrentOutputGradient<T>& up, const RecurrentGradient<T>& grad, T* scratch,
                   const Act& act = {}, const Gate& gate = {}) {
    const detail::LstmLayout<T, Arch> size(pass);
    const Index width = size.width();
    for (Index first = 0; first < pass.batch; first += size.tile) {
        const Index n = std::min(size.tile, pass.batch - first), states = (pass.time + 1) * n * width;
        const T* const h = saved + first * (6 * pass.time + 2) * width;
        T* const dz = scratch + 2 * n * width;
        detail::LstmBackwardTile<T, Act, Gate, Arch>{pass, size, packed, in, up, grad, act, gate, first, n, h, h + states,
                                                     h + 2 * states, scratch, scratch + n * width, dz}
            .run();
    }
}

}  // namespace kernels
DEEPREC_END
