// oneDNN's column: layers alone, weights in the layout that it chooses. In a training step the weights have changed, so
// bringing them into that layout, and their gradient back, is part of it.
#include <oneapi/dnnl/dnnl.hpp>

#include <cstring>
#include <unordered_map>

#include "workloads.hpp"

using dnnl::memory;
using peers::Numbers;
using peers::Runner;
using Tag = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;

namespace {

dnnl::engine& cpu() {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}
dnnl::stream& stream() {
    static dnnl::stream stream(cpu());
    return stream;
}
memory::desc shape(const memory::dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }
float* data(const memory& m) { return static_cast<float*>(m.get_data_handle()); }
memory zeros(const memory::desc& d) {
    memory m(d, cpu());
    std::memset(m.get_data_handle(), 0, d.get_size());
    return m;
}
memory tensor(const memory::desc& d, const Numbers& values) {
    memory m(d, cpu());
    std::copy(values.begin(), values.end(), data(m));
    return m;
}
void copy(memory from, memory to) { dnnl::reorder(from, to).execute(stream(), from, to); }
memory in_layout(const memory& m, const memory::desc& d) {
    memory result = zeros(d);
    copy(m, result);
    return result;
}
void run(const dnnl::primitive& primitive, const Arguments& arguments) { primitive.execute(stream(), arguments); }
double sum(const memory& m, std::size_t n) {
    stream().wait();
    return peers::sum(data(m), n);
}

constexpr memory::dim batch = peers::batch, steps = peers::user_steps, features = peers::features, units = peers::units;

void run_convolution(const Runner& runner) {
    if (!runner.wants("conv1d_fwd") && !runner.wants("conv1d_fwdbwd")) return;
    using Forward = dnnl::convolution_forward;
    using BackwardData = dnnl::convolution_backward_data;
    using BackwardWeights = dnnl::convolution_backward_weights;
    constexpr memory::dim channels = peers::channels, window = peers::window, outputs = steps - window + 1;
    constexpr auto direct = dnnl::algorithm::convolution_direct;
    const memory::dims kernel{channels, features, window}, one{1}, none{0};
    const auto x_shape = shape({batch, features, steps}, Tag::nwc),
               y_shape = shape({batch, channels, outputs}, Tag::nwc), b_shape = shape({channels}, Tag::x),
               any = shape(kernel, Tag::any), keras = shape(kernel, Tag::wio);
    const memory x = tensor(x_shape, peers::numbers(std::size_t{batch} * steps * features, "k.x"));
    const memory w = tensor(keras, peers::weights("k.c.w", window * features, channels));
    const memory b = tensor(b_shape, peers::biases("k.c.b", channels)), y = zeros(y_shape);
    const double flops = 2.0 * batch * outputs * window * features * channels;
    const auto forward = [&](dnnl::prop_kind kind) {
        return Forward::primitive_desc({kind, direct, x_shape, any, b_shape, y_shape, one, none, none}, cpu());
    };
    if (const auto d = forward(dnnl::prop_kind::forward_inference); runner.wants("conv1d_fwd")) {
        const Forward layer(d);
        const Arguments arguments{{DNNL_ARG_SRC, x},
                                  {DNNL_ARG_WEIGHTS, in_layout(w, d.weights_desc())},
                                  {DNNL_ARG_BIAS, b},
                                  {DNNL_ARG_DST, y}};
        const auto f = [&] {
            run(layer, arguments);
            stream().wait();
        };
        f();
        runner.run("conv1d_fwd", {flops}, sum(y, std::size_t{batch} * outputs * channels), f);
    }
    if (!runner.wants("conv1d_fwdbwd")) return;
    const auto d = forward(dnnl::prop_kind::forward_training);
    const BackwardData::primitive_desc d_data({direct, x_shape, any, y_shape, one, none, none}, cpu(), d);
    const BackwardWeights::primitive_desc d_weights({direct, x_shape, any, b_shape, y_shape, one, none, none}, cpu(),
                                                    d);
    const Forward layer(d);
    const BackwardData to_data(d_data);
    const BackwardWeights to_weights(d_weights);
    const memory w_forward = zeros(d.weights_desc()), w_backward = zeros(d_data.weights_desc()),
                 dw = zeros(d_weights.diff_weights_desc()), dw_keras = zeros(keras), db = zeros(b_shape),
                 dx = zeros(x_shape), dy = tensor(y_shape, Numbers(std::size_t{batch} * outputs * channels, 1.f));
    const auto f = [&] {
        copy(w, w_forward);
        copy(w, w_backward);
        run(layer, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w_forward}, {DNNL_ARG_BIAS, b}, {DNNL_ARG_DST, y}});
        run(to_data, {{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_WEIGHTS, w_backward}, {DNNL_ARG_DIFF_SRC, dx}});
        run(to_weights,
            {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_WEIGHTS, dw}, {DNNL_ARG_DIFF_BIAS, db}});
        copy(dw, dw_keras);
        stream().wait();
    };
    f();
    const double check = sum(dx, std::size_t{batch} * steps * features) +
                         sum(dw_keras, std::size_t{window} * features * channels) + sum(db, channels);
    runner.run("conv1d_fwdbwd", {3 * flops}, check, f);
}

void run_lstm(const Runner& runner, memory::dim samples) {
    const std::string name = samples == 1 ? "lstm_fwd_b1" : "lstm_fwd";
    const bool training = samples > 1 && runner.wants("lstm_fwdbwd");
    if (!runner.wants(name) && !training) return;
    using Forward = dnnl::lstm_forward;
    using Backward = dnnl::lstm_backward;
    constexpr auto direction = dnnl::rnn_direction::unidirectional_left2right;
    const auto x_shape = shape({steps, samples, features}, Tag::tnc),
               y_shape = shape({steps, samples, units}, Tag::tnc);
    const auto b_shape = shape({1, 1, 4, units}, Tag::ldgo);
    // Initial states of zero are given: left out, the gradient of the recurrent weights is wrong in version 2.6.
    const auto state = shape({1, 1, samples, units}, Tag::ldnc);
    const memory h = zeros(state), c = zeros(state), dh = zeros(state), dc = zeros(state);
    const memory::dims w_dims{1, 1, features, 4, units}, u_dims{1, 1, units, 4, units};
    const auto w_any = shape(w_dims, Tag::any), u_any = shape(u_dims, Tag::any), none = memory::desc();
    const memory w = tensor(shape(w_dims, Tag::ldigo), peers::weights("k.l.w", features, 4 * units));
    const memory u = tensor(shape(u_dims, Tag::ldigo), peers::weights("k.l.u", units, 4 * units));
    const memory b = tensor(b_shape, peers::biases("k.l.b", 4 * units)), x = zeros(x_shape), y = zeros(y_shape);
    const Numbers keras_x = peers::numbers(std::size_t{batch} * steps * features, "k.x");
    for (memory::dim i = 0; i < samples; ++i)
        for (memory::dim t = 0; t < steps; ++t)
            std::copy_n(keras_x.data() + (i * steps + t) * features, features, data(x) + (t * samples + i) * features);
    const auto numbers_of_y = static_cast<std::size_t>(samples * steps * units);
    const double flops = 2.0 * static_cast<double>(samples * steps * (features + units) * 4 * units);
    const auto forward = [&](dnnl::prop_kind kind) {
        return Forward::primitive_desc(
            {kind, direction, x_shape, state, state, w_any, u_any, b_shape, y_shape, none, none}, cpu());
    };
    if (runner.wants(name)) {
        const auto d = forward(dnnl::prop_kind::forward_inference);
        const Forward layer(d);
        const Arguments arguments{{DNNL_ARG_SRC_LAYER, x},
                                  {DNNL_ARG_SRC_ITER, h},
                                  {DNNL_ARG_SRC_ITER_C, c},
                                  {DNNL_ARG_WEIGHTS_LAYER, in_layout(w, d.weights_layer_desc())},
                                  {DNNL_ARG_WEIGHTS_ITER, in_layout(u, d.weights_iter_desc())},
                                  {DNNL_ARG_BIAS, b},
                                  {DNNL_ARG_DST_LAYER, y}};
        const auto f = [&] {
            run(layer, arguments);
            stream().wait();
        };
        f();
        runner.run(name, {flops}, sum(y, numbers_of_y), f);
    }
    if (!training) return;
    const auto d = forward(dnnl::prop_kind::forward_training);
    const Backward::primitive_desc d_back({dnnl::prop_kind::backward,
                                           direction,
                                           x_shape,
                                           state,
                                           state,
                                           w_any,
                                           u_any,
                                           b_shape,
                                           y_shape,
                                           none,
                                           none,
                                           x_shape,
                                           state,
                                           state,
                                           w_any,
                                           u_any,
                                           b_shape,
                                           y_shape,
                                           none,
                                           none},
                                          cpu(), d);
    const Forward layer(d);
    const Backward back(d_back);
    const memory workspace = zeros(d.workspace_desc()), w_forward = zeros(d.weights_layer_desc()),
                 u_forward = zeros(d.weights_iter_desc()), w_back = zeros(d_back.weights_layer_desc()),
                 u_back = zeros(d_back.weights_iter_desc()), dw = zeros(d_back.diff_weights_layer_desc()),
                 du = zeros(d_back.diff_weights_iter_desc()), db = zeros(b_shape), dx = zeros(x_shape),
                 dy = tensor(y_shape, Numbers(numbers_of_y, 1.f)), dw_keras = zeros(shape(w_dims, Tag::ldigo)),
                 du_keras = zeros(shape(u_dims, Tag::ldigo));
    const auto f = [&] {
        for (const auto& [from, to] : {std::pair{w, w_forward}, {u, u_forward}, {w, w_back}, {u, u_back}})
            copy(from, to);
        for (const memory& m : {dw, du, db}) std::memset(m.get_data_handle(), 0, m.get_desc().get_size());  // it adds
        run(layer, {{DNNL_ARG_SRC_LAYER, x},
                    {DNNL_ARG_SRC_ITER, h},
                    {DNNL_ARG_SRC_ITER_C, c},
                    {DNNL_ARG_WEIGHTS_LAYER, w_forward},
                    {DNNL_ARG_WEIGHTS_ITER, u_forward},
                    {DNNL_ARG_BIAS, b},
                    {DNNL_ARG_DST_LAYER, y},
                    {DNNL_ARG_WORKSPACE, workspace}});
        run(back, {{DNNL_ARG_SRC_LAYER, x},
                   {DNNL_ARG_SRC_ITER, h},
                   {DNNL_ARG_SRC_ITER_C, c},
                   {DNNL_ARG_WEIGHTS_LAYER, w_back},
                   {DNNL_ARG_WEIGHTS_ITER, u_back},
                   {DNNL_ARG_BIAS, b},
                   {DNNL_ARG_DST_LAYER, y},
                   {DNNL_ARG_WORKSPACE, workspace},
                   {DNNL_ARG_DIFF_DST_LAYER, dy},
                   {DNNL_ARG_DIFF_SRC_LAYER, dx},
                   {DNNL_ARG_DIFF_SRC_ITER, dh},
                   {DNNL_ARG_DIFF_SRC_ITER_C, dc},
                   {DNNL_ARG_DIFF_WEIGHTS_LAYER, dw},
                   {DNNL_ARG_DIFF_WEIGHTS_ITER, du},
                   {DNNL_ARG_DIFF_BIAS, db}});
        stream().wait();
    };
    f();
    copy(dw, dw_keras);
    copy(du, du_keras);
    const double check = sum(dx, std::size_t{batch} * steps * features) +
                         sum(dw_keras, std::size_t{features} * 4 * units) +
                         sum(du_keras, std::size_t{units} * 4 * units) + sum(db, 4 * units);
    runner.run("lstm_fwdbwd", {3 * flops}, check, f);
}

}  // namespace

int main(int argc, char** argv) {
    const Runner runner("onednn", argc, argv);
    run_convolution(runner);
    run_lstm(runner, batch);
    run_lstm(runner, 1);
}
